"""Which runs to start for sessions that are behind, and what to say of rows that none takes.

Pure: positions, failed runs and the time decide.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from futures_pipeline.domain.sessions import Timetable
from futures_pipeline.orchestration.partitions import contiguous, session_dates
from futures_pipeline.storage.tables import RAW_TABLES

LONGEST_RANGE = 60
CRASH_WAIT = timedelta(seconds=10)
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that failed: its sessions, the spool's last ``seq`` then, and its end.

    ``crashed``: its process was killed, so nothing is known against its rows.
    """

    first: str
    last: str
    spool_seq: int
    ended_at: datetime
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to start: lists of contiguous partition keys, and why there is nothing more."""

    ranges: list[list[str]]
    waiting: list[str]


def next_runs(
    behind: Mapping[date, int], failed: Sequence[FailedRun], keys: Sequence[str], now: datetime
) -> RunPlan:
    """Return the runs to start now.

    Args:
        behind: the sessions to work on, with the last ``seq`` of their rows in the spool.
        failed: failed runs, as far back as failures are remembered.
        keys: all partition keys, ascending.
        now: machine time, UTC.

    A session that has failed with all its present rows waits: 5 minutes after the first
    failure, twice as long after each further one, at most an hour, and 10 seconds after a
    killed run. It is then tried alone, so that one broken session does not hold up its
    neighbours. New rows end the wait.
    """
    failures = {
        day: [run for run in failed if run.first <= str(day) <= run.last and seq <= run.spool_seq]
        for day, seq in behind.items()
    }
    waiting = [day for day, runs in failures.items() if runs and now < try_again_at(runs)]
    alone = [day for day, runs in failures.items() if runs and day not in waiting]
    fresh = [day for day, runs in failures.items() if not runs]
    ranges = contiguous(fresh, keys, LONGEST_RANGE)
    return RunPlan(ranges=[*ranges, *contiguous(alone, keys, 1)], waiting=sorted(map(str, waiting)))


def try_again_at(failures: Sequence[FailedRun]) -> datetime:
    """Return when a session may be tried again after these failures, at least one."""
    ended_at = max(failure.ended_at for failure in failures)
    refusals = sum(not failure.crashed for failure in failures)
    if not refusals:
        return ended_at + CRASH_WAIT
    return ended_at + min(FIRST_WAIT * (1 << min(refusals - 1, 10)), LONGEST_WAIT)


def outside_partitions(
    spooled: Collection[date], keys: Sequence[str], globex: Timetable
) -> str | None:
    """Return what to do about spooled sessions that are no partition, None without any."""
    known = set(session_dates(keys))
    outside = sorted(day for day in spooled if day not in known)
    if not outside:
        return None
    closed = [day for day in outside if is_closed(day, globex)]
    sessions = [day for day in outside if day not in closed]
    early = [day for day in sessions if not keys or str(day) < keys[0]]
    late = [day for day in sessions if day not in early]
    kinds = [
        (early, "before the first partition; set dagster.first_session to {first} or earlier "
         "and restart Dagster"),
        (closed, "days without a Globex session, so no collector files rows there; find the "
         "program that wrote them"),
        (late, "after the last partition; check the clock of this machine and the collector's"),
    ]  # fmt: skip
    says = [
        f"{listed(map(str, days))} ({remedy.format(first=days[0])})"
        for days, remedy in kinds
        if days
    ]
    span = f"partitions are {keys[0]} to {keys[-1]}" if keys else "there is no partition yet"
    return (
        f"the spool has rows of {len(outside)} sessions that are no partition and are not "
        f"ingested: {', '.join(says)}; {span}"
    )


def is_closed(day: date, globex: Timetable) -> bool:
    """Return whether ``day`` is known to have no Globex session."""
    is_loaded = globex.sessions[0].session_date <= day <= globex.sessions[-1].session_date
    return day.weekday() >= SATURDAY or (is_loaded and globex.on(day) is None)


def unknown_tables(spooled: Collection[str]) -> str | None:
    """Return what to do about spooled tables that are no raw table, None without any."""
    known = [table.name for table in RAW_TABLES]
    unknown = sorted(set(spooled) - set(known))
    if not unknown:
        return None
    return (
        "the spool has rows of tables that are no raw table and are not "
        f"ingested: {listed(map(repr, unknown))}; raw tables are {', '.join(known)}; find the "
        "program that wrote them, or install the version of the pipeline that knows them"
    )


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return the first names as a list in a sentence."""
    shown = list(names)
    return ", ".join(shown[:limit]) + (", ..." if len(shown) > limit else "")
