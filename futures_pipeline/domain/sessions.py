"""Trading sessions: which trade date a moment belongs to, and how much of a span was open.

Holds the arithmetic only; ``domain.calendar`` knows the holidays.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate
from zoneinfo import ZoneInfo

from futures_pipeline.domain.errors import CalendarError

NEW_YORK = ZoneInfo("America/New_York")


class Segment(StrEnum):
    """Part of the trading day by New York time; bounds are QUANT_SPEC 1.1."""

    ASIA = "asia"
    EUROPE = "europe"
    US = "us"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Session:
    """One open period, ``[opens_at, closes_at)`` in UTC, under its trade date."""

    session_date: date
    opens_at: datetime
    closes_at: datetime

    @property
    def minutes(self) -> int:
        return int((self.closes_at - self.opens_at).total_seconds() // 60)


class Timetable:
    """The open periods of one market, ascending and without overlap."""

    def __init__(self, name: str, sessions: Sequence[Session]) -> None:
        self.name = name
        self.sessions = tuple(sessions)
        self._opens = [session.opens_at for session in self.sessions]
        self._closes = [session.closes_at for session in self.sessions]
        self._dates = [session.session_date for session in self.sessions]
        lengths = (session.closes_at - session.opens_at for session in self.sessions)
        self._open_before = list(accumulate(lengths, initial=timedelta()))

    def at(self, moment: datetime) -> Session:
        """Return the session that contains ``moment``; in a closure, the next one.

        Raises:
            CalendarError: ``moment`` lies after the last or before the first session.
            ValueError: ``moment`` is naive.
        """
        index = self._index(moment)
        if index == len(self.sessions) or (index == 0 and not self.is_open(moment)):
            raise CalendarError(
                f"{self.name} calendar: {moment.isoformat()} lies outside "
                f"{self._dates[0]}..{self._dates[-1]}; load a wider calendar"
            )
        return self.sessions[index]

    def is_open(self, moment: datetime) -> bool:
        """Return whether the market trades at ``moment``."""
        index = self._index(moment)
        return index < len(self.sessions) and self._opens[index] <= moment

    def on(self, session_date: date) -> Session | None:
        """Return the session with this trade date, or None on a day without one."""
        index = bisect_left(self._dates, session_date)
        found = index < len(self._dates) and self._dates[index] == session_date
        return self.sessions[index] if found else None

    def between(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the sessions with ``first <= session_date <= last``."""
        return self.sessions[bisect_left(self._dates, first) : bisect_right(self._dates, last)]

    def before(self, session_date: date, count: int) -> tuple[Session, ...]:
        """Return the last ``count`` sessions before ``session_date``, ascending."""
        end = bisect_left(self._dates, session_date)
        return self.sessions[max(0, end - count) : end]

    def sessions_apart(self, first: date, last: date) -> int:
        """Return how many sessions have ``first < session_date <= last``."""
        return bisect_right(self._dates, last) - bisect_right(self._dates, first)

    def open_seconds(self, start: datetime, end: datetime) -> float:
        """Return the seconds in ``[start, end)`` during which the market was open."""
        return (self._open_until(end) - self._open_until(start)) / timedelta(seconds=1)

    def _index(self, moment: datetime) -> int:
        if moment.tzinfo is None:
            raise ValueError(f"{self.name} calendar needs an aware datetime, got {moment!r}")
        return bisect_right(self._closes, moment)

    def _open_until(self, moment: datetime) -> timedelta:
        index = self._index(moment)
        if index == len(self.sessions):
            return self._open_before[-1]
        inside = moment - self._opens[index]
        return self._open_before[index] + max(timedelta(), inside)


@dataclass(frozen=True, slots=True)
class TradingCalendar:
    """The timetables of the collected markets over one span of dates.

    ``globex``: index futures, 18:00 to 17:00 New York. ``regular``: NYSE 09:30 to 16:00
    (13:00 on shortened days). ``extended``: NYSE days 04:00 to 20:00 (17:00 when shortened).
    """

    globex: Timetable
    regular: Timetable
    extended: Timetable

    def session_date(self, moment: datetime) -> date:
        """Return the Globex trade date of ``moment``; a closure belongs to the next session.

        Source: CME Globex hours. A session opens at 18:00 New York on the previous
        calendar day, so Sunday evening is Monday's.
        """
        return self.globex.at(moment).session_date

    def anchor(self, moment: datetime) -> datetime:
        """Return the settlement moment that daily and overnight changes are measured from.

        The close of the latest NYSE session whose date is before ``session_date(moment)``:
        16:00 New York, 13:00 on shortened days. Source: QUANT_SPEC 1.4; CME settlement
        time since 2020-10-26.
        """
        earlier = self.regular.before(self.session_date(moment), 1)
        if not earlier:
            raise CalendarError(f"no NYSE session before {moment.isoformat()} is loaded")
        return earlier[-1].closes_at

    def elapsed_hours(self, moment: datetime) -> float:
        """Return the Globex-open hours from ``anchor(moment)`` to ``moment``."""
        return self.globex.open_seconds(self.anchor(moment), moment) / 3600.0

    def is_premarket(self, moment: datetime) -> bool:
        """Return whether ``moment`` lies in [04:00, 09:30) New York of an NYSE day."""
        local = _in_new_york(moment)
        day = self.regular.on(local.date())
        return day is not None and local.time() >= time(4) and moment < day.opens_at


def segment(moment: datetime) -> Segment | None:
    """Return the part of the day, or None in the 17:00-18:00 New York pause.

    >>> segment(datetime(2025, 1, 15, 14, 30, tzinfo=UTC))
    <Segment.US: 'us'>
    """
    minute = _in_new_york(moment).time()
    if minute >= time(18) or minute < time(3):
        return Segment.ASIA
    if minute < time(9, 30):
        return Segment.EUROPE
    if minute < time(16):
        return Segment.US
    return Segment.LATE if minute < time(17) else None


def _in_new_york(moment: datetime) -> datetime:
    # A naive time would be read in the machine's own zone, without a word.
    if moment.tzinfo is None:
        raise ValueError(f"New York time needs an aware datetime, got {moment!r}")
    return moment.astimezone(NEW_YORK)


def new_york(day: date, hour: int, minute: int = 0) -> datetime:
    """Return the UTC moment of a New York wall-clock time."""
    return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)


def minute_floor(moment: datetime) -> datetime:
    """Return the start of the minute that contains ``moment``."""
    return moment - timedelta(seconds=moment.second, microseconds=moment.microsecond)
