"""The spool as the journal the lake is repaired from: what its batches add up to.

A table that went back to an earlier commit is behind the spool, and ingestion repeats the
rest by itself. Here is what positions alone cannot bring back: refused rows whose table lost
a commit, and sessions whose data file was damaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from futures_pipeline.domain.instruments import Instrument
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.judging import Court, judge
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.merge import merge_rows
from futures_pipeline.storage.schemas import Split
from futures_pipeline.storage.spool import Batch, Spool
from futures_pipeline.storage.tables import QUARANTINE, RAW_TABLES, Table

RAW_BY_NAME = {table.name: table for table in RAW_TABLES}


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


def quarantine_id(table: str, session_date: date) -> str:
    """Return the application id of a partition's refused rows."""
    return f"quarantine:{source_id(table, session_date)}"


def judged_rows(
    ingestion: Ingestion, table: Table, session_date: date, batches: Sequence[Batch], now: datetime
) -> Split:
    """Return the rows of batches as the lake and the quarantine take them; ``now``: ingested."""
    court = Court(table, session_date, table.symbols(ingestion.instruments), ingestion.calendar)
    judged = judge(batches, court)
    refused = _stamped(judged.refused, now).with_columns(source_table=pl.lit(table.name))
    return Split(_stamped(judged.good, now).select(table.names), refused.select(QUARANTINE.names))


def _stamped(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    return rows.with_columns(ingested_at=pl.lit(now).dt.cast_time_unit("us"))


def kept_batches(spool: Spool, table: str, session_date: date, seq: int) -> list[Batch]:
    """Return the batches up to ``seq`` whose rows the spool still has."""
    batches = spool.read_after(table, session_date, 0)
    return [batch for batch in batches if batch.seq <= seq and batch.payload]


def refile_refused(ingestion: Ingestion, now: datetime) -> int:
    """File the refused rows that the quarantine lost; return how many.

    Ingestion does not look at a batch again whose good rows are in the lake.
    """
    filed = 0
    for part in ingestion.spool.partitions():
        table = ingestion.lake.open(part.table) if part.table in RAW_BY_NAME else None
        if table is None:
            continue
        quarantine = ingestion.lake.open_or_create(QUARANTINE.name)
        done = table.committed_seq(source_id(part.table, part.session_date))
        once = Once(quarantine_id(part.table, part.session_date), done)
        known = quarantine.committed_seq(once.app_id)
        batches = kept_batches(ingestion.spool, part.table, part.session_date, done)
        missing = [batch for batch in batches if batch.seq > known]
        refused = judged_rows(ingestion, table.table, part.session_date, missing, now).refused
        if refused.height:
            quarantine.append(refused, once, {"run_id": ingestion.run_id, "refiled": "journal"})
            filed += refused.height
    return filed


def session_rows(
    ingestion: Ingestion, table: Table, session_date: date, intact: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """Return a session of a raw table made of ``intact`` rows and all that the spool has.

    Only batches that the lake had committed count: later ones are ingestion's.
    """
    opened = ingestion.lake.open_or_create(table.name)
    done = opened.committed_seq(source_id(table.name, session_date))
    batches = kept_batches(ingestion.spool, table.name, session_date, done)
    incoming = judged_rows(ingestion, table, session_date, batches, now).good
    merged = merge_rows(intact, incoming, table)
    if merged.partition is not None:
        return merged.partition
    return pl.concat([intact, merged.added]).sort(table.order)


def refused_rows(
    ingestion: Ingestion, session_date: date, intact: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """Return a session of the quarantine made of ``intact`` rows and all that the spool has."""
    quarantine = ingestion.lake.open_or_create(QUARANTINE.name)
    parts = [intact]
    for part in ingestion.spool.partitions():
        if part.session_date == session_date and part.table in RAW_BY_NAME:
            done = quarantine.committed_seq(quarantine_id(part.table, session_date))
            batches = kept_batches(ingestion.spool, part.table, session_date, done)
            table = RAW_BY_NAME[part.table]
            parts.append(judged_rows(ingestion, table, session_date, batches, now).refused)
    unique = pl.concat(parts).unique(QUARANTINE.key, keep="first", maintain_order=True)
    return unique.sort(QUARANTINE.order)
