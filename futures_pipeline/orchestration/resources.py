"""What every asset, check and sensor works with, built in one place from the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import polars as pl

from futures_pipeline.analytics.coverage import deliverable_until
from futures_pipeline.config import Settings, writable_directory
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.instruments import Instrument
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.orchestration.ingestion.positions import CommittedPositions
from futures_pipeline.storage.ingestion import (
    Ingestion,
    IngestReport,
    ingest_partition,
    source_id,
)
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import GATEWAY_EVENTS, QUARANTINE, Table


@dataclass(frozen=True)
class Workbench:
    """The lake, the spool, the clock and the calendar of one configuration.

    Nothing is opened before it is used, so definitions load without a data directory.
    """

    settings: Settings

    @cached_property
    def clock(self) -> Clock:
        return self.settings.clock

    @property
    def calendar(self) -> TradingCalendar:
        """The exchange calendar up to a year after the later of market and machine time.

        Dagster lists partitions by the machine's time, assets work by the market's.
        """
        return calendar_for(max(self.clock.now(), datetime.now(UTC)))

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self.settings.collected

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_path)

    @cached_property
    def spool(self) -> Spool:
        writable_directory(self.settings.data)
        return Spool(self.settings.spool_url)

    def deliverable_until(self, started_at: datetime | None = None) -> datetime:
        """Return the market time up to which rows can be in the lake.

        ``started_at``: when, by the machine's clock, the run began that brings rows in; None
        for now. What the collector keeps while a run is under way is the next run's.
        """
        speed = 1.0 / self.clock.system_seconds(1.0)
        passed = datetime.now(UTC) - started_at if started_at else timedelta()
        interval = self.settings.collection.snapshot_interval_seconds
        return deliverable_until(self.clock.now() - passed * speed, interval, speed)

    @cached_property
    def committed(self) -> CommittedPositions:
        return CommittedPositions(self.lake)

    def ingestion(self, run_id: str) -> Ingestion:
        """Return the way from the spool to the lake, as run ``run_id`` uses it."""
        return Ingestion(self.lake, self.spool, self.instruments, self.calendar, run_id)

    def ingest(
        self, table: Table, session_dates: Sequence[date], run_id: str
    ) -> dict[date, IngestReport]:
        """Bring the spool's new batches of some sessions into the lake."""
        ingestion = self.ingestion(run_id)
        return {
            session_date: ingest_partition(ingestion, table, session_date, self.clock.now())
            for session_date in session_dates
        }

    def row_count(self, table: Table) -> int:
        """Return how many rows a table holds, over all sessions."""
        opened = self.lake.open(table.name)
        return 0 if opened is None else int(opened.scan().select(pl.len()).collect().item())

    def stored_rows(self, table: Table, session_dates: Sequence[date]) -> pl.DataFrame:
        """Return ``session_date`` and ``stored_rows`` of those sessions that have rows."""
        opened = self.lake.open_or_create(table.name)
        chosen = opened.scan().filter(pl.col("session_date").is_in(list(session_dates)))
        return chosen.group_by("session_date").len("stored_rows").collect()

    def judged_sessions(
        self, table: Table, session_dates: Sequence[date], newest: int
    ) -> list[date]:
        """Return some sessions and the newest of those with stored or refused rows, ascending."""
        held: set[date] = set()
        for name in (table.name, QUARANTINE.name):
            opened = self.lake.open(name)
            held.update([] if opened is None else opened.session_dates())
        return sorted({*session_dates, *sorted(held)[-newest:]})

    def refused(self, table: Table, session_dates: Sequence[date]) -> pl.DataFrame:
        """Return the quarantine rows of some sessions that were meant for ``table``."""
        rows = self.lake.read(QUARANTINE.name, session_dates)
        return rows.filter(pl.col("source_table") == table.name)

    def newest_events(self, sessions: int) -> pl.DataFrame:
        """Return the rows of ``gateway_events`` of the newest stored sessions."""
        opened = self.lake.open(GATEWAY_EVENTS.name)
        if opened is None:
            return pl.DataFrame(schema=GATEWAY_EVENTS.schema)
        return opened.read(opened.session_dates()[-sessions:])

    def raw_rows(
        self, tables: Sequence[Table], session_dates: Sequence[date]
    ) -> tuple[dict[tuple[str, date], int], dict[str, pl.DataFrame]]:
        """Return the committed positions and the rows of raw tables, each from one version."""
        positions: dict[tuple[str, date], int] = {}
        rows: dict[str, pl.DataFrame] = {}
        for table in tables:
            opened = self.lake.open_or_create(table.name)
            rows[table.name] = opened.read(session_dates)
            for day in session_dates:
                positions[table.name, day] = opened.committed_seq(source_id(table.name, day))
        return positions, rows
