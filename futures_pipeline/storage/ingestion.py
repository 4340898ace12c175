"""Spool to lake, exactly once: validate, quarantine, commit, report. In that order.

The last spool ``seq`` of a partition is committed together with its rows, so a rerun or a
crash anywhere can only repeat work, never rows.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from futures_pipeline.domain.instruments import Instrument
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.judging import Court, judge
from futures_pipeline.storage.lake import CommitConflict, Lake, Once, OpenTable
from futures_pipeline.storage.merge import Merge, merge_rows
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import QUARANTINE, Table

MAX_TRIES = 8
# A session that has this many files is rewritten as one with its next rows: a file a minute
# would make every later read of the session slower (docs/decisions/0004).
MOST_FILES = 50


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ingestion of a partition did; row counts."""

    session_date: date
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    last_seq: int = 0
    version: int = 0

    @property
    def refused_rows(self) -> int:
        return sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Where rows come from and go to, and what they may be about."""

    lake: Lake
    spool: Spool
    instruments: Sequence[Instrument]
    calendar: TradingCalendar
    run_id: str


def source_id(table: str, session_date: date) -> str:
    """Return the application id under which a partition's spool position is committed."""
    return f"spool:{table}:{session_date}"


def ingest_partition(
    ingestion: Ingestion, table: Table, session_date: date, now: datetime
) -> IngestReport:
    """Bring the spool's new batches of one table and session into the lake.

    ``now`` becomes ``ingested_at``. Repeats itself when another writer was faster.
    """
    for attempt in range(MAX_TRIES):
        try:
            return _ingest(ingestion, table, session_date, now)
        except CommitConflict:
            if attempt == MAX_TRIES - 1:
                raise
            time.sleep(random.uniform(0.01, 0.1) * (attempt + 1))
    raise AssertionError("unreachable")


def _ingest(ingestion: Ingestion, table: Table, session_date: date, now: datetime) -> IngestReport:
    target = ingestion.lake.open_or_create(table.name)
    app_id = source_id(table.name, session_date)
    done = target.committed_seq(app_id)
    batches = ingestion.spool.read_after(table.name, session_date, done)
    if not batches:
        return IngestReport(session_date, last_seq=done, version=target.version)
    court = Court(table, session_date, table.symbols(ingestion.instruments), ingestion.calendar)
    judged = judge(batches, court)
    refused = _stamped(judged.refused, now).with_columns(source_table=pl.lit(table.name))
    last_seq = batches[-1].seq
    _quarantine(ingestion, refused, Once(f"quarantine:{app_id}", last_seq))
    incoming = _stamped(judged.good, now).select(table.names)
    stored = target.read([session_date])
    merged = merge_rows(stored, incoming, table)
    if merged.partition is None and target.files(session_date) >= MOST_FILES:
        merged = replace(merged, partition=pl.concat([stored, merged.added]).sort(table.order))
    _commit(target, merged, Once(app_id, last_seq), session_date, ingestion.run_id)
    return IngestReport(
        session_date=session_date,
        new=merged.new,
        revised=merged.revised,
        unchanged=merged.unchanged,
        refused=dict(refused.group_by("rule").len().sort("rule").iter_rows()),
        last_seq=last_seq,
        version=target.version,
    )


def _stamped(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    return rows.with_columns(ingested_at=pl.lit(now).dt.cast_time_unit("us"))


def _quarantine(ingestion: Ingestion, refused: pl.DataFrame, once: Once) -> None:
    """Keep refused rows that no earlier try has kept, before the good ones are committed."""
    if refused.is_empty():
        return
    table = ingestion.lake.open_or_create(QUARANTINE.name)
    fresh = refused.filter(pl.col("spool_seq") > table.committed_seq(once.app_id))
    if fresh.height:
        table.append(fresh, once, {"run_id": ingestion.run_id})


def _commit(target: OpenTable, merged: Merge, once: Once, session_date: date, run_id: str) -> None:
    metadata = {"run_id": run_id, "new": str(merged.new), "revised": str(merged.revised)}
    if merged.partition is None:
        target.append(merged.added, once, metadata)
    else:
        target.replace([session_date], merged.partition, metadata, once)
