"""Values are found as of a moment: the newest at or before it, and never a later one."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.decisions.readings.series import NOTHING, series_by_contract
from futures_pipeline.domain.sessions import TradingCalendar

START = datetime(2025, 1, 15, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def series(*minutes: int) -> "pl.DataFrame":
    rows = pl.DataFrame({"at": [START + MINUTE * minute for minute in minutes]})
    return rows.with_columns(contract=pl.lit("ESH5"), price=pl.lit(1.0) * pl.Series(minutes))


@given(
    minutes=st.lists(st.integers(0, 500), min_size=1, max_size=30, unique=True),
    asked=st.integers(-5, 505),
)
def test_the_newest_value_at_or_before_a_moment(minutes: list[int], asked: int) -> None:
    known = series_by_contract(series(*minutes), "at", "price")["ESH5"]
    earlier = [minute for minute in minutes if minute <= asked]
    seen = known.as_of(START + MINUTE * asked)
    assert (seen.value if seen else None) == max(earlier, default=None)
    assert seen is None or seen.at == START + MINUTE * max(earlier)


@given(minutes=st.lists(st.integers(0, 60), max_size=30, unique=True))
def test_a_span_is_open_at_its_start_and_closed_at_its_end(minutes: list[int]) -> None:
    known = series_by_contract(series(*minutes), "at", "price").get("ESH5", NOTHING)
    inside = sorted(minute for minute in minutes if 10 < minute <= 20)
    assert known.within(START + 10 * MINUTE, START + 20 * MINUTE).tolist() == inside


@pytest.mark.parametrize(("minutes", "is_fresh"), [(5, True), (6, False)])
def test_a_value_is_fresh_for_so_long(
    calendar: TradingCalendar, minutes: int, is_fresh: bool
) -> None:
    known = series_by_contract(series(0), "at", "price")["ESH5"]
    assert bool(known.fresh(START + MINUTE * minutes, calendar.globex, 300.0)) is is_fresh


def test_the_pause_makes_no_value_older(calendar: TradingCalendar) -> None:
    """The last price before 17:00 New York is as good at 18:01."""
    close = datetime(2025, 1, 15, 22, 0, tzinfo=UTC)
    minute = (close - START) // MINUTE
    known = series_by_contract(series(minute), "at", "price")["ESH5"]
    assert known.fresh(close + timedelta(minutes=61), calendar.globex, 60.0) is not None
    assert known.fresh(close + timedelta(minutes=62), calendar.globex, 60.0) is None


def test_unknown_values_are_no_observations() -> None:
    rows = series(0, 1).with_columns(price=pl.when(pl.col("price") == 0.0).then(pl.lit(7.0)))
    seen = series_by_contract(rows, "at", "price")["ESH5"].as_of(START + 5 * MINUTE)
    assert seen is not None
    assert (seen.value, seen.at) == (7.0, START)
