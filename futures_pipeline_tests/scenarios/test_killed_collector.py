"""The collector is killed 25 times; what it acknowledged stays, and nothing is there twice."""

import random
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.instruments import select_instruments
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Spool, from_payload
from futures_pipeline.storage.tables import RAW_TABLES
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    history_ended,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

KILLS = 25
START = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
COMPLETE = [date(2025, 1, 13), date(2025, 1, 14)]
SYMBOLS = "ES,SPY,VIX"
SEED = 20250115


def acknowledged(spool: Spool) -> dict[int, bytes]:
    """Return every batch the spool has committed, by its number."""
    return {
        batch.seq: batch.payload
        for part in spool.partitions()
        for batch in spool.read_after(part.table, part.session_date, 0)
    }


def has_snapshots(spool: Spool) -> bool:
    """Return whether rows of every raw table have been collected."""
    return {table.name for table in RAW_TABLES} <= {part.table for part in spool.partitions()}


def lake_of(data: Path, spool: Spool) -> Lake:
    """Ingest everything the spool holds."""
    lake = Lake(data / "lake")
    instruments = select_instruments(SYMBOLS.split(","))
    ingestion = Ingestion(lake, spool, instruments, calendar_for(START), "test")
    tables = {table.name: table for table in RAW_TABLES}
    for part in spool.partitions():
        ingest_partition(ingestion, tables[part.table], part.session_date, START)
    return lake


@pytest.mark.timeout(400)
def test_25_kills_lose_nothing_acknowledged_and_double_nothing(data: Path) -> None:
    killed, clean = data / "killed", data / "clean"
    killed.mkdir()
    clean.mkdir()
    moments = random.Random(SEED)
    with simulated(START, 30.0, SYMBOLS, "--seed", "3") as simulator:
        variables = {
            **simulator.variables,
            "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": str(len(COMPLETE)),
        }
        spool = Spool(f"sqlite:///{killed / 'collector.sqlite'}")
        seen: dict[int, bytes] = {}
        for _ in range(KILLS):
            collector = CollectorProcess(killed, variables)
            collector.wait(moments.uniform(0.2, 3.5))
            collector.kill()
            held = acknowledged(spool)
            assert seen.items() <= held.items()
            seen = held

        last = CollectorProcess(killed, variables)
        other = {**variables, "FUTURES_PIPELINE_GATEWAY_CLIENT_ID": "18"}
        reference = CollectorProcess(clean, other)
        reference_spool = Spool(f"sqlite:///{clean / 'collector.sqlite'}")
        for one in (spool, reference_spool):
            wait_until(partial(history_ended, one), 60, "history is complete")
            wait_until(partial(has_snapshots, one), 60, "every market has a snapshot")
        assert (last.interrupt(), reference.interrupt()) == (0, 0)

    held = acknowledged(spool)
    assert seen.items() <= held.items()
    lake, reference_lake = lake_of(killed, spool), lake_of(clean, reference_spool)
    for table in RAW_TABLES:
        stored = lake.read(table.name)
        assert stored.select(table.key).is_unique().all()
        assert stored.height > 0
        spooled = pl.concat(
            [
                from_payload(batch.payload).select(table.key)
                for part in spool.partitions()
                if part.table == table.name
                for batch in spool.read_after(part.table, part.session_date, 0)
            ]
        )
        assert spooled.join(stored, on=list(table.key), how="anti").is_empty()
    columns = ["contract", "ts_start", "open", "high", "low", "close", "volume"]
    bars, expected = (
        source.read("bars_1m", COMPLETE).select(columns) for source in (lake, reference_lake)
    )
    assert expected.height > 3_000
    assert bars.equals(expected)
    spool.close()
    reference_spool.close()
