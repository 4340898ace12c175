"""The parsers: values from documented messages, one declared error from all else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.binance.messages import (
    Book,
    Kline,
    MalformedMessage,
    Shutdown,
    Trade,
    kline_list,
    server_time,
    stream_message,
    trade_list,
)
from futures_pipeline.collection.binance.rows import STREAMED, kline_row
from futures_pipeline.storage.schemas import split
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import frame

AT = datetime(2025, 1, 15, 14, 40, tzinfo=UTC)
AT_MS = 1_736_952_000_000
TRADE = {
    **{"e": "aggTrade", "E": AT_MS + 5, "s": "BTCUSDT", "a": 26129, "p": "69519.18"},
    **{"q": "0.02501000", "f": 100, "l": 105, "T": AT_MS, "m": True, "M": True},
}
BAR = {
    **{"t": AT_MS, "T": AT_MS + 59_999, "s": "BTCUSDT", "i": "1m", "f": 100, "L": 200},
    **{"o": "100.0", "c": "101.5", "h": "102.0", "l": "99.5", "v": "4.0", "n": 7, "x": True},
    **{"q": "402.0", "V": "2.0", "Q": "201.0", "B": "0"},
}
KLINE = {"e": "kline", "E": AT_MS + 60_001, "s": "BTCUSDT", "k": BAR}
BOOK = {"u": 4009, "s": "BTCUSDT", "b": "25.35", "B": "31.21", "a": "25.36", "A": "0"}
ROW = [AT_MS, "100.0", "102.0", "99.5", "101.5", "4.0", AT_MS + 59_999, "402.0", 7, "2", "201", "0"]
PARSERS: list[Callable[[Any], object]] = [
    stream_message,
    server_time,
    lambda body: trade_list("BTCUSDT", body),
    lambda body: kline_list("BTCUSDT", body),
]
NO_DECIMALS = ["", "nan", "inf", "-1", "1e3", "1_0", " 1", "0x10", "\u0663", "1.", ".5", 1.5, None]


def wrapped(event: object) -> str:
    return json.dumps({"stream": "btcusdt@x", "data": event})


def test_a_trade() -> None:
    assert stream_message(wrapped(TRADE)) == Trade("BTCUSDT", 26129, 69519.18, 0.02501, AT)


def test_a_finished_minute() -> None:
    finished = Kline("BTCUSDT", AT, 100.0, 102.0, 99.5, 101.5, 4.0, 402.0, 7)

    assert stream_message(wrapped(KLINE)) == finished
    assert kline_list("BTCUSDT", json.dumps([ROW])) == [finished]


def test_best_prices_and_an_empty_side() -> None:
    assert stream_message(wrapped(BOOK)) == Book("BTCUSDT", 25.35, 31.21, 25.36, 0.0)


@pytest.mark.parametrize("wrap", [json.dumps, wrapped])
def test_the_announced_end_of_a_server(wrap: Callable[[object], str]) -> None:
    assert stream_message(wrap({"e": "serverShutdown", "E": AT_MS})) == Shutdown()


@pytest.mark.parametrize(
    "event",
    [
        {**KLINE, "k": {**BAR, "x": False}},
        {"e": "24hrTicker", "E": AT_MS, "s": "BTCUSDT"},
        {"result": None, "id": 1},
        {},
    ],
)
def test_what_is_not_collected_is_passed_over(event: dict[str, Any]) -> None:
    """Above all a minute that still grows: its last price is not its close."""
    assert stream_message(wrapped(event)) is None


@pytest.mark.parametrize("price", NO_DECIMALS)
@pytest.mark.parametrize("key", ["o", "h", "l", "c", "v", "q"])
def test_no_bar_has_a_number_that_is_none(key: str, price: object) -> None:
    with pytest.raises(MalformedMessage, match=f"as {key}"):
        stream_message(wrapped({**KLINE, "k": {**BAR, key: price}}))


@pytest.mark.parametrize(
    "changed",
    [
        {"t": AT_MS + 1},  # not on a minute
        {"t": AT_MS // 1000},  # seconds
        {"t": AT_MS * 1000},  # microseconds
        {"t": str(AT_MS)},
        {"i": "1h"},
        {"x": 1},
        {"n": -1},
        {"n": True},
        {"n": 2**64},
        {"o": "0"},
    ],
)
def test_a_bar_that_is_not_as_documented_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        stream_message(wrapped({**KLINE, "k": {**BAR, **changed}}))


@pytest.mark.parametrize(
    ("event", "key"),
    [*((TRADE, key) for key in "sapqT"), *((KLINE, key) for key in "sk"), *((BOOK, "B"),)],
)
def test_every_field_that_is_read_is_needed(event: dict[str, Any], key: str) -> None:
    less = {name: value for name, value in event.items() if name != key}
    with pytest.raises(MalformedMessage):
        stream_message(wrapped(less))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "7", "null", '"a"', "[" * 100_000, "9" * 5000, b"\xff\xfe\x00", b"\x00"],
)
def test_what_is_no_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedMessage):
        stream_message(text)


def test_trades_of_an_answer_have_to_ascend() -> None:
    rows = [TRADE | {"a": number} for number in (5, 6, 6)]

    assert [trade.id for trade in trade_list("BTCUSDT", json.dumps(rows[:2]))] == [5, 6]
    with pytest.raises(MalformedMessage, match="ascend"):
        trade_list("BTCUSDT", json.dumps(rows))


def test_the_time_of_the_exchange() -> None:
    assert server_time(json.dumps({"serverTime": AT_MS})) == AT


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=13) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=20,
)
nearly_right = st.one_of(
    [
        st.builds(
            lambda event, key, value: event | {key: value},
            st.just(whole),
            st.sampled_from(sorted(whole)),
            anything,
        )
        for whole in (TRADE, KLINE, BOOK)
    ]
    + [
        st.builds(
            lambda key, value: KLINE | {"k": BAR | {key: value}},
            st.sampled_from(sorted(BAR)),
            anything | st.sampled_from(NO_DECIMALS),
        )
    ]
)


@given(st.binary() | st.text() | anything.map(json.dumps))
def test_bytes_of_any_kind_raise_nothing_else(content: str | bytes) -> None:
    for parse in PARSERS:
        try:
            parse(content)
        except MalformedMessage:
            continue


@given(nearly_right)
def test_an_event_with_one_wrong_field_raises_nothing_else(event: dict[str, Any]) -> None:
    for text in (json.dumps(event), wrapped(event)):
        try:
            stream_message(text)
        except MalformedMessage:
            continue


@given(nearly_right)
def test_what_becomes_a_bar_keeps_the_rules_of_its_table_or_only_breaks_their_shape(
    event: dict[str, Any],
) -> None:
    """No field of the wrong kind gets as far as a row; wrong relations are refused in the open."""
    try:
        found = stream_message(wrapped(event))
    except MalformedMessage:
        return
    if isinstance(found, Kline):
        row = kline_row("BTC/USDT", found, STREAMED, AT) | {"session_date": AT.date()}
        refused = split(frame([row], BARS_1M), BARS_1M, {"BTC/USDT"}).refused
        assert set(refused["rule"]) <= {"high_and_low_bound_the_bar"}


cell = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([])


@given(st.lists(st.lists(cell, max_size=14), max_size=3))
def test_rows_of_any_kind_raise_nothing_else(rows: list[list[Any]]) -> None:
    spoiled = [[*row[:3], *ROW[len(row[:3]) :]] for row in rows]
    for content in (rows, spoiled):
        try:
            kline_list("BTCUSDT", json.dumps(content))
        except MalformedMessage:
            continue
