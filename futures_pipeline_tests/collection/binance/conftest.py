"""A simulated exchange in this process, on a fast clock, and collectors on a spool."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from futures_pipeline.collection.binance.messages import Trade
from futures_pipeline.collection.binance.service import PairCollector, ignore
from futures_pipeline.config import CollectionSettings
from futures_pipeline.domain.clock import ReplayClock
from futures_pipeline.simulator.binance.exchange import Exchange
from futures_pipeline.simulator.binance.prices import at_rest
from futures_pipeline.storage.spool import Spool

# Ten past five in New York: Globex has its daily pause, Binance none.
IN_THE_PAUSE = datetime(2025, 1, 15, 22, 10, 30, tzinfo=UTC)
PAIR, NAME = "BTC/USDT", "BTCUSDT"


@dataclass(frozen=True)
class PublicHosts:
    """Settings that point at a simulated exchange."""

    stream_url: str
    rest_url: str
    symbols: tuple[str, ...] = (PAIR,)


@dataclass
class Simulated:
    """A running exchange, its clock and its addresses."""

    exchange: Exchange
    clock: ReplayClock

    @property
    def hosts(self) -> PublicHosts:
        address = f"127.0.0.1:{self.exchange.port}"
        return PublicHosts(f"ws://{address}", f"http://{address}")

    @asynccontextmanager
    async def collecting(
        self,
        spool: Spool,
        on_trade: Callable[[Trade], None] = ignore,
        history_sessions: int = 0,
        symbols: tuple[str, ...] = (PAIR,),
    ) -> AsyncIterator[PairCollector]:
        """Collect into a spool for the body of a with statement."""
        hosts = PublicHosts(self.hosts.stream_url, self.hosts.rest_url, symbols)
        settings = CollectionSettings(
            history_sessions=history_sessions, snapshot_interval_seconds=30.0
        )
        collector = PairCollector(hosts, settings, spool, self.clock, on_trade)
        task = asyncio.create_task(collector.work())
        try:
            yield collector
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def exchange_at(start: datetime, speed: float) -> AsyncIterator[Simulated]:
    """Run an exchange whose market time starts now at ``start``."""
    clock = ReplayClock(start, time.time(), speed)
    exchange = Exchange(clock, 7, at_rest)
    await exchange.listen(0)
    try:
        yield Simulated(exchange, clock)
    finally:
        await exchange.close()


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with exchange_at(IN_THE_PAUSE, 30.0) as running:
        yield running
