"""The collector is killed: what it acknowledged stays once, and the gap is told and filled."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.instruments import select_instruments
from futures_pipeline.domain.sessions import minute_floor
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Spool, from_payload
from futures_pipeline.storage.tables import (
    BARS_1M,
    FUTURES_SNAPSHOTS,
    GATEWAY_EVENTS,
    INDEX_SNAPSHOTS,
    RAW_TABLES,
    SPOT_SNAPSHOTS,
)
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    Simulator,
    history_ended,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

KILLS = 25
# What ES, SPY and VIX give without options.
COLLECTED = (FUTURES_SNAPSHOTS, SPOT_SNAPSHOTS, INDEX_SNAPSHOTS, BARS_1M, GATEWAY_EVENTS)
START = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
COMPLETE = [date(2025, 1, 13), date(2025, 1, 14)]
SYMBOLS = "ES,SPY,VIX"
SEED = 20250115
# Fields of a history request on the wire, by its message id.
HISTORY, END_FIELD, DURATION_FIELD = "20", 15, 17


@contextmanager
def collecting(data: Path, variables: dict[str, str]) -> Iterator[CollectorProcess]:
    """Run a collector that does not outlive its test, however that ends."""
    collector = CollectorProcess(data, variables)
    try:
        yield collector
    finally:
        collector.leave(10.0)


def acknowledged(spool: Spool) -> dict[int, bytes]:
    """Return every batch the spool has committed, by its number."""
    return {
        batch.seq: batch.payload
        for part in spool.partitions()
        for batch in spool.read_after(part.table, part.session_date, 0)
    }


def has_snapshots(spool: Spool) -> bool:
    """Return whether rows of every market have been collected."""
    return {table.name for table in COLLECTED} <= {part.table for part in spool.partitions()}


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
    for table in COLLECTED:
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


@dataclass(frozen=True)
class Restart:
    """A collector that was killed and started again five market minutes later.

    ``last_kept`` is when it kept rows for the last time before; ``asked`` are the history
    requests it sent afterwards, in the protocol's fields.
    """

    last_kept: datetime
    restarted: datetime
    asked: list[list[str]]
    lake: Lake


def market_time(simulator: Simulator) -> datetime:
    return datetime.fromisoformat(simulator.command(command="stats")["now"])


def bars_are_whole(spool: Spool, until: datetime) -> bool:
    """Return whether ES has a bar for each minute of the session before ``until``."""
    bars = [
        batch.rows().filter(symbol="ES")["ts_start"]
        for part in spool.partitions()
        if (part.table, part.session_date) == (BARS_1M.name, START.date())
        for batch in spool.read_after(part.table, part.session_date, 0)
    ]
    opens = datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
    wanted = pl.datetime_range(opens, until, "1m", closed="left", time_zone="UTC", eager=True)
    return set(wanted) <= {start for starts in bars for start in starts}


@pytest.fixture(scope="module")
def restart(tmp_path_factory: pytest.TempPathFactory) -> Restart:
    """Kill a collector that has everything, and let it fill the gap."""
    data = tmp_path_factory.mktemp("restart")
    spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
    with simulated(START, 60.0, "ES", "--seed", "3") as simulator:
        sessions = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": str(len(COMPLETE))}
        variables = {**simulator.variables, **sessions}
        with collecting(data, variables) as first:
            wait_until(partial(history_ended, spool), 60, "history is complete")
            enough = START + timedelta(minutes=5)
            wait_until(partial(bars_are_whole, spool, enough), 60, "every minute so far")
            first.kill()
        last_kept = spool.last_kept_at()
        assert last_kept is not None
        sent = simulator.command(command="stats")["request_log_length"]
        later = market_time(simulator) + timedelta(minutes=5)
        wait_until(lambda: market_time(simulator) > later, 30, "five minutes without it")
        restarted = market_time(simulator)
        with collecting(data, variables) as second:
            whole = minute_floor(restarted) + timedelta(minutes=3)
            wait_until(partial(bars_are_whole, spool, whole), 60, "every minute of the gap")
            log: list[dict[str, Any]] = simulator.command(command="requests", last=10_000)["log"]
            assert second.interrupt() == 0
    asked = [entry["fields"] for entry in log[sent:] if entry["fields"][0] == HISTORY]
    lake = lake_of(data, spool)
    spool.close()
    return Restart(last_kept, restarted, asked, lake)


def test_a_second_start_tells_that_the_collector_was_down(restart: Restart) -> None:
    events = restart.lake.read(GATEWAY_EVENTS.name).filter(event="collector_down")

    before, gap = events.sort("starts_at", "ends_at").rows(named=True)[-2:]
    assert before["text"] == "it had not run before"
    assert before["ends_at"] < gap["starts_at"]
    assert gap["text"] == "stopped or killed"
    assert gap["starts_at"] == restart.last_kept
    late = gap["ends_at"] - restart.restarted
    assert timedelta() <= late < timedelta(minutes=5)


def test_what_came_while_it_was_down_is_fetched_and_once(restart: Restart) -> None:
    bars = restart.lake.read(BARS_1M.name, [START.date()]).filter(symbol="ES")

    assert bars["ts_start"].is_unique().all()
    down = bars.filter(pl.col("ts_start").is_between(restart.last_kept, restart.restarted))
    assert down.height >= 5
    assert down["source"].unique().to_list() == ["history"]


def test_complete_sessions_are_not_asked_for_again(restart: Restart) -> None:
    ends = [fields[END_FIELD] for fields in restart.asked]

    assert ends
    assert all(end == "" or end.startswith("20250115 ") for end in ends)


def test_minutes_that_are_there_are_not_asked_for_again(restart: Restart) -> None:
    assert "1 D" not in {fields[DURATION_FIELD] for fields in restart.asked}
