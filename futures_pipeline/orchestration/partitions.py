"""The partition of every asset: the trade date of a Globex session, holidays left out."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

import dagster as dg

from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import Timetable

WEEKENDS = "0 0 * * 0,6"
TIME_ZONE = "America/New_York"
# The session that opens at 18:00 carries tomorrow's date. Dagster counts a daily partition as
# complete at its midnight, so today is one beyond the last complete one and tomorrow two.
SESSIONS_AHEAD = 2


def session_partitions(first_session: date, globex: Timetable) -> dg.DailyPartitionsDefinition:
    """Return the partitions: session dates from ``first_session`` to the next session.

    Raises:
        ConfigurationError: ``first_session`` is outside the loaded calendar.
    """
    first, last = globex.sessions[0].session_date, globex.sessions[-1].session_date
    if not first <= first_session <= last:
        raise ConfigurationError(
            "dagster.first_session", str(first_session), f"a date from {first} to {last}"
        )
    closed = (datetime.combine(day, time()) for day in closed_weekdays(first_session, globex))
    return dg.DailyPartitionsDefinition(
        start_date=first_session.isoformat(),
        timezone=TIME_ZONE,
        end_offset=SESSIONS_AHEAD,
        exclusions=[WEEKENDS, *closed],
    )


def closed_weekdays(first: date, globex: Timetable) -> list[date]:
    """Return the weekdays from ``first`` to the calendar's end without a Globex session."""
    last = globex.sessions[-1].session_date
    days = (first + timedelta(days=count) for count in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and globex.on(day) is None]


def session_dates(keys: Iterable[str]) -> list[date]:
    """Return partition keys as dates.

    >>> session_dates(["2025-01-15"])
    [datetime.date(2025, 1, 15)]
    """
    return [date.fromisoformat(key) for key in keys]


def contiguous(dates: Iterable[date], keys: Sequence[str], longest: int) -> list[list[str]]:
    """Return the keys of ``dates`` in runs without a missing key, at most ``longest`` each.

    ``keys`` are all partition keys, ascending; dates that are no key are left out.

    >>> contiguous([date(2025, 1, 17), date(2025, 1, 21)], ["2025-01-17", "2025-01-21"], 9)
    [['2025-01-17', '2025-01-21']]
    """
    position = {key: index for index, key in enumerate(keys)}
    wanted = sorted(position[str(day)] for day in dates if str(day) in position)
    runs: list[list[int]] = []
    for index in wanted:
        if runs and index == runs[-1][-1] + 1 and len(runs[-1]) < longest:
            runs[-1].append(index)
        else:
            runs.append([index])
    return [[keys[index] for index in run] for run in runs]
