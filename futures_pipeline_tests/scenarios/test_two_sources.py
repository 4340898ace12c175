"""The real collector with both sources, seen through its live feed: neither hurts the other."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import BARS_1M, CRYPTO_SNAPSHOTS, FUTURES_SNAPSHOTS
from futures_pipeline_tests.scenarios.conftest import CollectorProcess, Simulator, simulated
from futures_pipeline_tests.scenarios.sockets import listening as open_doors
from futures_pipeline_tests.scenarios.test_binance import free_port

pytestmark = pytest.mark.scenario

START = datetime(2025, 1, 15, 14, 40, 20, tzinfo=UTC)
SPEED = 30.0
ES, BTC = "ES", "BTC/USDT"
Message = dict[str, Any]


@contextmanager
def collecting(data: Path) -> Iterator[tuple[Simulator, CollectorProcess, int]]:
    """Run simulator and collector on two symbols; yield them and the feed's port."""
    binance, feed = free_port(), free_port()
    with simulated(START, SPEED, ES, "--binance-port", str(binance)) as simulator:
        variables = {
            **simulator.variables,
            "FUTURES_PIPELINE_BINANCE_ENABLED": "true",
            "FUTURES_PIPELINE_BINANCE_STREAM_URL": f"ws://127.0.0.1:{binance}",
            "FUTURES_PIPELINE_BINANCE_REST_URL": f"http://127.0.0.1:{binance}",
            "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "1",
            "FUTURES_PIPELINE_FEED_PORT": str(feed),
        }
        collector = CollectorProcess(data, variables)
        try:
            yield simulator, collector, feed
        finally:
            collector.leave(10)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Callable[[], Any]]:
    """Listen to the feed, which opens when the collector has started."""
    while True:
        try:
            async with connect(f"ws://127.0.0.1:{port}/feed", proxy=None) as connection:
                yield connection.recv
                return
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)


async def until(recv: Callable[[], Any], *wanted: Callable[[Message], bool]) -> list[Message]:
    """Read until one message was seen that fits each condition; return all that were read."""
    heard: list[Message] = []
    left = list(wanted)
    while left:
        message = json.loads(await recv())
        heard.append(message)
        left = [condition for condition in left if not condition(message)]
    return heard


def of(kind: str, symbol: str) -> Callable[[Message], bool]:
    return lambda message: message["type"] == kind and message["symbol"] == symbol


def filled(symbol: str) -> Callable[[Message], bool]:
    return lambda it: of("history", symbol)(it) and len(it["bars"]) > 600


def sockets(ibkr: str, binance: str) -> Callable[[Message], bool]:
    def fits(message: Message) -> bool:
        if message["type"] != "health":
            return False
        found = {it["source"]: it["socket"] for it in message["sources"]}
        return found == {"ibkr": ibkr, "binance": binance}

    return fits


async def fault(simulator: Simulator, **request: object) -> None:
    answer = await asyncio.to_thread(simulator.command, command="fault", **request)
    assert answer["ok"], answer


async def test_both_sources_are_told_live_and_either_may_be_down(data: Path) -> None:
    """Each is taken away in turn; the other goes on, and what was lost comes back."""
    with collecting(data) as (simulator, collector, port):
        async with asyncio.timeout(90), listening(port) as recv:
            heard = await until(
                recv,
                sockets("up", "up"),
                *(of(kind, symbol) for kind in ("trade", "quote") for symbol in (ES, BTC)),
                *(filled(symbol) for symbol in (ES, BTC)),
            )
            doors = open_doors([simulator.pid, collector.pid])
            assert len(doors) == 4  # gateway, control, Binance, feed
            assert {host for host, _ in doors} == {"127.0.0.1"}
            await fault(simulator, name="binance_refuse")
            await fault(simulator, name="binance_1001")
            heard += await until(recv, sockets("up", "down"))
            heard += await until(recv, of("trade", ES), of("quote", ES))
            await asyncio.to_thread(simulator.command, command="heal")
            heard += await until(recv, sockets("up", "up"))
            await fault(simulator, name="restart", seconds=60.0)
            heard += await until(recv, sockets("down", "up"))
            heard += await until(recv, of("trade", BTC), of("quote", BTC))
            heard += await until(recv, sockets("up", "up"))
            heard += await until(recv, of("trade", ES), of("bar", BTC))
            assert collector.interrupt() == 0
            with pytest.raises(ConnectionClosed):
                await until(recv, of("trade", "none"))

    assert [message["seq"] for message in heard] == [*range(1, len(heard) + 1)]
    spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
    kept = {part.table for part in spool.partitions()}
    spool.close()
    assert {BARS_1M.name, FUTURES_SNAPSHOTS.name, CRYPTO_SNAPSHOTS.name} <= kept
    (health,) = [it for it in heard if it["type"] == "health"][-1:]
    for source in health["sources"]:
        ahead, give_or_take = source["ahead_seconds"], source["uncertainty_seconds"]
        assert abs(ahead) <= give_or_take + 1.0, source
