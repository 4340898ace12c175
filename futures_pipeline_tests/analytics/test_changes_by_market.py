"""Change metrics of ETFs, an index, and two contracts around a roll; times are New York."""

from datetime import date, timedelta

from futures_pipeline.analytics.changes import METRICS
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.analytics.frames import (
    ANCHOR,
    REGULAR_OPEN,
    WEDNESDAY,
    changes_of,
    each_minute,
    prices,
    row_at,
    stacked,
)


def test_an_index_that_first_prints_after_the_open_has_no_overnight_change(
    calendar: TradingCalendar,
) -> None:
    """Its market was shut all night, so yesterday's close is fresh; 0 would be a fiction."""
    at = REGULAR_OPEN + timedelta(minutes=1)
    vix = prices((ANCHOR, 18.0), (at, 16.5), symbol="VIX", contract="VIX")
    row = row_at(changes_of(vix, calendar), at, "VIX")
    assert (row["change_overnight"], row["reason_overnight"]) == (None, "stale_observation")
    assert (row["change_daily"], row["change_1h"], row["spans_closure_1h"]) == (-1.5, -1.5, True)


def test_an_etf_is_measured_in_its_own_hours(calendar: TradingCalendar) -> None:
    """At 04:30 an hour ago was night: the last price is 20:00's; the anchor is 16:00's."""
    at = new_york(WEDNESDAY, 4, 30)
    spy = prices(
        (ANCHOR, 580.0), (new_york(date(2025, 1, 14), 20), 581.0), (at, 582.5),
        symbol="SPY", contract="SPY",
    )  # fmt: skip
    changes = changes_of(spy, calendar)
    row = row_at(changes, at, "SPY")
    assert (row["change_1h"], row["spans_closure_1h"]) == (1.5, True)
    assert (row["change_daily"], row["anchor_at"]) == (2.5, ANCHOR)
    assert row["elapsed_hours"] == 11.5  # Globex hours, whatever the symbol


def test_an_etf_after_hours_belongs_to_the_next_session(calendar: TradingCalendar) -> None:
    at = new_york(date(2025, 1, 14), 18, 30)
    spy = prices((ANCHOR, 580.0), (at, 581.0), symbol="SPY", contract="SPY")
    row = row_at(changes_of(spy, calendar), at, "SPY")
    assert (row["session_date"], row["change_daily"]) == (WEDNESDAY, 1.0)


def test_an_etf_with_regular_hours_alone_has_no_early_price(calendar: TradingCalendar) -> None:
    """At 10:00 nothing is known of 06:00: the market was open and nothing was seen."""
    at = new_york(WEDNESDAY, 10)
    spy = prices((ANCHOR, 580.0), (at, 581.0), symbol="SPY", contract="SPY")
    row = row_at(changes_of(spy, calendar), at, "SPY")
    assert (row["change_4h"], row["reason_4h"]) == (None, "stale_observation")


def test_a_roll_is_no_change(calendar: TradingCalendar) -> None:
    """The new contract stands 50 points higher; no change may hold any of it."""
    rolled = new_york(date(2025, 3, 16), 18)
    old = each_minute(new_york(date(2025, 3, 14), 15), new_york(date(2025, 3, 14), 17), 5600.0)
    new = each_minute(rolled, rolled + timedelta(hours=6), 5650.0)
    frame = stacked([prices(*old), prices(*new, contract="ESM5")])
    changes = changes_of(frame, calendar, date(2025, 3, 17))
    of_new = changes.filter(contract="ESM5")
    for metric in METRICS:
        assert set(changes[f"change_{metric}"].drop_nulls()) <= {0.0}
    assert of_new["change_daily"].null_count() == of_new.height
    assert set(of_new["reason_daily"]) == {"no_observation_before"}
    at_first = row_at(changes, rolled, "ESM5")
    assert at_first["reason_1h"] == "no_observation_before"
    assert row_at(changes, rolled + timedelta(hours=2), "ESM5")["change_1h"] == 0.0


def test_both_contracts_of_an_overlap_have_their_own_changes(calendar: TradingCalendar) -> None:
    at = new_york(WEDNESDAY, 9, 15)
    frame = stacked(
        [
            prices((ANCHOR, 5650.0), (at, 5653.0), contract="ESM5"),
            prices((ANCHOR, 5600.0), (at, 5602.0)),
        ]
    )
    changes = changes_of(frame, calendar)
    assert changes.select("contract", "change_daily").rows() == [("ESH5", 2.0), ("ESM5", 3.0)]
