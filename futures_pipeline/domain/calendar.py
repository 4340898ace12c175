"""The exchange calendar: the calendar library corrected by the override table beside this file.

The one home of ``pandas_market_calendars``; it is imported late because it brings pandas.
"""

import logging
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from dateutil.easter import easter

from futures_pipeline.domain.sessions import NEW_YORK, Session, Timetable, TradingCalendar, new_york

FIRST_DATE = date(2010, 1, 1)
OVERRIDES = Path(__file__).with_name("calendar_overrides.toml")
# The library follows the exchange's Good Fridays up to this year (checked for 2010-2023).
LAST_LIBRARY_GOOD_FRIDAY = 2023
DAYS_IN_A_WEEK = 7

log = logging.getLogger(__name__)


def calendar_for(now: datetime) -> TradingCalendar:
    """Return the calendar from 2010 to about a year after ``now``."""
    return load_calendar(FIRST_DATE, date(now.year + 1, 12, 31))


@lru_cache(maxsize=4)
def load_calendar(first: date, last: date) -> TradingCalendar:
    """Return the timetables of the sessions dated ``first`` to ``last``.

    A Good Friday that nobody has reviewed yet follows the rule of the override table, with
    the payroll release taken to be on a month's first Friday, and is warned of.
    """
    document = tomllib.loads(OVERRIDES.read_text(encoding="utf-8"))
    overrides: dict[str, str] = dict(document["globex"])
    for day in unreviewed_good_fridays(first, last, document["reviewed_good_fridays"]):
        overrides[str(day)] = "09:15" if day.day <= DAYS_IN_A_WEEK else "closed"
        log.warning("good_friday_not_reviewed date=%s file=%s", day, OVERRIDES.name)
    regular = _library_sessions("NYSE", first, last)
    globex = _library_sessions("CME Globex Equity", first, last)
    return TradingCalendar(
        globex=Timetable("Globex", _corrected(globex, overrides)),
        regular=Timetable("NYSE", regular),
        extended=Timetable("NYSE extended", [_extended(day) for day in regular]),
    )


def unreviewed_good_fridays(first: date, last: date, reviewed: list[int]) -> list[date]:
    """Return the Good Fridays of the span that nobody has reviewed yet."""
    years = range(max(first.year, LAST_LIBRARY_GOOD_FRIDAY + 1), last.year + 1)
    fridays = (easter(year) - timedelta(days=2) for year in years if year not in reviewed)
    return [day for day in fridays if first <= day <= last]


def _library_sessions(name: str, first: date, last: date) -> list[Session]:
    import pandas_market_calendars

    schedule = pandas_market_calendars.get_calendar(name).schedule(first, last)
    return [
        Session(day.date(), _utc(row.market_open), _utc(row.market_close))
        for day, row in zip(schedule.index, schedule.itertuples(), strict=True)
    ]


def _utc(stamp: Any) -> datetime:
    moment: datetime = stamp.to_pydatetime()
    return moment.astimezone(UTC)


def _corrected(sessions: list[Session], overrides: Mapping[str, str]) -> list[Session]:
    closes = {date.fromisoformat(day): close for day, close in overrides.items()}
    return [
        _closing_at(session, closes[session.session_date])
        if session.session_date in closes
        else session
        for session in sessions
        if closes.get(session.session_date) != "closed"
    ]


def _closing_at(session: Session, close: str) -> Session:
    local = datetime.combine(session.session_date, time.fromisoformat(close), NEW_YORK)
    return Session(session.session_date, session.opens_at, local.astimezone(UTC))


def _extended(day: Session) -> Session:
    shortened = day.closes_at < new_york(day.session_date, 16)
    close = new_york(day.session_date, 17 if shortened else 20)
    return Session(day.session_date, new_york(day.session_date, 4), close)
