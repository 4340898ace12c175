"""``futures-pipeline coverage``: what a session owes, has and misses, and what to do about it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Self

import click
import polars as pl
from rich.console import Console

from futures_pipeline.analytics.coverage import deliverable_until
from futures_pipeline.analytics.gap_causes import EVENT_SCHEMA, collector_down
from futures_pipeline.commands.inspecting.coverage_tables import print_coverage
from futures_pipeline.commands.options import sole_user, with_settings
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, PipelineError
from futures_pipeline.domain.sessions import Session, Timetable, TradingCalendar
from futures_pipeline.orchestration.ingestion.session_coverage import (
    COVERAGE_INPUTS,
    first_told_at,
    session_coverage,
    with_time_before,
)
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.judging import Court, judge
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.spool.queue_report import last_kept_at
from futures_pipeline.storage.tables import GATEWAY_EVENTS, Table


@click.command()
@click.option("--session", "asked", help="Trade date like 2025-01-15; default the newest stored.")
@with_settings
def coverage(asked: str | None, config: Path | None, data: Path | None) -> None:
    """Show which minutes of a session are missing, why, and what to do.

    Read from the lake and, where that is behind, from the collector's database: right
    whether Dagster runs or not.
    """
    logging.basicConfig(level=logging.ERROR)  # warnings are in the logs of the processes
    settings = load_settings(config=config, data=data)
    now = settings.clock.now()
    calendar = calendar_for(now)
    last_kept = last_kept_at(settings.spool_url)
    with Stored(settings, calendar, has_spool=last_kept is not None) as stored:
        dates = stored.session_dates()
        session = chosen_session(asked, dates, calendar.globex, now, settings.data)
        rows = stored.rows(session.session_date)
    speed = 1.0 / settings.clock.system_seconds(1.0)
    until = deliverable_until(now, settings.collection.snapshot_interval_seconds, speed)
    is_stopped = last_kept is not None and not is_running(settings.data)
    if last_kept is not None and is_stopped and last_kept < until:
        rows = with_downtime(rows, last_kept, until)
    told_from = first_told_at(Lake(settings.lake_path))
    rows = with_time_before(rows, told_from, [session.session_date])
    found = session_coverage(rows, [session.session_date], settings, calendar, until)
    print_coverage(Console(), session, found, until, is_stopped)


class Stored:
    """What the lake holds, and what the spool has beyond it."""

    def __init__(self, settings: Settings, calendar: TradingCalendar, *, has_spool: bool) -> None:
        self._settings = settings
        self._calendar = calendar
        self._lake = Lake(settings.lake_path)
        self._spool = Spool(settings.spool_url) if has_spool else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._spool is not None:
            self._spool.close()

    def session_dates(self) -> list[date]:
        """Return the sessions with rows of prices, ascending."""
        names = [table.name for table in COVERAGE_INPUTS if table is not GATEWAY_EVENTS]
        tables = [self._lake.open(name) for name in names]
        held = {day for table in tables if table for day in table.session_dates()}
        spooled = self._spool.partitions() if self._spool else []
        return sorted(held | {part.session_date for part in spooled if part.table in names})

    def rows(self, session_date: date) -> dict[str, pl.DataFrame]:
        """Return the rows of a session by table; bad rows of the spool are left out."""
        return {table.name: self._rows(table, session_date) for table in COVERAGE_INPUTS}

    def _rows(self, table: Table, session_date: date) -> pl.DataFrame:
        opened = self._lake.open(table.name)
        done = opened.committed_seq(source_id(table.name, session_date)) if opened else 0
        kept = self._lake.read(table.name, [session_date])
        if self._spool is None:
            return kept
        batches = self._spool.read_after(table.name, session_date, done)
        symbols = table.symbols(self._settings.collected)
        waiting = judge(batches, Court(table, session_date, symbols, self._calendar)).good
        return pl.concat([kept.select(waiting.columns), waiting])


def chosen_session(
    asked: str | None, stored: Sequence[date], globex: Timetable, now: datetime, data: Path
) -> Session:
    """Return the session to show: the one asked for, or the newest of ``stored`` (ascending).

    Raises:
        ConfigurationError: ``asked`` is no date, or not the date of a session.
        PipelineError: nothing is stored, or nothing of that session.
    """
    if not stored:
        raise PipelineError(
            f"coverage: nothing is stored in {data} yet; start futures-pipeline run or "
            "futures-pipeline demo, or choose another directory with --data"
        )
    if asked is None:
        return _session_on(stored[-1], globex)
    day = _date(asked)
    session = _session_on(day, globex)
    if session.opens_at > now:
        raise PipelineError(
            f"session {day}: it opens at {session.opens_at:%Y-%m-%d %H:%M} UTC; "
            f"the newest stored session is {stored[-1]}"
        )
    if not stored[0] <= day <= stored[-1]:
        raise PipelineError(
            f"session {day}: nothing is stored; stored sessions are {stored[0]} to {stored[-1]}; "
            "choose one of these, or fetch its bars with futures-pipeline backfill"
        )
    return session


def is_running(data: Path) -> bool:
    """Return whether a collector works on the data directory."""
    if not (data / "collector.lock").exists():
        return False
    try:
        with sole_user(data, "collector"):
            return False
    except DataDirectoryError:
        return True


def with_downtime(
    rows: Mapping[str, pl.DataFrame], since: datetime, until: datetime
) -> dict[str, pl.DataFrame]:
    """Return ``rows`` with the time since the collector stopped among the events.

    It will tell of this time itself when it starts again.
    """
    told = rows[GATEWAY_EVENTS.name].select(*EVENT_SCHEMA)
    down = collector_down(since, until, "it does not run now")
    return {**rows, GATEWAY_EVENTS.name: pl.concat([told, down])}


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError("--session", text, "a date like 2025-01-15") from error


def _session_on(day: date, globex: Timetable) -> Session:
    session = globex.on(day)
    if session is not None:
        return session
    first, last = globex.sessions[0].session_date, globex.sessions[-1].session_date
    if not first <= day <= last:
        raise ConfigurationError("--session", str(day), f"a date from {first} to {last}")
    before = globex.before(day, 1)[0].session_date
    after = next(s.session_date for s in globex.sessions if s.session_date > day)
    raise ConfigurationError(
        "--session",
        str(day),
        f"the date of a session, not of a weekend or holiday; the nearest are {before} and {after}",
    )
