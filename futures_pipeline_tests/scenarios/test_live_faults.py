"""A live session that goes wrong: bad quotes are set aside in the open, lost sockets heal."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.domain.sessions import minute_floor
from futures_pipeline.storage.spool import Spool, from_payload
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    simulated,
    wait_until,
)
from futures_pipeline_tests.scenarios.test_killed_collector import collecting, lake_of

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
    assert {"futures_snapshots", "spot_snapshots", "bars_1m", "gateway_events"} <= {
        part.table for part in spool.partitions()
    }
    spool.close()


def test_a_ghost_that_holds_the_client_id_is_left_for_the_next_id(data: Path) -> None:
    spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
    with (
        simulated(START, 60.0, "ES", "--seed", "3") as simulator,
        collecting(data, {**simulator.variables, **ONE_SESSION}) as collector,
    ):
        wait_until(partial(has_rows, spool, 2), 30, "two snapshots")
        assert simulator.command(command="stats")["clients"] == [17]
        assert simulator.command(command="fault", name="326")["ok"]
        wait_until(lambda: simulator.command(command="stats")["clients"] == [18], 30, "client 18")
        count = spooled(spool, "futures_snapshots").height
        wait_until(partial(has_rows, spool, count + 3), 30, "snapshots of the new session")
        assert simulator.command(command="stats")["orders_received"] == 0
        assert collector.interrupt() == 0

    assert collector.log.count("client_id_taken id=17") == 1
    assert "breaker_open" not in collector.log
    events = lake_of(data, spool).read("gateway_events").sort("starts_at")
    assert events.filter(event="connected")["text"].to_list() == ["id 17", "id 18"]
    (lost,) = events.filter(event="connection_lost").rows(named=True)
    assert lost["starts_at"] < lost["ends_at"]
    spool.close()


def test_a_refusal_of_history_says_nothing_of_the_streams(data: Path) -> None:
    spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
    with simulated(START, 30.0, "ES,SPY", "--seed", "3") as simulator:
        assert simulator.command(command="fault", name="162_no_permission", symbol="SPY")["ok"]
        with collecting(data, {**simulator.variables, **ONE_SESSION}) as collector:
            wait_until(lambda: "request_not_done" in collector.log, 30, "history is refused")
            wait_until(lambda: spooled(spool, "spot_snapshots").height > 2, 30, "quotes of SPY")
            assert collector.interrupt() == 0
    spool.close()

    assert "stream_refused contract=SPY" not in collector.log
