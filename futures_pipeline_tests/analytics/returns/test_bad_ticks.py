"""Bad ticks leave the returns, jumps stay; every minute says what is unusual of it."""

import doctest
import math
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.returns import flags
from futures_pipeline.analytics.returns.flags import FLAG_SCHEMA, Flag, quality_flags
from futures_pipeline.analytics.returns.grid import grid_returns
from futures_pipeline.analytics.returns.pairs import paired_returns, regular_sessions
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.analytics.frames import WEDNESDAY, all_hours, prices, stacked

MINUTE = timedelta(minutes=1)
NINE, OPEN = new_york(WEDNESDAY, 9), new_york(WEDNESDAY, 9, 30)
TICKS = {"ES": 0.25, "SPY": 0.01}


def walk(count: int, seed: int = 3) -> np.ndarray:
    """Closes of a quiet market, a tick or two a minute."""
    return 6_000 + 0.25 * np.random.default_rng(seed).integers(-2, 3, count).cumsum()


def returns_of(closes: Sequence[float], calendar: TradingCalendar, **leg: str) -> pl.DataFrame:
    """One-minute returns of closes from 09:00 New York on."""
    frame = prices(*((NINE + MINUTE * n, close) for n, close in enumerate(closes)), **leg)
    return grid_returns(frame, all_hours(calendar), calendar, [WEDNESDAY], 1)


def at(returns: pl.DataFrame, minute: int) -> dict[str, object]:
    return returns.row(by_predicate=pl.col("at") == NINE + MINUTE * minute, named=True)


def test_a_price_that_comes_back_is_a_bad_tick(calendar: TradingCalendar) -> None:
    closes = walk(100)
    closes[60] *= 1.01
    returns = returns_of(closes, calendar)
    wrong, after = at(returns, 60), at(returns, 61)
    assert wrong["log_return"] == pytest.approx(math.log(closes[60] / closes[59]))
    assert (wrong["is_outlier"], wrong["is_undone"], wrong["reason"]) == (True, True, None)
    assert (after["log_return"], after["reason"]) == (None, "bad_tick")
    assert returns["is_outlier"].sum() == returns["is_undone"].sum() == 1


@pytest.mark.parametrize(
    ("back", "is_undone"), [(0.0, False), (0.7, False), (0.9, True), (3, False)]
)
def test_a_jump_that_stays_or_goes_on_is_kept(
    calendar: TradingCalendar, back: float, is_undone: bool
) -> None:
    closes = walk(100)
    closes[60:] *= 1.01
    closes[61:] *= 1.01**-back
    returns = returns_of(closes, calendar)
    assert at(returns, 60)["is_outlier"]
    assert at(returns, 60)["is_undone"] is is_undone
    assert (at(returns, 61)["log_return"] is None) is is_undone


def test_ordinary_moves_of_a_quiet_market_are_no_outliers(calendar: TradingCalendar) -> None:
    """Most minutes do not move at all: the usual size is that of the moves, never nothing."""
    closes = walk(400)
    closes[::2] = closes[1::2]
    assert not returns_of(closes, calendar)["is_outlier"].any()
    early = walk(100)
    early[15] *= 1.01
    assert not returns_of(early, calendar)["is_outlier"].any()


def test_a_bad_tick_has_no_price_in_the_regular_hours(calendar: TradingCalendar) -> None:
    closes = walk(100)
    closes[60] *= 1.01
    legs = [
        returns_of(closes, calendar),
        returns_of(walk(100, 4) / 10, calendar, symbol="SPY", contract="SPY"),
    ]
    found = regular_sessions(paired_returns(pl.concat(legs), "ES", "SPY"), calendar)
    assert np.isnan(found.futures[0, 30])
    assert np.isfinite(found.futures[0, [29, 31]]).all()
    futures, _ = found.returns()
    assert np.nanmax(np.abs(futures)) < 0.001


def flags_of(
    bars: pl.DataFrame, calendar: TradingCalendar, days: Sequence[date] = (WEDNESDAY,)
) -> pl.DataFrame:
    named = bars.with_columns(timestamp="ts_end", price="close", price_source=pl.lit("bar_close"))
    front = grid_returns(named, all_hours(calendar), calendar, days, 1)
    found = quality_flags(front, bars, calendar, TICKS)
    assert found.schema == pl.Schema(FLAG_SCHEMA)
    return found


def bars_of(closes: Sequence[float], start: object = NINE, contract: str = "ESH5") -> pl.DataFrame:
    ends = [start + MINUTE * n for n in range(len(closes))]
    columns = {"contract": contract, "ts_end": ends, "close": closes, "volume": 5.0, "symbol": "ES"}
    return pl.DataFrame(columns)


def test_each_minute_says_what_is_unusual_of_it(calendar: TradingCalendar) -> None:
    closes = walk(120)
    closes[60] *= 1.01  # off the tick as well
    closes[80:86] = closes[79]
    bars = bars_of(closes).with_row_index("row").filter(~pl.col("row").is_between(100, 106))
    bars = bars.with_columns(volume=pl.when(pl.col("row") == 95).then(0.0).otherwise("volume"))
    found = dict(flags_of(bars, calendar).select("at", "quality_flags").iter_rows())
    by_minute = {minute: Flag(found[NINE + MINUTE * minute]) for minute in range(120)}
    assert by_minute[60] == Flag.OUTLIER | Flag.OFF_TICK
    assert by_minute[61] == Flag.BAD_TICK
    assert [by_minute[minute] for minute in (82, 83, 85)] == [0, Flag.FLAT, Flag.FLAT]
    assert by_minute[95] == Flag.ZERO_VOLUME
    assert [by_minute[minute] for minute in (100, 104)] == [Flag.GAP] * 2
    assert by_minute[105] == by_minute[106] == Flag.GAP | Flag.STALE
    assert by_minute[40] == 0


def test_a_roll_and_a_shortened_session_are_marked(calendar: TradingCalendar) -> None:
    """Of 20 January 2025 the session ends at 13:00; on the 21st another contract leads."""
    days = [date(2025, 1, day) for day in (17, 20, 21)]
    parts = [
        bars_of(walk(30), new_york(day, 10), contract)
        for day, contract in zip(days, ("ESH5", "ESH5", "ESM5"), strict=True)
    ]
    found = flags_of(stacked(parts), calendar, days)
    at_ten = found.filter(pl.col("at").is_in([new_york(day, 10, 5) for day in days]))
    assert [Flag(value) for value in at_ten["quality_flags"]] == [0, Flag.SHORTENED, Flag.ROLL]
    is_regular = dict(at_ten.select("session_date", "is_regular").iter_rows())
    assert is_regular == dict(zip(days, (True, False, True), strict=True))


def test_doctests() -> None:
    found = doctest.testmod(flags)
    assert found.attempted
    assert not found.failed
