"""Series that stand still, legs that are old, changes across contracts, and what is stale."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.quality import (
    changes_of_other_prices,
    end_labelled,
    flat_series,
    frozen_quotes,
    stale_legs,
    stale_symbols,
)
from futures_pipeline_tests.analytics.quality.planted import (
    CALENDAR,
    HOURS,
    MINUTE,
    MINUTES,
    OPEN,
    SESSION,
    bars,
    noise,
    quotes,
)


def still(minutes: int) -> pl.DataFrame:
    """Return bars that stand still for so many of them, from 11:30 New York."""
    returns = noise(1)
    returns[120 : 120 + minutes - 1] = 0.0
    held = pl.int_range(pl.len()).is_between(119, 119 + minutes - 1)
    rows = bars("ES", returns)
    return rows.with_columns(
        high=pl.when(held).then("close").otherwise("high"),
        low=pl.when(held).then("close").otherwise("low"),
    )


def test_half_an_hour_at_one_price_is_no_series() -> None:
    (found,) = flat_series(still(31), HOURS).iter_rows(named=True)
    assert found["measured"] == 31
    assert found["says"] == "one price for 31 bars from 11:30 New York"


def test_a_pause_is_a_pause() -> None:
    assert flat_series(still(20), HOURS).is_empty()


def test_nobody_minds_a_flat_night() -> None:
    night = bars("ES", np.zeros(MINUTES), start=OPEN - timedelta(hours=8))
    assert flat_series(night, HOURS).is_empty()


@pytest.mark.parametrize(("minutes", "faults"), [(14, 0), (16, 1)])
def test_a_quote_that_stands_still_for_a_quarter_of_an_hour_is_frozen(
    minutes: int, faults: int
) -> None:
    moving = quotes("ES")
    held = pl.int_range(pl.len()).is_between(100, 100 + minutes)
    frozen = moving.with_columns(
        pl.when(held).then(pl.col(name).get(100)).otherwise(name).alias(name)
        for name in ("bid", "ask", "last", "volume")
    )
    assert frozen_quotes(frozen, HOURS).height == faults
    assert frozen_quotes(moving, HOURS).is_empty()


def test_a_volume_that_grows_is_life() -> None:
    flat = quotes("ES", bid=pl.lit(5000.0), ask=pl.lit(5000.25), last=pl.lit(5000.0))
    assert frozen_quotes(flat, HOURS).is_empty()


def test_a_leg_without_snapshots_for_long_is_old() -> None:
    rows = pl.concat([quotes("ES"), quotes("SPY", range(1, 100))])

    (found,) = stale_legs(rows, HOURS).iter_rows(named=True)
    assert found["subject"] == "ES-SPY: SPY"
    assert found["measured"] == 390 - 99 - 6
    assert found["says"] == "was more than 5 min old at 285 snapshots"


def test_a_leg_without_quote_and_trade_is_old_though_it_comes_every_minute() -> None:
    silent = quotes("SPY", bid=pl.lit(None, pl.Float64), last_at=pl.lit(OPEN))
    assert stale_legs(pl.concat([quotes("ES"), silent]), HOURS).height == 1


def test_a_quoted_leg_without_trades_is_fresh() -> None:
    quoted = quotes("SPY", last_at=pl.lit(OPEN))
    assert stale_legs(pl.concat([quotes("ES"), quoted]), HOURS).is_empty()


def test_a_leg_that_never_came_is_left_to_coverage() -> None:
    assert stale_legs(quotes("ES"), HOURS).is_empty()


def test_bars_from_a_minute_after_the_open_to_the_close_are_labelled_by_their_end() -> None:
    assert end_labelled(bars("VIX", noise(1), start=OPEN + MINUTE), HOURS).height == 1
    assert end_labelled(bars("VIX", noise(1)), HOURS).is_empty()
    assert end_labelled(bars("VIX", noise(1, 391)), HOURS).is_empty()


def changes(contract: str, base: float, minutes: range) -> pl.DataFrame:
    """Return change rows that are right: a point a minute, against an hour earlier."""
    return pl.DataFrame(
        {
            "session_date": [SESSION] * len(minutes),
            "symbol": "ES",
            "contract": contract,
            "timestamp": [OPEN + MINUTE * n for n in minutes],
            "price": [base + n for n in minutes],
            "change_1h": [60.0 if n - 60 >= minutes.start else None for n in minutes],
            "change_4h": pl.Series([None] * len(minutes), dtype=pl.Float64),
            "change_daily": pl.Series([None] * len(minutes), dtype=pl.Float64),
            "anchor_at": OPEN,
            "anchor_price": pl.Series([None] * len(minutes), dtype=pl.Float64),
        }
    )


def test_changes_within_a_contract_are_sound() -> None:
    both = pl.concat([changes("ESH5", 5000.0, range(300)), changes("ESM5", 5050.0, range(300))])
    assert changes_of_other_prices(both, [SESSION]).is_empty()


def test_a_change_from_the_other_contract_is_found() -> None:
    """The new contract's change was measured from the old one's price, 50 points lower."""
    old, new = changes("ESH5", 5000.0, range(300)), changes("ESM5", 5050.0, range(300))
    crossed = new.with_columns(change_1h=pl.col("change_1h") + 50.0)

    (found,) = changes_of_other_prices(pl.concat([old, crossed]), [SESSION]).iter_rows(named=True)
    assert (found["subject"], found["measured"]) == ("ESM5", 240.0)
    assert "change_1h" in found["says"]


def test_a_change_of_a_contract_that_had_no_price_then_is_found() -> None:
    old, new = changes("ESH5", 5000.0, range(300)), changes("ESM5", 5050.0, range(200, 300))
    crossed = new.with_columns(change_1h=pl.lit(110.0))

    found = changes_of_other_prices(pl.concat([old, crossed]), [SESSION])
    assert found["measured"].to_list() == [100.0]


FRIDAY_CLOSE = datetime(2025, 1, 10, 22, tzinfo=UTC)
LIMIT = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("until", "stale"),
    [
        pytest.param(datetime(2025, 1, 12, 12, tzinfo=UTC), False, id="a quiet Sunday"),
        pytest.param(datetime(2025, 1, 12, 23, 9, tzinfo=UTC), False, id="just open again"),
        pytest.param(datetime(2025, 1, 12, 23, 11, tzinfo=UTC), True, id="open and silent"),
    ],
)
def test_only_open_time_makes_a_row_old(until: datetime, stale: bool) -> None:
    found = stale_symbols({"ES": FRIDAY_CLOSE}, {"ES": CALENDAR.globex}, until, LIMIT)
    assert found.height == int(stale)


@pytest.mark.parametrize("hour", [22.0, 22.9])
def test_the_maintenance_hour_makes_nothing_old(hour: float) -> None:
    newest = datetime(2025, 1, 14, 21, 59, tzinfo=UTC)
    until = datetime(2025, 1, 14, tzinfo=UTC) + timedelta(hours=hour)
    assert stale_symbols({"ES": newest}, {"ES": CALENDAR.globex}, until, LIMIT).is_empty()


def test_a_holiday_makes_nothing_old() -> None:
    """NYSE is shut on 20 January 2025."""
    newest = {"SPY": datetime(2025, 1, 17, 20, 59, tzinfo=UTC)}
    until = datetime(2025, 1, 20, 18, tzinfo=UTC)
    assert stale_symbols(newest, {"SPY": CALENDAR.regular}, until, LIMIT).is_empty()


def test_a_symbol_without_a_row_is_named_while_its_market_is_open() -> None:
    hours, nothing = {"ES": CALENDAR.globex}, {"ES": None}
    (found,) = stale_symbols(nothing, hours, OPEN, LIMIT).iter_rows(named=True)
    assert (found["subject"], found["says"]) == ("ES", "no row at all")
    closed = datetime(2025, 1, 11, tzinfo=UTC)
    assert stale_symbols(nothing, hours, closed, LIMIT).is_empty()
