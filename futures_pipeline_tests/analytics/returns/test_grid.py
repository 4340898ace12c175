"""Prices on the grid and their returns, by hand. Source: QUANT_SPEC 3.1."""

import math
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.returns.grid import RETURN_SCHEMA, grid_returns, mid_quotes
from futures_pipeline.domain.errors import UnknownSymbol
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.analytics.frames import (
    SNAPSHOT_SCHEMA,
    WEDNESDAY,
    all_hours,
    prices,
    stacked,
)

MINUTE = timedelta(minutes=1)
OPEN = new_york(date(2025, 1, 14), 18)
NOON = new_york(WEDNESDAY, 12)


def returns_of(
    frame: pl.DataFrame, calendar: TradingCalendar, minutes: int = 1, *days: date
) -> pl.DataFrame:
    return grid_returns(frame, all_hours(calendar), calendar, days or (WEDNESDAY,), minutes)


def at(returns: pl.DataFrame, moment: datetime, contract: str = "ESH5") -> dict[str, object]:
    is_row = (pl.col("at") == moment) & (pl.col("contract") == contract)
    return returns.row(by_predicate=is_row, named=True)


def test_a_return_is_indexed_by_its_end_and_uses_the_last_price_before(
    calendar: TradingCalendar,
) -> None:
    frame = prices((NOON, 100.0), (NOON + timedelta(seconds=50), 101.0), (NOON + 2 * MINUTE, 103.0))
    returns = returns_of(frame, calendar)
    assert returns.schema == pl.Schema(RETURN_SCHEMA)
    row = at(returns, NOON + MINUTE)
    assert row["log_return"] == pytest.approx(math.log(1.01))
    assert (row["price"], row["age_seconds"], row["reason"]) == (101.0, 10.0, None)
    assert at(returns, NOON + 2 * MINUTE)["log_return"] == pytest.approx(math.log(103 / 101))


def test_every_point_of_a_session_has_a_row(calendar: TradingCalendar) -> None:
    """23 hours of minutes, 276 of five minutes; the open itself ends no return."""
    frame = prices((NOON, 100.0), (new_york(WEDNESDAY, 17), None))
    one, five = returns_of(frame, calendar), returns_of(frame, calendar, 5)
    assert (one.height, five.height) == (1380, 276)
    assert (one["at"][0], one["at"][-1]) == (OPEN + MINUTE, new_york(WEDNESDAY, 17))


def test_what_comes_after_the_newest_observation_is_not_known(calendar: TradingCalendar) -> None:
    """At noon an hour's return ends at noon, though its price would pass as fresh until one."""
    spy = prices((NOON - 2 * MINUTE, 400.0), symbol="SPY", contract="SPY")
    for minutes in (1, 60):
        returns = returns_of(stacked([prices((NOON, 100.0)), spy]), calendar, minutes)
        assert set(returns.group_by("contract").agg(pl.col("at").max())["at"]) == {NOON}


def test_longer_returns_are_sums_of_the_shorter_ones(calendar: TradingCalendar) -> None:
    walk = 100 + np.random.default_rng(1).normal(size=1381).cumsum()
    frame = prices(*((OPEN + minute * MINUTE, value) for minute, value in enumerate(walk)))
    one, five = returns_of(frame, calendar), returns_of(frame, calendar, 5)
    sums = one["log_return"].to_numpy().reshape(-1, 5).sum(axis=1)
    np.testing.assert_allclose(five["log_return"].to_numpy(), sums, atol=1e-12)
    np.testing.assert_allclose(sums.sum(), np.log(walk[-1] / walk[0]))


@pytest.mark.parametrize(("minutes", "limit_minutes"), [(1, 5), (5, 5), (15, 15)])
def test_a_price_older_than_five_minutes_and_than_the_interval_is_stale(
    calendar: TradingCalendar, minutes: int, limit_minutes: int
) -> None:
    later = (NOON + 60 * MINUTE, None)
    frame = prices((NOON - MINUTE * minutes, 99.0), (NOON, 100.0), later)
    returns = returns_of(frame, calendar, minutes)
    fresh = at(returns, NOON + limit_minutes * MINUTE)
    assert (fresh["reason"], fresh["log_return"], fresh["price"]) == (None, 0.0, 100.0)
    stale = at(returns, NOON + (limit_minutes + minutes) * MINUTE)
    assert (stale["reason"], stale["price"], stale["log_return"]) == ("stale_price", None, None)


def test_reasons_say_which_end_is_missing(calendar: TradingCalendar) -> None:
    frame = prices((NOON, 100.0), (NOON + 9 * MINUTE, 101.0))
    returns = returns_of(frame, calendar)
    assert at(returns, NOON - MINUTE)["reason"] == "no_price"
    assert at(returns, NOON)["reason"] == "no_earlier_price"
    assert at(returns, NOON + 9 * MINUTE)["reason"] == "stale_earlier_price"


def test_nothing_crosses_a_session(calendar: TradingCalendar) -> None:
    """The last price before the pause is no price of the next session."""
    closing = new_york(date(2025, 1, 14), 17)
    frame = prices((closing, 100.0), (OPEN + MINUTE, 200.0), (OPEN + 3 * MINUTE, None))
    returns = returns_of(frame, calendar, 1, date(2025, 1, 14), WEDNESDAY)
    assert set(returns["log_return"].drop_nulls().to_list()) == {0.0}
    assert at(returns, OPEN + MINUTE)["reason"] == "no_earlier_price"


def test_nothing_crosses_a_contract(calendar: TradingCalendar) -> None:
    frame = stacked([prices((NOON, 100.0)), prices((NOON + MINUTE, 200.0), contract="ESM5")])
    returns = returns_of(frame, calendar)
    assert set(returns["log_return"].drop_nulls().to_list()) == {0.0}
    assert at(returns, NOON + MINUTE, "ESM5")["reason"] == "no_earlier_price"


def test_a_closure_of_the_own_market_ends_a_return(calendar: TradingCalendar) -> None:
    """SPY opens at 04:00; a price of before counts there, a return from before does not."""
    opens = new_york(WEDNESDAY, 4)
    quoted = prices(
        *((opens + offset * MINUTE, 400.0 + offset) for offset in range(-2, 3)),
        symbol="SPY",
        contract="SPY",
    )
    returns = returns_of(quoted, calendar)
    assert at(returns, opens, "SPY")["reason"] == "closed"
    first = at(returns, opens + MINUTE, "SPY")
    assert (first["is_open"], first["log_return"]) == (True, pytest.approx(math.log(401 / 400)))


def test_a_price_of_null_is_no_observation(calendar: TradingCalendar) -> None:
    row = at(returns_of(prices((NOON, 100.0), (NOON + MINUTE, None)), calendar), NOON + MINUTE)
    assert (row["age_seconds"], row["log_return"]) == (60.0, 0.0)


def test_a_return_never_looks_ahead(calendar: TradingCalendar) -> None:
    random = np.random.default_rng(4)
    offsets = np.unique(random.integers(0, 82_800, 600)).tolist()
    rows = [(OPEN + timedelta(seconds=s), 100 + random.normal()) for s in offsets]
    moment = OPEN + timedelta(seconds=40_000)
    past = [row for row in rows if row[0] <= moment]
    changed = past + [(when, price * 2) for when, price in rows if when > moment]
    before, after = (
        returns_of(prices(*seen), calendar).filter(pl.col("at") <= moment)
        for seen in (rows, changed)
    )
    assert before.equals(after)
    assert before["log_return"].drop_nulls().len() > 100


def test_a_symbol_without_hours_is_refused(calendar: TradingCalendar) -> None:
    with pytest.raises(UnknownSymbol):
        grid_returns(prices((NOON, 1.0)), {}, calendar, [WEDNESDAY], 1)


def test_mid_quotes_ignore_trades() -> None:
    row = dict.fromkeys(SNAPSHOT_SCHEMA) | {
        "symbol": "SPY",
        "contract": "SPY",
        "timestamp": NOON,
        "last": 9.0,
        "last_at": NOON,
        "bid": 10.0,
        "ask": 10.02,
        "data_type": "live",
    }
    schema = SNAPSHOT_SCHEMA | {"data_type": pl.String()}
    frame = pl.DataFrame([row, row | {"timestamp": NOON + MINUTE, "bid": None}], schema=schema)
    quotes = mid_quotes(frame, {"SPY": 0.01})
    assert quotes["price"].to_list() == [pytest.approx(10.01), None]
    assert quotes["price_source"].to_list() == ["mid", None]
