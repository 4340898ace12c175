"""The queue hands out work in order and once; a request and its rows are kept together."""

import sqlite3
from datetime import date, timedelta

import polars as pl
import pytest

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool import NewBatch, NewRequest, Partition, Spool, from_payload
from futures_pipeline_tests.storage.rows import AT, SESSION, frame, snapshot

KINDS = ("bars", "snapshot")
LATER = AT + timedelta(minutes=5)


def request(symbol: str, priority: int = 5, identity: str | None = None) -> NewRequest:
    return NewRequest("bars", symbol, priority, {"days": 1}, identity)


def batch(session_date: date = SESSION, rows: int = 2) -> NewBatch:
    quotes = [snapshot(timestamp=AT + timedelta(seconds=n)) for n in range(rows)]
    return NewBatch("futures_snapshots", session_date, frame(quotes))


def claimed(spool: Spool, limit: int = 10) -> list[str]:
    return [taken.symbol for taken in spool.claim(KINDS, limit, AT)]


def test_claims_by_priority_then_age(spool: Spool) -> None:
    spool.enqueue([request("ES", 5), request("NQ", 1), request("RTY", 5), request("SPY", 1)], AT)

    assert claimed(spool, 3) == ["NQ", "SPY", "ES"]
    assert claimed(spool, 3) == ["RTY"]
    assert claimed(spool, 3) == []


def test_claims_only_the_kinds_asked_for(spool: Spool) -> None:
    spool.enqueue([request("ES"), NewRequest("snapshot", "NQ", 1)], AT)

    assert [taken.symbol for taken in spool.claim(["bars"], 10, AT)] == ["ES"]


def test_a_request_put_back_waits_until_it_is_due(spool: Spool) -> None:
    spool.enqueue([request("ES")], AT)
    first = spool.claim(KINDS, 1, AT)[0]
    spool.put_back(first.id, "pending", ("pacing", "too fast"), (AT, LATER))

    assert spool.claim(KINDS, 1, AT) == []
    again = spool.claim(KINDS, 1, LATER)[0]
    assert (again.id, again.attempts, again.parameters) == (first.id, 2, {"days": 1})


def test_a_known_identity_is_not_queued_twice_and_a_refused_one_is_tried_anew(
    spool: Spool,
) -> None:
    wanted = [request("ES", identity="es:1"), request("NQ", identity="nq:1")]
    assert spool.enqueue(wanted, AT) == 2
    taken = spool.claim(KINDS, 2, AT)
    spool.finish([taken[0].id], [], AT)
    spool.put_back(taken[1].id, "dead", ("not_subscribed", "354"), (AT, AT))

    assert spool.enqueue(wanted, AT) == 1
    (again,) = spool.claim(KINDS, 2, AT)
    assert (again.symbol, again.attempts) == ("NQ", 1)


def test_one_identity_twice_in_one_call_is_one_request(spool: Spool) -> None:
    assert spool.enqueue([request("ES", identity="es:1"), request("ES", identity="es:1")], AT) == 1


def test_recover_puts_back_running_work_and_fails_what_was_of_the_moment(spool: Spool) -> None:
    spool.enqueue([request("ES"), NewRequest("snapshot", "NQ", 1)], AT)
    spool.claim(KINDS, 10, AT)

    spool.drop(["snapshot"], AT)
    assert spool.recover(["backfill"], AT) == 0
    assert spool.recover(["bars"], AT) == 1
    assert spool.request_counts() == {("bars", "pending"): 1, ("snapshot", "failed"): 1}
    assert claimed(spool) == ["ES"]


def test_forget_deletes_only_old_ended_requests_of_the_kinds(spool: Spool) -> None:
    spool.enqueue([NewRequest("snapshot", "ES", 1), NewRequest("snapshot", "NQ", 2)], AT)
    spool.finish([spool.claim(KINDS, 1, AT)[0].id], [], AT)

    assert spool.forget(["snapshot"], AT) == 0
    assert spool.forget(["bars"], LATER) == 0
    assert spool.forget(["snapshot"], LATER) == 1
    assert spool.request_counts() == {("snapshot", "pending"): 1}


def test_refused_requests_say_why(spool: Spool) -> None:
    spool.enqueue([request("ES")], AT)
    taken = spool.claim(KINDS, 1, AT)[0]
    spool.put_back(taken.id, "dead", ("no_permission", "354 not subscribed"), (AT, AT))

    assert spool.refused_requests() == [("ES", "no_permission", "354 not subscribed")]


def test_finish_keeps_rows_and_marks_done(spool: Spool) -> None:
    spool.enqueue([request("ES")], AT)
    taken = spool.claim(KINDS, 1, AT)[0]
    spool.finish([taken.id], [batch(rows=3)], AT)

    assert spool.request_counts() == {("bars", "done"): 1}
    assert spool.partitions() == [Partition("futures_snapshots", SESSION, 1, 3)]


def test_finish_is_all_or_nothing(spool: Spool) -> None:
    """A batch that cannot be kept leaves the request running and no other batch behind."""
    spool.enqueue([request("ES")], AT)
    taken = spool.claim(KINDS, 1, AT)[0]
    unkeepable = NewBatch(None, SESSION, batch().rows)  # type: ignore[arg-type]

    with pytest.raises(SpoolError, match="NOT NULL"):
        spool.finish([taken.id], [batch(), unkeepable], AT)

    assert spool.partitions() == []
    assert spool.request_counts() == {("bars", "running"): 1}


def test_read_after_returns_later_batches_of_one_partition_in_order(spool: Spool) -> None:
    other = SESSION + timedelta(days=1)
    spool.append([batch(), batch(other), batch(rows=5)], AT)

    assert [found.seq for found in spool.read_after("futures_snapshots", SESSION, 0)] == [1, 3]
    after = spool.read_after("futures_snapshots", SESSION, 1)
    assert [from_payload(found.payload).height for found in after] == [5]
    assert spool.read_after("bars_1m", SESSION, 0) == []


def test_a_batch_survives_the_trip_unchanged(spool: Spool) -> None:
    rows = frame([snapshot(last=float("nan"), bid=None)])
    spool.append([NewBatch("futures_snapshots", SESSION, rows)], AT)

    found = spool.read_after("futures_snapshots", SESSION, 0)[0]
    assert from_payload(found.payload).equals(rows, null_equal=True)


def test_an_empty_batch_is_not_kept(spool: Spool) -> None:
    spool.append([NewBatch("futures_snapshots", SESSION, pl.DataFrame())], AT)

    assert spool.partitions() == []


def test_seq_is_never_reused(spool: Spool) -> None:
    """The lake's committed positions rely on it, so a pruned spool must go on counting."""
    spool.append([batch(), batch()], AT)
    database = sqlite3.connect(spool.url.removeprefix("sqlite:///"))
    with database:
        database.execute("DELETE FROM batches")
    database.close()
    spool.append([batch()], AT)

    assert spool.partitions()[0].last_seq == 3


def test_a_spool_that_cannot_be_opened_says_where(tmp_path: object) -> None:
    with pytest.raises(SpoolError, match=r"missing/spool\.sqlite.*unable to open"):
        Spool(f"sqlite:///{tmp_path}/missing/spool.sqlite")


def test_bytes_that_are_no_frame_are_refused() -> None:
    with pytest.raises(SpoolError, match="not Arrow IPC"):
        from_payload(b"no frame")
