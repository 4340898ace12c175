"""When signals are due: by New York time and the exchange's days."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from futures_pipeline.decisions.signals.timing import due_at, open_minutes, premarket_ticks
from futures_pipeline.domain.sessions import TradingCalendar, new_york

WARNINGS, PREMARKET, FUTURES = "regime_warnings", "premarket_signals", "futures_signals"


@pytest.mark.parametrize(
    ("hour", "minute", "due"),
    [
        (3, 59, {WARNINGS}),
        (4, 0, {WARNINGS, PREMARKET}),
        (9, 29, {WARNINGS, PREMARKET}),
        (9, 30, {WARNINGS, FUTURES}),
        (15, 59, {WARNINGS, FUTURES}),
        (16, 0, {WARNINGS}),
        (17, 0, set()),
        (18, 0, {WARNINGS}),
    ],
)
def test_what_is_due_in_the_course_of_a_day(
    calendar: TradingCalendar, hour: int, minute: int, due: set[str]
) -> None:
    assert due_at(new_york(date(2025, 1, 15), hour, minute), calendar) == due


# Hand-made: first and last tick in UTC, or that there is none.
DAYS = {
    date(2025, 1, 9): None,  # mourning: NYSE closed, Globex until 09:30
    date(2025, 1, 20): None,  # Martin Luther King day, a Monday
    date(2025, 3, 7): ("09:00", "14:25"),  # the Friday before summer time
    date(2025, 3, 10): ("08:00", "13:25"),  # the Monday after
    date(2025, 4, 18): None,  # Good Friday
    date(2025, 7, 3): ("08:00", "13:25"),  # shortened day
    date(2025, 7, 4): None,
    date(2025, 10, 31): ("08:00", "13:25"),
    date(2025, 11, 3): ("09:00", "14:25"),  # the Monday after winter time
    date(2025, 11, 28): ("09:00", "14:25"),  # shortened day
    date(2026, 3, 9): ("08:00", "13:25"),
    date(2026, 4, 3): None,  # Good Friday with payrolls: Globex until 09:15, NYSE closed
    date(2026, 6, 19): None,
    date(2026, 11, 1): None,  # a Sunday
}


@pytest.mark.parametrize("day", DAYS)
def test_premarket_ticks_of_special_days(calendar: TradingCalendar, day: date) -> None:
    ticks = premarket_ticks(day, calendar)
    expected = DAYS[day]
    if expected is None:
        assert ticks == []
        return
    assert (f"{ticks[0]:%H:%M}", f"{ticks[-1]:%H:%M}") == expected
    assert len(ticks) == 23
    assert {b - a for a, b in pairwise(ticks)} == {
        timedelta(minutes=15),
        timedelta(minutes=10),
    }


def test_a_year_has_a_final_tick_each_trading_day(calendar: TradingCalendar) -> None:
    """NYSE traded on 250 days of 2025 (261 weekdays less 10 holidays and a day of mourning)."""
    first = date(2025, 1, 1)
    days = [premarket_ticks(first + timedelta(days=n), calendar) for n in range(365)]
    assert sum(bool(ticks) for ticks in days) == 250


def test_a_signals_age_does_not_grow_in_the_pause(calendar: TradingCalendar) -> None:
    before, after = (
        datetime(2025, 1, 15, hour, minute, tzinfo=UTC) for hour, minute in ((21, 55), (23, 5))
    )
    assert open_minutes(before, after, calendar.globex) == 10.0
    assert open_minutes(after, before, calendar.globex) == -10.0
