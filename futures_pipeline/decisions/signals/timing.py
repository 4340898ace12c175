"""When each signal is computed: by the exchange's calendar, in New York time.

Source: QUANT_SPEC 6.8.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum

from futures_pipeline.domain.sessions import NEW_YORK, Timetable, TradingCalendar, new_york

PREMARKET_EVERY = timedelta(minutes=15)
FUTURES_EVERY = WARNINGS_EVERY = timedelta(minutes=5)
MOST_FUTURES_AGE_MINUTES = 15.0
FIRST_TICK, LAST_REGULAR_TICK, FINAL_TICK = (4, 0), (9, 15), (9, 25)


class Product(StrEnum):
    """What is computed from the futures, named as its table."""

    PREMARKET = "premarket_signals"
    FUTURES = "futures_signals"
    WARNINGS = "regime_warnings"


def due_at(moment: datetime, calendar: TradingCalendar) -> frozenset[Product]:
    """Return what is computed at a moment; nothing while Globex is shut.

    Warnings whenever Globex is open, the pre-market signal from 04:00 to 09:30 of an NYSE day,
    futures signals in NYSE's regular hours.
    """
    due = set()
    if calendar.globex.is_open(moment):
        due.add(Product.WARNINGS)
        if calendar.is_premarket(moment):
            due.add(Product.PREMARKET)
        if calendar.regular.is_open(moment):
            due.add(Product.FUTURES)
    return frozenset(due)


def premarket_ticks(day: date, calendar: TradingCalendar) -> list[datetime]:
    """Return when the pre-market signal of a day is computed, UTC, ascending.

    Every 15 minutes from 04:00 to 09:15 New York and last at 09:25; none when NYSE is shut.

    >>> from futures_pipeline.domain.calendar import load_calendar
    >>> calendar = load_calendar(date(2025, 1, 2), date(2025, 1, 31))
    >>> [len(premarket_ticks(date(2025, 1, day), calendar)) for day in (8, 9, 10)]
    [23, 0, 23]
    """
    if calendar.regular.on(day) is None:
        return []
    tick, last = new_york(day, *FIRST_TICK), new_york(day, *LAST_REGULAR_TICK)
    ticks = []
    while tick <= last:
        ticks.append(tick)
        tick += PREMARKET_EVERY
    return [*ticks, new_york(day, *FINAL_TICK)]


def futures_ticks(day: date, calendar: TradingCalendar) -> list[datetime]:
    """Return when the futures signal of a day is computed, UTC: every 5 minutes of NYSE's hours.

    >>> from futures_pipeline.domain.calendar import load_calendar
    >>> calendar = load_calendar(date(2025, 1, 2), date(2025, 1, 31))
    >>> [len(futures_ticks(date(2025, 1, day), calendar)) for day in (8, 9, 10)]
    [78, 0, 78]
    """
    session = calendar.regular.on(day)
    if session is None:
        return []
    count = (session.closes_at - session.opens_at) // FUTURES_EVERY
    return [session.opens_at + number * FUTURES_EVERY for number in range(count)]


def decision_ticks(day: date, calendar: TradingCalendar) -> list[datetime]:
    """Return when decisions of a day are taken, UTC: with the night's last signal, then in hours.

    At 09:25 New York and every 5 minutes of NYSE's hours.
    """
    return [*premarket_ticks(day, calendar)[-1:], *futures_ticks(day, calendar)]


def newest_tick(until: datetime, globex: Timetable) -> datetime | None:
    """Return the newest fifth minute by a moment, None where Globex was shut before it."""
    minutes = until.minute % (WARNINGS_EVERY // timedelta(minutes=1))
    tick = until.replace(second=0, microsecond=0) - timedelta(minutes=minutes)
    return tick if globex.is_open(tick - WARNINGS_EVERY) else None


def new_york_date(moment: datetime) -> date:
    """Return the calendar date in New York."""
    return moment.astimezone(NEW_YORK).date()


def open_minutes(start: datetime, end: datetime, globex: Timetable) -> float:
    """Return for how long Globex was open between two moments; below 0 when they are swapped."""
    if start > end:
        return -globex.open_seconds(end, start) / 60.0
    return globex.open_seconds(start, end) / 60.0
