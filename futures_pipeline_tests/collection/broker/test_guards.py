"""Around the library: the framing is watched, orders cannot leave, handler errors are heard."""

import logging
from collections.abc import Callable
from itertools import pairwise

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.broker.guards import (
    LONGEST_FRAME_BYTES,
    FrameWatch,
    cap_frames,
    forbid_orders,
    report_handler_errors,
)
from futures_pipeline.domain.errors import PipelineError

frames = st.lists(st.binary(max_size=40), max_size=12)
cuts = st.lists(st.integers(0, 400), max_size=30)


def stream(bodies: list[bytes]) -> bytes:
    """Return messages as they stand on the wire: four bytes of length, then the body."""
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def chunks(data: bytes, at: list[int]) -> list[bytes]:
    """Return ``data`` cut at some places; pieces may be empty."""
    places = [0, *sorted(min(cut, len(data)) for cut in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(frames, cuts)
def test_messages_cut_anywhere_are_no_complaint(bodies: list[bytes], at: list[int]) -> None:
    watch = FrameWatch()

    assert [watch.breaks_at(piece) for piece in chunks(stream(bodies), at)] == [None] * (
        len(at) + 1
    )


@given(frames, cuts, st.integers(LONGEST_FRAME_BYTES + 1, 0xFFFFFFFF), st.binary(max_size=20))
def test_a_length_no_message_can_have_is_found_wherever_it_is_cut(
    bodies: list[bytes], at: list[int], length: int, rest: bytes
) -> None:
    watch = FrameWatch()
    data = stream(bodies) + length.to_bytes(4, "big") + rest

    found = [watch.breaks_at(piece) for piece in chunks(data, at)]

    assert [answer for answer in found if answer is not None] == [length]


@given(frames, st.binary(min_size=4, max_size=40))
def test_a_body_that_looks_like_a_length_is_none(bodies: list[bytes], inner: bytes) -> None:
    """Only a length prefix counts: the same four bytes within a message are text."""
    watch = FrameWatch()

    assert watch.breaks_at(stream([*bodies, b"\xff\xff\xff\xff" + inner])) is None


def test_the_longest_message_of_the_protocol_passes() -> None:
    watch = FrameWatch()

    assert watch.breaks_at(LONGEST_FRAME_BYTES.to_bytes(4, "big") + bytes(1000)) is None
    assert watch.breaks_at(bytes(LONGEST_FRAME_BYTES - 1000) + stream([b"next"])) is None


def test_the_session_is_told_what_was_announced() -> None:
    ib, reasons = ib_async.IB(), list[str]()
    ib.client.conn.hasData.clear()  # the library itself would wait for the rest
    cap_frames(ib, reasons.append)

    ib.client.conn.hasData.emit(stream([b"a", b"b"]))
    ib.client.conn.hasData.emit(b"\xff\xff")
    assert reasons == []
    ib.client.conn.hasData.emit(b"\xff\xff")

    assert reasons == ["a message of 4294967295 bytes is announced: the framing is lost"]


# --- orders ----------------------------------------------------------------------------------

ES = ib_async.Contract(conId=1, symbol="ES", exchange="CME")
ORDER = ib_async.Order(orderId=5, action="BUY", totalQuantity=1)


@pytest.mark.parametrize(
    "order",
    [
        lambda ib: ib.placeOrder(ES, ORDER),
        lambda ib: ib.cancelOrder(ORDER),
        lambda ib: ib.reqGlobalCancel(),
        lambda ib: ib.client.exerciseOptions(7, ES, 1, 1, "U0000000", 0),
        lambda ib: ib.client.replaceFA(7, 1, "<xml/>"),
        lambda ib: ib.client.placeOrder(orderId=5, contract=ES, order=ORDER),
    ],
    ids=["place", "cancel", "cancel all", "exercise", "allocate", "below the library's surface"],
)
def test_nothing_that_concerns_an_order_can_be_called(order: Callable[[ib_async.IB], None]) -> None:
    ib = ib_async.IB()
    forbid_orders(ib)

    with pytest.raises(PipelineError, match="never places or changes"):
        order(ib)


def test_every_sender_of_an_order_message_is_forbidden() -> None:
    """If a release of the library gains another method for orders, this names it."""
    ib = ib_async.IB()
    allowed = {name for name in dir(ib.client) if name.startswith("req") and "Order" in name}
    forbid_orders(ib)

    for name in dir(ib_async.client.Client):
        concerns_orders = any(word in name for word in ("Order", "exercise", "GlobalCancel", "FA"))
        if concerns_orders and name not in allowed | {"requestFA"}:
            with pytest.raises(PipelineError):
                getattr(ib.client, name)()


def test_questions_are_not_forbidden() -> None:
    ib = ib_async.IB()
    forbid_orders(ib)

    with pytest.raises(ConnectionError, match="Not connected"):
        ib.client.reqCurrentTime()


# --- event handlers --------------------------------------------------------------------------


def test_what_a_handler_raises_is_logged_with_its_traceback_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ib, counted = ib_async.IB(), list[int]()
    report_handler_errors(ib, lambda: counted.append(1))

    def broken(*_: object) -> None:
        raise KeyError("a bug of ours")

    ib.pendingTickersEvent += broken
    ib.errorEvent += broken
    with caplog.at_level(logging.ERROR):
        ib.pendingTickersEvent.emit(set())
        ib.errorEvent.emit(-1, 1100, "lost", None)
        ib.barUpdateEvent.emit([], True)

    assert len(counted) == 2
    ours = [record for record in caplog.records if record.name.startswith("futures_pipeline")]
    assert [record.getMessage().split()[0] for record in ours] == ["event_handler_failed"] * 2
    assert all(record.exc_info and record.exc_info[0] is KeyError for record in ours)


def test_one_handler_that_raises_does_not_keep_the_next_from_its_event() -> None:
    ib, heard = ib_async.IB(), list[str]()
    report_handler_errors(ib, lambda: heard.append("counted"))

    def broken(*_: object) -> None:
        raise ValueError

    ib.updateEvent += broken
    ib.updateEvent += lambda: heard.append("second")
    ib.updateEvent.emit()

    assert heard == ["counted", "second"]
