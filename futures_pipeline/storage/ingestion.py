"""Spool to lake, exactly once: validate, quarantine, commit, report. In that order.

The last spool ``seq`` of a partition is committed together with its rows, so a rerun or a
crash anywhere can only repeat work, never rows.
"""

import json
import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.domain.instruments import Instrument
from futures_pipeline.storage.lake import CommitConflict, Lake, Once, OpenTable
from futures_pipeline.storage.merge import Merge, merge_rows
from futures_pipeline.storage.schemas import conform, split
from futures_pipeline.storage.spool import Batch, Spool, from_payload
from futures_pipeline.storage.tables import BARS_1M, QUARANTINE, Table

MAX_TRIES = 8
# A session that has this many files is rewritten as one with its next rows: a file a minute
# would make every later read of the session slower (docs/decisions/0004).
MOST_FILES = 50
UNREADABLE = ("unreadable_batch", "the batch holds the table's columns as Arrow IPC")


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
    """Where rows come from and go to, and which instruments they may be about."""

    lake: Lake
    spool: Spool
    instruments: Sequence[Instrument]
    run_id: str

    def symbols(self, table: Table) -> frozenset[str]:
        """Return the symbols that may stand in ``table``."""
        return frozenset(
            instrument.symbol
            for instrument in self.instruments
            if table.name in (instrument.snapshot_table, BARS_1M.name)
        )


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
    good, refused = _judge(batches, table, ingestion.symbols(table), session_date)
    refused = _stamped(refused, now).with_columns(source_table=pl.lit(table.name))
    last_seq = batches[-1].seq
    _quarantine(ingestion, refused, Once(f"quarantine:{app_id}", last_seq))
    incoming = _stamped(good, now).select(table.names)
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


def _judge(
    batches: list[Batch], table: Table, symbols: Collection[str], session_date: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that keep the rules and the quarantine rows, ``ingested_at`` still open."""
    good, refused = [], []
    for batch in batches:
        try:
            rows = from_payload(batch.payload)
        except SpoolError:
            rows = pl.DataFrame({"payload_hex": [batch.payload.hex()]})
        marked = rows.with_columns(spool_seq=pl.lit(batch.seq, pl.Int64)).with_row_index(
            "row_index"
        )
        shaped = conform(rows, table)
        if shaped is None:
            verdict = marked.with_columns(rule=pl.lit(UNREADABLE[0]), says=pl.lit(UNREADABLE[1]))
            refused.append(_quarantine_rows(verdict, session_date))
            continue
        parts = split(
            shaped.with_columns(
                marked["spool_seq"], marked["row_index"], session_date=pl.lit(session_date)
            ),
            table,
            symbols,
        )
        good.append(parts.good.drop("row_index"))
        refused.append(_quarantine_rows(parts.refused, session_date))
    columns = {name: kind for name, kind in table.schema.items() if name != "ingested_at"}
    return pl.concat([pl.DataFrame(schema=columns), *good], how="diagonal"), pl.concat(refused)


def _quarantine_rows(rows: pl.DataFrame, session_date: date) -> pl.DataFrame:
    original = [
        name for name in rows.columns if name not in ("rule", "says", "spool_seq", "row_index")
    ]
    texts = [row_text(row) for row in rows.select(original).iter_rows(named=True)]
    has = {
        name: pl.col(name).cast(pl.String) if name in original else pl.lit(None, pl.String)
        for name in ("symbol", "contract")
    }
    return rows.select(
        session_date=pl.lit(session_date),
        rule=pl.col("rule"),
        says=pl.col("says"),
        symbol=has["symbol"],
        contract=has["contract"],
        row_json=pl.Series(texts, dtype=pl.String),
        spool_seq=pl.col("spool_seq"),
        row_index=pl.col("row_index").cast(pl.Int64),
    )


def row_text(row: dict[str, object]) -> str:
    """Return a row as JSON; NaN and infinities keep their names, times are ISO 8601."""
    return json.dumps(row, default=str, ensure_ascii=False)


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
