"""Delayed and frozen rows in the middle of a live series change nothing but themselves.

From snapshots and bars to change metrics; times are New York.
"""

from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from futures_pipeline.analytics.changes import METRICS, reference_prices
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.analytics.frames import (
    ANCHOR,
    REGULAR_OPEN,
    WEDNESDAY,
    bars,
    changes_of,
    row_at,
    snapshots,
    stacked,
)

TICKS = {"ES": 0.25}
MINUTE = timedelta(minutes=1)
CALENDAR = load_calendar(date(2024, 12, 1), date(2025, 2, 28))
NOT_LIVE = ("frozen", "delayed", "delayed_frozen")

Observed = tuple[datetime, float, str]


def changes(*observed: Observed, with_bars: pl.DataFrame | None = None) -> pl.DataFrame:
    """Wednesday's changes of snapshots (time, last, data type)."""
    rows = [
        {"timestamp": at, "last": last, "last_at": at, "data_type": data_type}
        for at, last, data_type in observed
    ]
    history = bars() if with_bars is None else with_bars
    return changes_of(reference_prices(snapshots(*rows), history, TICKS), CALENDAR)


@pytest.mark.parametrize("data_type", NOT_LIVE)
def test_a_row_that_is_not_live_has_no_price_and_no_change(data_type: str) -> None:
    """Also after the regular open, when the overnight change needs no price of now."""
    live = [(ANCHOR, 5900.0, "live"), (REGULAR_OPEN, 5910.0, "live")]
    at = REGULAR_OPEN + timedelta(hours=1)
    row = row_at(changes(*live, (at, 5920.0, data_type)), at)
    assert (row["price"], row["price_source"]) == (None, None)
    for metric in METRICS:
        assert row[f"change_{metric}"] is row[f"return_{metric}"] is None
        assert row[f"reason_{metric}"] == "not_live"
    assert (row["anchor_price"], row["elapsed_hours"]) == (5900.0, 17.5)


def test_a_row_that_is_not_live_is_no_earlier_price() -> None:
    """At the targets of 1 h and 4 h and at the anchor: live neighbours serve, or nothing."""
    at = new_york(WEDNESDAY, 9, 15)
    hour, four = at - timedelta(hours=1), at - timedelta(hours=4)
    observed = [
        (ANCHOR - MINUTE, 5900.0, "live"),
        (ANCHOR, 1.0, "delayed"),
        (four, 1.0, "frozen"),
        (hour - 2 * MINUTE, 5920.0, "live"),
        (hour, 1.0, "delayed"),
        (at, 5925.0, "live"),
    ]
    row = row_at(changes(*observed), at)
    assert (row["change_1h"], row["change_daily"]) == (5.0, 25.0)
    assert (row["change_4h"], row["reason_4h"]) == (None, "stale_observation")
    assert row["anchor_price"] == 5900.0


def test_a_delayed_price_at_the_open_does_not_freeze_the_overnight_change() -> None:
    at = REGULAR_OPEN + timedelta(minutes=5)
    observed = [
        (ANCHOR, 5900.0, "live"),
        (REGULAR_OPEN - MINUTE, 5912.0, "live"),
        (REGULAR_OPEN, 1.0, "delayed"),
        (at, 5930.0, "live"),
    ]
    assert row_at(changes(*observed), at)["change_overnight"] == 12.0


def test_delayed_bars_of_the_stream_are_passed_over_and_history_is_not() -> None:
    at = new_york(WEDNESDAY, 9, 15)
    history = bars((ANCHOR, 5900.0), (at - timedelta(hours=1), 5921.0))
    delayed = bars((at - timedelta(hours=4), 1.0), source="realtime", data_type="delayed")
    row = row_at(changes((at, 5925.0, "live"), with_bars=stacked([history, delayed])), at)
    assert (row["change_1h"], row["change_daily"]) == (4.0, 25.0)
    assert row["reason_4h"] == "stale_observation"


def test_a_delayed_morning_without_any_live_price_says_so() -> None:
    rows = [(new_york(WEDNESDAY, 9, minute), 5900.0 + minute, "delayed") for minute in range(10)]
    found = changes(*rows)
    assert found.height == 10
    assert {reason for metric in METRICS for reason in found[f"reason_{metric}"]} == {"not_live"}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["live", *NOT_LIVE]), min_size=60, max_size=60))
def test_live_rows_do_not_see_the_others(kinds: list[str]) -> None:
    """The changes of live rows are those of the live rows alone, to the bit."""
    start = new_york(WEDNESDAY, 3)
    observed = [
        (start + index * 7 * MINUTE, 5900.0 + index if kind == "live" else 1.0, kind)
        for index, kind in enumerate(kinds)
    ]
    mixed = changes(*observed)
    alone = changes(*(row for row in observed if row[2] == "live"))
    is_live = pl.Series([kind == "live" for kind in kinds])
    assert mixed.height == len(kinds)
    assert_frame_equal(mixed.filter(is_live), alone, check_exact=True)
    others = mixed.filter(~is_live)
    for metric in METRICS:
        assert others[f"change_{metric}"].null_count() == others.height
        assert set(others[f"reason_{metric}"]) <= {"not_live"}
