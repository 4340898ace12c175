"""Change metrics by hand. Source: QUANT_SPEC 1.4; times are New York unless said otherwise."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from futures_pipeline.analytics.changes import CHANGE_SCHEMA, METRICS, ChangeSettings
from futures_pipeline.domain.errors import CalendarError, ConfigurationError, UnknownSymbol
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.analytics.frames import (
    ANCHOR,
    REGULAR_OPEN,
    WEDNESDAY,
    changes_of,
    prices,
    row_at,
)

LITERAL = ChangeSettings(mode="literal")


def test_every_metric_of_an_ordinary_morning(calendar: TradingCalendar) -> None:
    at = new_york(WEDNESDAY, 9, 15)
    frame = prices(
        (ANCHOR, 5900.0),
        (new_york(WEDNESDAY, 5, 15), 5910.0),
        (new_york(WEDNESDAY, 8, 15), 5920.0),
        (at, 5925.0),
    )
    row = row_at(changes_of(frame, calendar), at)
    assert row == {
        "symbol": "ES",
        "contract": "ESH5",
        "session_date": WEDNESDAY,
        "timestamp": at,
        "price": 5925.0,
        "price_source": "last",
        "change_1h": 5.0,
        "change_4h": 15.0,
        "change_overnight": 25.0,
        "change_daily": 25.0,
        "return_1h": 5.0 / 5920.0,
        "return_4h": 15.0 / 5910.0,
        "return_overnight": 25.0 / 5900.0,
        "return_daily": 25.0 / 5900.0,
        "spans_closure_1h": False,
        "spans_closure_4h": False,
        "anchor_at": ANCHOR,
        "anchor_price": 5900.0,
        "elapsed_hours": 16.25,
        "reason_1h": None,
        "reason_4h": None,
        "reason_overnight": None,
        "reason_daily": None,
    }


def test_a_fall_is_negative(calendar: TradingCalendar) -> None:
    at = new_york(WEDNESDAY, 9, 15)
    row = row_at(changes_of(prices((ANCHOR, 5900.0), (at, 5841.0)), calendar), at)
    assert (row["change_daily"], row["return_daily"]) == (-59.0, -0.01)


def test_sunday_evening_is_measured_from_fridays_close(calendar: TradingCalendar) -> None:
    """At 18:30 the target of an hour lies in the closure: the last price is Friday 17:00's."""
    friday, sunday = date(2025, 1, 10), date(2025, 1, 12)
    at = new_york(sunday, 18, 30)
    frame = prices((new_york(friday, 16), 5850.0), (new_york(friday, 17), 5860.0), (at, 5867.0))
    changes = changes_of(frame, calendar, date(2025, 1, 13))
    row = row_at(changes, at)
    assert (row["change_1h"], row["change_4h"], row["change_daily"]) == (7.0, 7.0, 17.0)
    assert (row["spans_closure_1h"], row["spans_closure_4h"]) == (True, True)
    assert row["anchor_at"] == new_york(friday, 16)
    assert row["elapsed_hours"] == 1.5


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (WEDNESDAY, new_york(WEDNESDAY, 17)),
        (date(2025, 1, 17), new_york(date(2025, 1, 17), 17)),  # a Friday: Monday is a holiday
        (date(2025, 1, 9), new_york(date(2025, 1, 9), 9, 30)),  # a day of mourning
    ],
)
def test_the_bar_that_ends_with_the_session_is_its_last(
    calendar: TradingCalendar, day: date, close: datetime
) -> None:
    """It is known with the session's rows; the next session may be three days away."""
    frame = prices((close, 5900.0))
    row = row_at(changes_of(frame, calendar, day), close)
    assert (row["session_date"], row["price"]) == (day, 5900.0)
    assert row["anchor_at"] < close
    following = calendar.globex.at(close).session_date
    assert changes_of(frame, calendar, following).is_empty()


def test_the_close_is_measured_from_the_settlement_an_hour_before(
    calendar: TradingCalendar,
) -> None:
    settled, close = new_york(date(2025, 1, 14), 16), new_york(WEDNESDAY, 17)
    frame = prices((settled, 5900.0), (new_york(WEDNESDAY, 16), 5950.0), (close, 5952.0))
    row = row_at(changes_of(frame, calendar), close)
    assert (row["change_daily"], row["change_1h"]) == (52.0, 2.0)
    assert row["elapsed_hours"] == 24.0


@pytest.mark.parametrize(
    ("target_hours", "spans"), [(18, True), (18.5, True), (19, False), (19.5, False)]
)
def test_an_hour_spans_the_pause_until_nineteen(
    calendar: TradingCalendar, target_hours: float, spans: bool
) -> None:
    at = new_york(date(2025, 1, 14), 0) + timedelta(hours=target_hours)
    row = row_at(changes_of(prices((at, 5900.0)), calendar), at)
    assert row["spans_closure_1h"] is spans


def test_martin_luther_king_day_runs_all_day_from_fridays_settlement(
    calendar: TradingCalendar,
) -> None:
    """NYSE is shut, so nothing freezes at 09:30; the evening after starts Tuesday."""
    monday, settled = date(2025, 1, 20), new_york(date(2025, 1, 17), 16)
    at, evening = new_york(monday, 12, 59), new_york(monday, 18, 30)
    frame = prices(
        (settled, 6000.0),
        (new_york(monday, 9, 30), 6010.0),
        (at, 6030.0),
        (evening, 6033.0),
    )
    changes = changes_of(frame, calendar, monday, date(2025, 1, 21))
    row, later = row_at(changes, at), row_at(changes, evening)
    assert (row["change_overnight"], row["change_daily"]) == (30.0, 30.0)
    assert row["elapsed_hours"] == pytest.approx(19 + 59 / 60)
    assert (later["session_date"], later["change_daily"]) == (date(2025, 1, 21), 33.0)
    assert (later["change_1h"], later["spans_closure_1h"]) == (3.0, True)  # from 12:59


def test_overnight_runs_until_the_regular_open_and_then_stays(calendar: TradingCalendar) -> None:
    minute = timedelta(minutes=1)
    frame = prices(
        (ANCHOR, 5900.0),
        (REGULAR_OPEN - minute, 5910.0),
        (REGULAR_OPEN, 5912.0),
        (REGULAR_OPEN + minute, 5930.0),
        (REGULAR_OPEN + 300 * minute, 5800.0),
    )
    changes = changes_of(frame, calendar)
    assert changes["change_overnight"].to_list() == [10.0, 12.0, 12.0, 12.0]
    assert changes["change_daily"].to_list() == [10.0, 12.0, 30.0, -100.0]
    assert changes["return_overnight"].to_list()[-1] == 12.0 / 5900.0


def test_the_frozen_overnight_does_not_need_a_price_now(calendar: TradingCalendar) -> None:
    at = REGULAR_OPEN + timedelta(minutes=1)
    row = row_at(
        changes_of(prices((ANCHOR, 5900.0), (REGULAR_OPEN, 5912.0), (at, None)), calendar), at
    )
    assert row["change_overnight"] == 12.0
    assert [row[f"reason_{metric}"] for metric in ("1h", "4h", "daily")] == ["no_price"] * 3


def test_the_overnight_change_is_frozen_from_the_open_itself(calendar: TradingCalendar) -> None:
    before = REGULAR_OPEN - timedelta(minutes=1)
    frame = prices((ANCHOR, 5900.0), (before, 5912.0), (REGULAR_OPEN, None))
    assert changes_of(frame, calendar)["change_overnight"].to_list() == [12.0, 12.0]


def test_without_a_price_around_the_open_the_overnight_change_is_unknown(
    calendar: TradingCalendar,
) -> None:
    at = REGULAR_OPEN + timedelta(hours=1)
    early = REGULAR_OPEN - timedelta(minutes=15, seconds=1)
    row = row_at(changes_of(prices((ANCHOR, 5900.0), (early, 5912.0), (at, 5950.0)), calendar), at)
    assert (row["change_overnight"], row["reason_overnight"]) == (None, "stale_observation")
    assert row["change_daily"] == 50.0


@pytest.mark.parametrize(
    ("metric", "target", "tolerance"),
    [
        ("1h", new_york(WEDNESDAY, 8, 15), 300),
        ("4h", new_york(WEDNESDAY, 5, 15), 600),
        ("daily", ANCHOR, 900),
        ("overnight", ANCHOR, 900),
    ],
)
def test_an_observation_counts_up_to_its_tolerance(
    calendar: TradingCalendar, metric: str, target: datetime, tolerance: int
) -> None:
    at = new_york(WEDNESDAY, 9, 15)
    for late, expected in ((0, 4.0), (1, None)):
        seen = target - timedelta(seconds=tolerance + late)
        row = row_at(changes_of(prices((seen, 5900.0), (at, 5904.0)), calendar), at)
        assert row[f"change_{metric}"] == expected
        assert row[f"reason_{metric}"] == (None if expected else "stale_observation")
        assert (row[f"return_{metric}"] is None) is (expected is None)


def test_no_tolerance_is_below_twice_the_collection_interval(calendar: TradingCalendar) -> None:
    at = new_york(WEDNESDAY, 9, 15)
    frame = prices((new_york(WEDNESDAY, 8, 5), 5900.0), (at, 5904.0))  # 600 s before the target
    for interval, expected in ((299, None), (300, 4.0)):
        settings = ChangeSettings(collection_interval_seconds=interval)
        changes = changes_of(frame, calendar, settings=settings)
        assert row_at(changes, at)["change_1h"] == expected


def test_an_observation_without_a_price_is_passed_over(calendar: TradingCalendar) -> None:
    at, target = new_york(WEDNESDAY, 9, 15), new_york(WEDNESDAY, 8, 15)
    frame = prices((target - timedelta(minutes=2), 5900.0), (target, None), (at, 5904.0))
    assert row_at(changes_of(frame, calendar), at)["change_1h"] == 4.0


def test_a_row_without_a_price_is_kept_with_its_reason(calendar: TradingCalendar) -> None:
    at = new_york(WEDNESDAY, 9, 15)
    row = row_at(changes_of(prices((ANCHOR, 5900.0), (at, None)), calendar), at)
    assert {row[f"change_{metric}"] for metric in METRICS} == {None}
    assert {row[f"reason_{metric}"] for metric in METRICS} == {"no_price"}
    assert row["anchor_price"] == 5900.0


def test_the_anchor_of_a_shortened_day_is_thirteen(calendar: TradingCalendar) -> None:
    settled, at = new_york(date(2024, 11, 29), 13), new_york(date(2024, 12, 2), 9, 15)
    frame = prices((settled, 6040.0), (settled + timedelta(minutes=15), 6044.0), (at, 6050.0))
    row = row_at(changes_of(frame, calendar, date(2024, 12, 2)), at)
    assert (row["anchor_at"], row["change_daily"]) == (settled, 10.0)


def test_literal_mode_looks_back_by_the_clock(calendar: TradingCalendar) -> None:
    at = new_york(WEDNESDAY, 10)
    frame = prices(
        (at - timedelta(hours=24), 5880.0),
        (ANCHOR, 5900.0),
        (at - timedelta(hours=8), 5910.0),
        (REGULAR_OPEN, 5920.0),
        (at, 5925.0),
    )
    row = row_at(changes_of(frame, calendar, settings=LITERAL), at)
    assert (row["change_overnight"], row["change_daily"]) == (15.0, 45.0)
    assert row["return_daily"] == 45.0 / 5880.0
    assert (row["anchor_at"], row["anchor_price"]) == (ANCHOR, 5900.0)


def test_nothing_in_nothing_out(calendar: TradingCalendar) -> None:
    holiday = date(2025, 12, 25)
    for changes in (
        changes_of(prices(), calendar),
        changes_of(prices((ANCHOR, 5900.0)), calendar),  # of another session
        changes_of(prices((ANCHOR, 5900.0)), calendar, holiday),
        changes_of(prices((REGULAR_OPEN, None)), calendar).clear(),
    ):
        assert changes.is_empty()
        assert dict(changes.schema) == dict(CHANGE_SCHEMA)


def test_what_cannot_be_computed_is_refused(calendar: TradingCalendar) -> None:
    known = prices((REGULAR_OPEN, 5900.0))
    with pytest.raises(UnknownSymbol, match="'BTC' is not known"):
        changes_of(prices((REGULAR_OPEN, 1.0), symbol="BTC"), calendar)
    with pytest.raises(CalendarError, match="load a wider calendar"):
        changes_of(known, calendar, date(2030, 1, 2))
    with pytest.raises(ConfigurationError, match="anchored or literal"):
        ChangeSettings(mode="daily")  # type: ignore[arg-type]
    naive = known.with_columns(pl.col("timestamp").dt.replace_time_zone(None))
    with pytest.raises(ValueError, match="need an aware"):
        changes_of(naive, calendar)
