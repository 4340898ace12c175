"""Pairs against the simulator's process: a storm of faults, and a collector that is killed."""

import asyncio
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from futures_pipeline.collection.binance.messages import Trade
from futures_pipeline.collection.binance.service import PairCollector
from futures_pipeline.config import CollectionSettings
from futures_pipeline.domain.clock import Clock, parse_clock
from futures_pipeline.simulator.binance.prices import Pair
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.collection.binance.conftest import (
    NAME,
    PublicHosts,
    eventually,
)
from futures_pipeline_tests.collection.binance.test_service import (
    has_bars,
    is_whole,
    minutes_of,
    whole_until,
)
from futures_pipeline_tests.scenarios.conftest import (
    Simulator,
    environment,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

START = datetime(2025, 1, 15, 14, 40, 20, tzinfo=UTC)
STORM_SPEED, STORM_MINUTE = 3.0, timedelta(minutes=1)
RECONNECTS = 29
ENDS = ("binance_rst", "binance_rst", "binance_rst", "binance_1001", "binance_1008")
MARKS = ("binance_duplicates", "binance_lost_trades", "binance_malformed", "binance_503")
KILL_SPEED = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def simulated_binance(speed: float) -> Iterator[tuple[Simulator, PublicHosts]]:
    port = free_port()
    with simulated(START, speed, "ES", "--binance-port", str(port)) as simulator:
        yield simulator, PublicHosts(f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}")


async def send(simulator: Simulator, **request: object) -> dict[str, object]:
    return await asyncio.to_thread(simulator.command, **request)


async def fault(simulator: Simulator, name: str, **parameters: object) -> None:
    answer = await send(simulator, command="fault", name=name, **parameters)
    assert answer["ok"], answer


async def connected(simulator: Simulator, more_than: int) -> int:
    """Wait for one more connection than there were; return how many there are."""
    async with asyncio.timeout(30):
        while True:
            stats = (await send(simulator, command="stats"))["binance"]
            assert isinstance(stats, dict)
            if stats["connections"] > more_than and stats["lines"] == 1:
                return int(stats["connections"])
            await asyncio.sleep(0.02)


async def storm(simulator: Simulator, until: datetime, seed: int) -> int:
    """Strike again and again until a market time; return how many connections were made."""
    rng, clock = random.Random(seed), parse_clock(simulator.variables["FUTURES_PIPELINE_CLOCK"])
    connections, strikes = await connected(simulator, 0), 0
    await fault(simulator, "binance_429", wait=5.0)
    while clock.now() < until:
        strikes += 1
        if strikes % 4 == 0:
            with suppress(AssertionError):  # one of the kind has not struck yet
                await fault(simulator, rng.choice(MARKS), count=3)
        if strikes % 16 == 5:
            await fault(simulator, "binance_stall", seconds=12.0)
        elif strikes % 8 == 3:
            await fault(simulator, "binance_shutdown", seconds=2.0)
        else:
            await fault(simulator, rng.choice(ENDS))
        connections = await connected(simulator, connections)
        await send(simulator, command="heal")
    return connections


@pytest.mark.parametrize("seed", [1])
async def test_a_storm_loses_no_trade_and_repeats_none(tmp_path: Path, seed: int) -> None:
    """29 or more reconnects in a minute of the market: resets, closes, silence, ends announced.

    Trades are compared with the exchange's own, which are a function of their ids.
    """
    heard: list[Trade] = []
    spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    with simulated_binance(STORM_SPEED) as (simulator, hosts):
        clock = parse_clock(simulator.variables["FUTURES_PIPELINE_CLOCK"])
        settings = CollectionSettings(history_sessions=0, snapshot_interval_seconds=10.0)
        collector = PairCollector(hosts, settings, spool, clock, heard.append)
        task = asyncio.create_task(collector.work())
        await eventually(lambda: bool(heard))
        began = clock.now()
        connections = await storm(simulator, began + STORM_MINUTE, seed)
        await send(simulator, command="heal")
        calm = clock.now() + timedelta(seconds=10)
        await eventually(lambda: heard[-1].at > calm, seconds=30.0)
        late = clock.now() - heard[-1].at
        stats = simulator.command(command="stats")["binance"]
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    spool.close()

    assert connections >= RECONNECTS
    assert late < timedelta(seconds=2 * STORM_SPEED)
    assert stats["violations"] == {}
    ids = [trade.id for trade in heard]
    assert ids == [*range(ids[0], ids[0] + len(ids))]
    truth = Pair(NAME, 7, 600, GeneratedMarket(7).index_path).trades(ids[0], ids[-1])
    assert [trade.price for trade in heard] == truth.price.tolist()
    assert [trade.quantity for trade in heard] == truth.quantity.tolist()


def test_a_killed_collector_resumes_where_it_stopped(tmp_path: Path) -> None:
    """Three times it is killed at once; in the end every minute is there, each once."""
    with simulated_binance(KILL_SPEED) as (simulator, hosts):
        clock = parse_clock(simulator.variables["FUTURES_PIPELINE_CLOCK"])
        spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
        for bars in (400, 1500, 1600):
            with collecting(tmp_path, simulator, hosts):
                wait_until(partial(has_bars, spool, bars), 60, "bars")
            until = clock.now() + timedelta(minutes=3)
            wait_until(partial(has_passed, clock, until), 30, "minutes pass while it is down")
        with collecting(tmp_path, simulator, hosts):
            wait_until(partial(whole_until, spool, until), 60, "every minute")
        starts = minutes_of(spool)
        rows = sum(it.rows for it in spool.partitions() if it.table == BARS_1M.name)
        spool.close()

    assert is_whole(starts)
    assert rows - len(starts) < 60  # asked for again only where the last round was lost


def has_passed(clock: Clock, moment: datetime) -> bool:
    return clock.now() > moment


@contextmanager
def collecting(data: Path, simulator: Simulator, hosts: PublicHosts) -> Iterator[None]:
    """Collect in a process of its own that is killed at the end."""
    module = "futures_pipeline_tests.collection.binance.collecting"
    few = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "1"}
    with (data / "collector.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(data), hosts.stream_url, hosts.rest_url],
            stdout=log,
            stderr=log,
            env=environment({**simulator.variables, **few}),
        )
    try:
        yield
    finally:
        child.kill()
        child.wait()
