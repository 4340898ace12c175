"""When a stream is silent, what a torn quote is, and when a line has said what it must."""

from dataclasses import replace
from datetime import datetime, timedelta

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.broker.codes import meaning
from futures_pipeline.collection.streaming.bars import Bar
from futures_pipeline.collection.streaming.lines import (
    MACHINE_SILENCE_SECONDS,
    RESTORED_SILENCE_SECONDS,
    SILENCE_SECONDS,
    THIN_SILENCE_SECONDS,
    TORN_QUOTE_SECONDS,
    Line,
    Moment,
    Stream,
)
from futures_pipeline_tests.collection.builders import NOON, line_of, new_york_time

DAY = timedelta(days=1)
both = pytest.mark.parametrize("stream", list(Stream))


def at(when: datetime) -> Moment:
    """Return a moment on both clocks, which run equally fast."""
    return Moment(when, when.timestamp())


def after(seconds: float, when: datetime = NOON) -> Moment:
    """Return the moment so many seconds later."""
    return at(when + timedelta(seconds=seconds))


def heard(symbol: str, when: datetime = NOON) -> Line:
    """Return a line both of whose streams spoke at ``when``."""
    line = line_of(symbol, when - DAY)
    for stream in Stream:
        line.hear(stream, at(when))
    return line


# --- silence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["ES", "SPY", "VIX"])
@both
def test_a_stream_is_silent_after_its_patience_and_not_before(symbol: str, stream: Stream) -> None:
    line, patience = heard(symbol), SILENCE_SECONDS[stream]

    assert not line.is_silent(stream, after(patience), None)
    assert line.is_silent(stream, after(patience + 0.001), None)


@both
def test_a_new_stream_has_the_same_patience_from_its_opening(stream: Stream) -> None:
    line, patience = line_of("ES", NOON, at(NOON).machine_seconds), SILENCE_SECONDS[stream]

    assert not line.is_silent(stream, after(patience), None)
    assert line.is_silent(stream, after(patience + 0.001), None)


@both
@given(hours=st.floats(0.1, 200.0), machine=st.floats(0.0, MACHINE_SILENCE_SECONDS - 0.001))
def test_nothing_is_silent_before_the_machine_had_its_seconds(
    stream: Stream, hours: float, machine: float
) -> None:
    """At 600 times real time an hour is six seconds: data may stand in the socket."""
    line = heard("ES")
    now = Moment(NOON + timedelta(hours=hours), at(NOON).machine_seconds + machine)

    assert not line.is_silent(stream, now, None)
    assert not line.is_silent(stream, now, NOON + timedelta(seconds=1))


@both
@pytest.mark.parametrize("symbol", ["SPY", "QQQ", "IWM"])
@pytest.mark.parametrize("hour", [5, 8, 17, 19])
def test_an_etf_may_rest_long_outside_the_regular_hours(
    stream: Stream, symbol: str, hour: int
) -> None:
    when = new_york_time(2025, 1, 15, hour)
    line = heard(symbol, when)

    assert not line.is_silent(stream, after(THIN_SILENCE_SECONDS, when), None)
    assert line.is_silent(stream, after(THIN_SILENCE_SECONDS + 1, when), None)


@both
def test_a_future_has_no_thin_hours(stream: Stream) -> None:
    night = new_york_time(2025, 1, 15, 3)

    assert heard("ES", night).is_silent(stream, after(61, night), None)


@both
@pytest.mark.parametrize(
    ("symbol", "last_word", "opens"),
    [
        ("ES", (2025, 1, 15, 16, 59, 59), (2025, 1, 15, 18)),  # the maintenance hour
        ("ES", (2025, 1, 17, 16, 59, 59), (2025, 1, 19, 18)),  # the week-end
        ("VIX", (2025, 1, 15, 15, 59, 59), (2025, 1, 16, 9, 30)),
        ("VIX", (2024, 12, 24, 12, 59, 59), (2024, 12, 26, 9, 30)),  # a shortened day
        ("SPY", (2025, 1, 15, 19, 59, 59), (2025, 1, 16, 4)),
    ],
)
def test_a_closure_is_no_silence_and_the_open_gives_new_patience(
    stream: Stream, symbol: str, last_word: tuple[int, ...], opens: tuple[int, ...]
) -> None:
    line, open_at = heard(symbol, new_york_time(*last_word)), new_york_time(*opens)
    patience = THIN_SILENCE_SECONDS if symbol == "SPY" else SILENCE_SECONDS[stream]

    for seconds in (-3600, -1, 0, patience - 2):
        assert not line.is_silent(stream, after(seconds, open_at), None)
    assert line.is_silent(stream, after(patience, open_at), None)


@both
@pytest.mark.parametrize(
    ("symbol", "last_word", "closed"),
    [
        ("ES", (2025, 1, 15, 16, 30), (2025, 1, 15, 17, 30)),
        ("VIX", (2025, 1, 15, 15, 30), (2025, 1, 15, 20)),
        ("SPY", (2025, 1, 15, 19, 30), (2025, 1, 15, 22)),
        ("SPY", (2025, 1, 17, 19, 30), (2025, 1, 19, 12)),
    ],
)
@pytest.mark.parametrize("is_restored", [True, False])
def test_what_fell_silent_before_the_close_is_not_expected_to_speak_after_it(
    stream: Stream,
    symbol: str,
    last_word: tuple[int, ...],
    closed: tuple[int, ...],
    is_restored: bool,
) -> None:
    last = new_york_time(*last_word)
    line = heard(symbol, last)
    restored_at = last + timedelta(minutes=1) if is_restored else None

    assert not line.is_silent(stream, after(0, new_york_time(*closed)), restored_at)


@both
@pytest.mark.parametrize("away_seconds", [2, 600])
def test_after_a_restored_connection_patience_is_short_and_new(
    stream: Stream, away_seconds: int
) -> None:
    """However long the broker's servers were away, a stream may need some seconds to go on."""
    line, restored_at = heard("ES"), NOON + timedelta(seconds=away_seconds)
    last = away_seconds + RESTORED_SILENCE_SECONDS

    assert not line.is_silent(stream, after(last), restored_at)
    assert line.is_silent(stream, after(last + 0.001), restored_at)


@both
def test_a_stream_that_spoke_after_the_restoring_has_its_usual_patience(stream: Stream) -> None:
    line, restored_at = heard("ES"), NOON - timedelta(seconds=20)

    assert not line.is_silent(stream, after(RESTORED_SILENCE_SECONDS + 5), restored_at)


@both
def test_a_connection_restored_in_a_closure_is_judged_when_the_market_opens(stream: Stream) -> None:
    line = heard("ES", new_york_time(2025, 1, 15, 16, 59, 50))
    restored_at, opens = new_york_time(2025, 1, 15, 17, 30), new_york_time(2025, 1, 15, 18)

    assert not line.is_silent(stream, after(-1, opens), restored_at)
    assert not line.is_silent(stream, after(RESTORED_SILENCE_SECONDS, opens), restored_at)
    assert line.is_silent(stream, after(RESTORED_SILENCE_SECONDS + 1, opens), restored_at)


@both
def test_a_refused_stream_is_never_silent_until_it_speaks(stream: Stream) -> None:
    line = heard("ES")
    line.refused[stream] = meaning(354, "")
    assert not line.is_silent(stream, after(100_000), None)

    line.hear(stream, at(NOON))

    assert line.is_silent(stream, after(1_000), None)


def test_only_what_is_subscribed_to_can_be_silent() -> None:
    line = heard("ES")
    line.ticker = None
    assert line.streams == [Stream.BARS]
    assert not line.is_silent(Stream.QUOTES, after(1_000), None)
    line.bars = None
    assert not line.is_silent(Stream.BARS, after(1_000), None)


def test_one_stream_that_speaks_does_not_cover_for_the_other() -> None:
    line = heard("ES")
    line.hear(Stream.QUOTES, after(70))

    assert not line.is_silent(Stream.QUOTES, after(80), None)
    assert line.is_silent(Stream.BARS, after(80), None)


# --- what a line has been told ---------------------------------------------------------------


def tell(line: Line, now: Moment, **fields: float) -> None:
    """Let the line's ticker be told something."""
    assert line.ticker is not None
    for name, value in fields.items():
        setattr(line.ticker, name, value)
    kinds = {"bid": 1, "ask": 2, "last": 4}
    line.ticker.ticks = [ib_async.TickData(now.at, kinds[name], 0.0, 0.0) for name in fields]
    line.take_quote(now)


def test_the_pair_before_stands_while_a_quote_is_torn() -> None:
    line = line_of("ES", NOON)
    tell(line, after(0), bid=100.0, ask=100.25)
    tell(line, after(1), bid=100.5)  # the ask that belongs to it is under way

    assert (line.quote.bid, line.quote.ask) == (100.0, 100.25)

    tell(line, after(1.01), ask=100.75)

    assert (line.quote.bid, line.quote.ask) == (100.5, 100.75)


def test_a_cross_that_lasts_is_told_as_it_is() -> None:
    line = line_of("ES", NOON)
    tell(line, after(0), bid=100.0, ask=100.25)
    tell(line, after(1), bid=100.5)
    tell(line, after(1 + TORN_QUOTE_SECONDS), bid=100.5)

    assert (line.quote.bid, line.quote.ask) == (100.5, 100.25)


def test_a_locked_quote_is_not_crossed() -> None:
    line = line_of("ES", NOON)
    tell(line, after(0), bid=100.0, ask=100.0)

    assert (line.quote.bid, line.quote.ask) == (100.0, 100.0)


def test_the_last_price_is_as_old_as_its_own_tick() -> None:
    line = line_of("VIX", NOON)
    tell(line, after(0), last=15.0)
    tell(line, after(9), bid=1.0)

    assert line.last_price_at == NOON


@pytest.mark.parametrize(
    ("symbol", "fields", "spoken"),
    [
        ("ES", {"bid": 100.0, "ask": 100.25}, True),
        ("ES", {"last": 100.0}, False),
        ("ES", {"bid": 100.0}, False),
        ("ES", {"bid": -1.0, "ask": 100.0}, False),  # -1: no price on that side
        ("VIX", {"last": 15.0}, True),
        ("VIX", {"bid": 1.0, "ask": 2.0}, False),
    ],
)
def test_a_line_has_spoken_when_a_snapshot_needs_nothing_more(
    symbol: str, fields: dict[str, float], spoken: bool
) -> None:
    line = line_of(symbol, NOON)
    assert not line.has_spoken

    tell(line, after(0), **fields)

    assert line.has_spoken is spoken


def test_five_second_bars_of_a_minute_become_its_bar() -> None:
    line = line_of("ES", NOON)
    part = Bar(NOON, 100.0, 101.0, 99.0, 100.5, 1.0, 100.0, 1)
    parts = [replace(part, starts_at=NOON + timedelta(seconds=5 * n)) for n in range(13)]

    assert line.take_bars(parts[:11], after(55)) == []
    (minute,) = line.take_bars(parts[11:], after(65))

    assert (minute.starts_at, minute.volume) == (NOON, 12.0)
    assert line.heard[Stream.BARS] == after(65)
