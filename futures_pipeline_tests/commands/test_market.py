"""Which sessions and symbols a demo shows."""

from datetime import UTC, date, datetime, timedelta

import pytest

from futures_pipeline.commands.running.market import (
    RecordedSymbol,
    Recording,
    generated_start,
    recorded_span,
    recorded_start,
    recorded_symbols,
)
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.errors import RecordedDataError
from futures_pipeline.domain.sessions import NEW_YORK

CALENDAR = load_calendar(date(2024, 12, 1), date(2025, 12, 31))
MONDAY = date(2025, 1, 13)
CLOSE = datetime(2025, 1, 1, 21, 0, tzinfo=UTC)


def symbol(*days: int) -> RecordedSymbol:
    """Return a symbol recorded to 16:00 New York on these days of January."""
    dates = tuple(date(2025, 1, day) for day in days)
    return RecordedSymbol(dates, {day: CLOSE.replace(day=day.day) for day in dates})


def test_the_start_is_late_in_the_last_session_that_two_symbols_share() -> None:
    recording = Recording({"ES": symbol(13, 14, 15), "SPY": symbol(13, 14)}, [])

    assert recorded_start(recording, CALENDAR) == CLOSE.replace(day=14) - timedelta(minutes=10)


def test_holes_do_not_count_as_sessions() -> None:
    recording = Recording({"ES": symbol(6, 7, 14)}, [])
    calendar_days = [date(2025, 1, 10), MONDAY]

    held, before = recorded_span(recording, calendar_days, date(2025, 1, 14), CALENDAR)

    # The 9th was shortened by the day of mourning and the 8th, 10th, 13th are not recorded.
    assert held == [date(2025, 1, 6), date(2025, 1, 7)]
    assert before == 6


def test_symbols_without_a_common_session_are_refused() -> None:
    with pytest.raises(RecordedDataError, match="share no session"):
        recorded_start(Recording({"ES": symbol(13), "SPY": symbol(14)}, []), CALENDAR)


def test_nothing_before_the_start_is_refused() -> None:
    recording = Recording({"ES": symbol(14, 15)}, [])

    with pytest.raises(RecordedDataError, match="none is before 2025-01-14"):
        recorded_span(recording, [MONDAY], date(2025, 1, 14), CALENDAR)


def test_symbols_come_in_the_order_of_the_universe() -> None:
    recording = Recording({"VIX": symbol(14), "SPY": symbol(6), "ES": symbol(14)}, [])

    assert recorded_symbols(recording, [date(2025, 1, 14)]) == ["ES", "VIX"]


@pytest.mark.parametrize(
    ("now", "shows"),
    [
        (datetime(2025, 1, 18, 12, tzinfo=NEW_YORK), date(2025, 1, 17)),
        (datetime(2025, 1, 20, 12, tzinfo=NEW_YORK), date(2025, 1, 17)),
        (datetime(2025, 1, 22, 12, tzinfo=NEW_YORK), date(2025, 1, 21)),
    ],
)
def test_a_generated_market_shows_the_last_complete_day(now: datetime, shows: date) -> None:
    start = generated_start(now, CALENDAR, once=False).astimezone(NEW_YORK)

    assert (start.date(), start.hour, start.minute) == (shows, 9, 20)
