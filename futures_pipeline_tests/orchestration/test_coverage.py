"""Coverage counts the minutes of a symbol's own market that can have arrived."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.clock import ReplayClock, SystemClock
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.orchestration.checks import coverage_result
from futures_pipeline.orchestration.coverage import bar_coverage, deliverable_until
from futures_pipeline_tests.storage.rows import SESSION, minute_bars

CALENDAR = load_calendar(date(2024, 12, 1), date(2025, 2, 28))
OPENS = datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
REGULAR_OPEN = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)
AFTER = datetime(2025, 1, 16, 12, 0, tzinfo=UTC)


def share(bars: pl.DataFrame, symbol: str, until: datetime, day: date = SESSION) -> float | None:
    found = bar_coverage(bars, [UNIVERSE[symbol]], CALENDAR, [day], until)
    value: float | None = found["share"].item()
    return value


@pytest.mark.parametrize(
    ("symbol", "opens_at", "minutes"), [("ES", OPENS, 1380), ("SPY", REGULAR_OPEN, 390)]
)
def test_a_whole_session_is_covered(symbol: str, opens_at: datetime, minutes: int) -> None:
    bars = minute_bars(symbol, SESSION, opens_at, minutes)
    assert share(bars, symbol, AFTER) == 1.0
    assert share(bars.head(minutes // 2), symbol, AFTER) == 0.5


def test_only_minutes_that_have_ended_are_expected() -> None:
    bars = minute_bars("ES", SESSION, OPENS, 30)
    assert share(bars, "ES", OPENS + timedelta(minutes=30, seconds=59)) == 1.0
    assert share(bars, "ES", OPENS + timedelta(minutes=60)) == 0.5
    assert share(bars, "ES", OPENS + timedelta(seconds=59)) is None


def test_minutes_outside_regular_hours_do_not_help_an_etf() -> None:
    early = minute_bars("SPY", SESSION, REGULAR_OPEN - timedelta(minutes=60), 60)
    assert share(early, "SPY", AFTER) == 0.0


def test_two_contracts_in_one_minute_are_one_minute() -> None:
    front = minute_bars("ES", SESSION, OPENS, 690)
    both = pl.concat([front, front.with_columns(contract=pl.lit("ESM5"))])
    assert share(both, "ES", AFTER) == 0.5


def test_a_symbol_without_market_hours_has_no_share() -> None:
    """NYSE was closed for a day of mourning on 2025-01-09; Globex traded."""
    day = date(2025, 1, 9)
    assert share(minute_bars("SPY", day, REGULAR_OPEN, 0), "SPY", AFTER, day) is None


def test_the_delivery_time_is_the_machines_and_grows_with_the_clocks_speed() -> None:
    real, fast = SystemClock(), ReplayClock(AFTER, 4e9, 60.0)
    assert (real.now() - deliverable_until(real)).total_seconds() == pytest.approx(70, abs=1)
    assert (fast.now() - deliverable_until(fast)).total_seconds() == pytest.approx(660)


@pytest.mark.parametrize(("minutes", "passed"), [(390, True), (371, True), (370, False)])
def test_the_check_warns_below_95_percent(minutes: int, passed: bool) -> None:
    bars = minute_bars("SPY", SESSION, REGULAR_OPEN, minutes)
    coverage = bar_coverage(bars, [UNIVERSE["SPY"]], CALENDAR, [SESSION], AFTER)
    result = coverage_result(coverage, [SESSION])

    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert "SPY has" in (result.description or "")
