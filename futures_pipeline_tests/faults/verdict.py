"""From the spool through the real ingestion into a lake, and what is found there."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import polars as pl

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.instruments import UNIVERSE, select_instruments
from futures_pipeline.domain.sessions import Timetable, TradingCalendar
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import BARS_1M, GATEWAY_EVENTS, QUARANTINE, RAW_TABLES

INGEST_EVERY_SECONDS = 5.0


def ingested(data: Path, symbols: Sequence[str], near: datetime) -> Lake:
    """Bring everything that a data directory's spool holds into its lake; return that."""
    lake = Lake(data / "lake")
    spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
    ingestion = Ingestion(lake, spool, select_instruments(symbols), calendar_for(near), "faults")
    tables = {table.name: table for table in RAW_TABLES}
    try:
        for part in spool.partitions():
            ingest_partition(ingestion, tables[part.table], part.session_date, near)
    finally:
        spool.close()
    return lake


@contextmanager
def ingesting(data: Path, symbols: Sequence[str], near: datetime) -> Iterator[None]:
    """Ingest beside the body again and again, as the pipeline does."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(INGEST_EVERY_SECONDS):
            ingested(data, symbols, near)

    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(repeat)
        try:
            yield
        finally:
            over.set()
        beside.result()


@dataclass(frozen=True, slots=True)
class Stored:
    """What a lake holds after a run."""

    bars: pl.DataFrame
    snapshots: pl.DataFrame
    refused: pl.DataFrame
    events: pl.DataFrame

    @classmethod
    def of(cls, lake: Lake, symbols: Sequence[str]) -> "Stored":
        """Read it; ``snapshots`` are ``symbol, contract, timestamp`` of all kinds."""
        tables = sorted({it.snapshot_table for it in select_instruments(symbols)})
        columns = ("symbol", "contract", "session_date", "timestamp", "data_type")
        return cls(
            bars=lake.read(BARS_1M.name),
            snapshots=pl.concat([lake.read(name).select(columns) for name in tables]),
            refused=lake.read(QUARANTINE.name),
            events=lake.read(GATEWAY_EVENTS.name),
        )


def standing(bars: pl.DataFrame) -> pl.DataFrame:
    """Return one bar a key of rows as they were spooled: the one that a merge would keep."""
    ranked = bars.sort(*BARS_1M.precedence)
    return ranked.unique(list(BARS_1M.key), keep="last", maintain_order=True)


def longest_gap_seconds(
    snapshots: pl.DataFrame, symbol: str, span: tuple[datetime, datetime], calendar: TradingCalendar
) -> float:
    """Return the longest open market time without a snapshot of a symbol, within a span."""
    start, end = span
    inside = pl.col("timestamp").is_between(start, end) & (pl.col("symbol") == symbol)
    seen = snapshots.filter(inside)["timestamp"].sort().to_list()
    hours = market_hours(UNIVERSE[symbol].kind, calendar)
    edges = [start, *seen, end]
    return max(_open_seconds(hours, a, b) for a, b in pairwise(edges))


def _open_seconds(hours: Timetable, start: datetime, end: datetime) -> float:
    return hours.open_seconds(start, max(start, end))
