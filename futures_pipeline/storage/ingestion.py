"""Spool to lake, exactly once: validate, quarantine, commit, report. In that order.

The last spool ``seq`` of a partition is committed together with its rows, so a rerun or a
crash anywhere can only repeat work, never rows.
"""

import random
import time
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from futures_pipeline.storage.journal import Ingestion, judged_rows, quarantine_id, source_id
from futures_pipeline.storage.lake import CommitConflict, LakeDamaged, Once, OpenTable
from futures_pipeline.storage.merge import Merge, merge_rows
from futures_pipeline.storage.repair import heal
from futures_pipeline.storage.tables import QUARANTINE, Table

__all__ = ["MAX_TRIES", "MOST_FILES", "IngestReport", "Ingestion", "ingest_partition", "source_id"]

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


def ingest_partition(
    ingestion: Ingestion, table: Table, session_date: date, now: datetime
) -> IngestReport:
    """Bring the spool's new batches of one table and session into the lake.

    ``now`` becomes ``ingested_at``. Repeats itself when another writer was faster, and once
    after it has repaired a table that is damaged.
    """
    try:
        return _until_first(ingestion, table, session_date, now)
    except LakeDamaged:
        heal(ingestion, [table.name, QUARANTINE.name], now)
        return _until_first(ingestion, table, session_date, now)


def _until_first(
    ingestion: Ingestion, table: Table, session_date: date, now: datetime
) -> IngestReport:
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
    judged = judged_rows(ingestion, table, session_date, batches, now)
    refused = judged.refused
    last_seq = batches[-1].seq
    _quarantine(ingestion, refused, Once(quarantine_id(table.name, session_date), last_seq))
    stored = target.read([session_date])
    merged = merge_rows(stored, judged.good, table)
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
