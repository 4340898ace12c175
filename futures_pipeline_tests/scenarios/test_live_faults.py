"""A live stream that goes wrong: bad quotes are set aside in the open, a lost socket heals."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.sessions import minute_floor
from futures_pipeline.storage.spool import Spool, from_payload
from futures_pipeline.storage.tables import RAW_TABLES
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    simulated,
    wait_until,
)
from futures_pipeline_tests.scenarios.test_killed_collector import lake_of

pytestmark = pytest.mark.scenario

START = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
SESSION_OPEN = datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
ONE_SESSION = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0"}


def spooled(spool: Spool, table: str) -> pl.DataFrame:
    """Return every row the spool holds for a table."""
    frames = [
        from_payload(batch.payload)
        for part in spool.partitions()
        if part.table == table
        for batch in spool.read_after(part.table, part.session_date, 0)
    ]
    return pl.concat(frames) if frames else pl.DataFrame({"bid": [], "ask": []})


def has_crossed(spool: Spool) -> bool:
    """Return whether a crossed quote has been collected."""
    return spooled(spool, "futures_snapshots").filter(pl.col("bid") > pl.col("ask")).height > 0


def has_rows(spool: Spool, count: int) -> bool:
    """Return whether at least ``count`` futures snapshots have been collected."""
    return spooled(spool, "futures_snapshots").height >= count


def has_every_minute(spool: Spool, until: datetime) -> bool:
    """Return whether ES has a bar for each minute from the session's open to ``until``."""
    bars = spooled(spool, "bars_1m").filter(pl.col("symbol") == "ES")
    expected = pl.datetime_range(SESSION_OPEN, until, "1m", time_zone="UTC", eager=True)
    return set(expected) <= set(bars["ts_start"])


def test_a_crossed_quote_goes_to_quarantine_and_its_neighbours_to_the_table(data: Path) -> None:
    with simulated(START, 30.0, "ES,SPY,VIX", "--seed", "3") as simulator:
        collector = CollectorProcess(data, {**simulator.variables, **ONE_SESSION})
        spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
        wait_until(partial(has_rows, spool, 2), 30, "two snapshots")
        planted = simulator.command(command="plant", symbol="ES", kind="crossed", count=40)
        assert planted["ok"], planted
        wait_until(partial(has_crossed, spool), 30, "a crossed quote")
        count = spooled(spool, "futures_snapshots").height
        wait_until(partial(has_rows, spool, count + 6), 30, "quotes after it")
        assert collector.interrupt() == 0

    lake = lake_of(data, spool)
    refused = lake.read("quarantine")
    stored = lake.read("futures_snapshots")
    crossed = spooled(spool, "futures_snapshots").filter(pl.col("bid") > pl.col("ask"))
    assert refused["rule"].unique().to_list() == ["quote_not_crossed"]
    assert refused.height == crossed.height
    assert stored.height == spooled(spool, "futures_snapshots").height - crossed.height
    assert lake.read("spot_snapshots").height > 0
    spool.close()


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_lost_connection_heals_and_leaves_no_minute_out(data: Path, how: str) -> None:
    with simulated(START, 60.0, "ES,SPY,VIX", "--seed", "3") as simulator:
        collector = CollectorProcess(data, {**simulator.variables, **ONE_SESSION})
        spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
        wait_until(partial(has_rows, spool, 3), 30, "three snapshots")
        assert simulator.command(command="drop", how=how)["dropped"] == 1
        newest = spooled(spool, "futures_snapshots")["timestamp"].max()
        later = minute_floor(newest) + timedelta(minutes=5)
        wait_until(partial(has_every_minute, spool, later), 60, "every minute around the loss")
        assert simulator.command(command="stats")["orders_received"] == 0
        assert collector.interrupt() == 0

    assert "session_lost" in collector.log
    stored = lake_of(data, spool).read("bars_1m").filter(pl.col("symbol") == "ES")
    assert stored["ts_start"].is_unique().all()
    spool.close()


def test_ctrl_c_gives_every_line_back(data: Path) -> None:
    with simulated(START, 10.0, ",".join(["ES", "NQ", "SPY"]), "--seed", "3") as simulator:
        collector = CollectorProcess(data, {**simulator.variables, **ONE_SESSION})
        spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
        wait_until(partial(has_rows, spool, 2), 30, "two snapshots")
        lines = simulator.command(command="stats")["subscriptions"]
        assert len(lines) == 6
        assert collector.interrupt() == 0
        wait_until(lambda: not simulator.command(command="stats")["clients"], 10, "it has left")
        assert simulator.command(command="stats")["subscriptions"] == []
    assert {table.name for table in RAW_TABLES} - {"index_snapshots"} <= {
        part.table for part in spool.partitions()
    }
    spool.close()
