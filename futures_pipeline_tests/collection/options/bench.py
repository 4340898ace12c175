"""A simulated gateway, a session with it and option rounds of one ETF, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ib_async
import polars as pl

from futures_pipeline.collection.broker.connection import BrokerMessage, GatewaySession
from futures_pipeline.collection.normalize import Listed
from futures_pipeline.collection.options.chains import OptionContract
from futures_pipeline.collection.options.rounds import OptionRounds
from futures_pipeline.config import CollectionSettings, GatewaySettings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.clock import start_clock
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.simulator.control import ControlPort
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.market.source import Market
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import OPTION_ROUNDS

TEN = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
# Slow enough to look at the surface of a moment; fast enough to wait for the next round.
SLOW, FAST = 20.0, 120.0
RESERVED = 10
# Told beside the ETFs, and without options of its own here.
VIX = Listed(UNIVERSE["VIX"], "VIX", 13455763, None, ib_async.Index("VIX", "CBOE", "USD"))


@dataclass
class Bench:
    """A gateway, a session with it, and rounds of one ETF."""

    gateway: Gateway
    control: ControlPort
    session: GatewaySession
    rounds: OptionRounds
    spool: Spool
    messages: list[BrokerMessage] = field(default_factory=list)

    @property
    def option_lines(self) -> int:
        held = [one for it in self.gateway.sessions.values() for one in it.streams.values()]
        return sum(stream.listing.sec_type == "OPT" for stream in held)

    async def fault(self, name: str, **parameters: Any) -> None:
        await self.control.faults.start(name, parameters)

    async def run(self, until: Callable[[], bool], seconds: float = 40.0) -> None:
        """Work until a condition holds, then stop as a collector does."""
        work = asyncio.create_task(self.rounds.work())
        try:
            await eventually(until, seconds)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def rows(self, table: str) -> pl.DataFrame:
        batches = [
            batch.rows()
            for part in self.spool.partitions()
            if part.table == table
            for batch in self.spool.read_after(table, part.session_date, 0)
        ]
        return pl.concat(batches) if batches else pl.DataFrame()

    def round_rows(self) -> list[dict[str, Any]]:
        return self.rows(OPTION_ROUNDS.name).to_dicts()

    @property
    def complete(self) -> list[dict[str, Any]]:
        return [row for row in self.round_rows() if row["ended"] == "complete"]

    @property
    def finished(self) -> int:
        return self.rows(OPTION_ROUNDS.name).height


async def eventually(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def bench(
    market: Market,
    directory: Path,
    start: datetime = TEN,
    *,
    free: int = 60,
    speed: float = FAST,
    symbol: str = "IWM",
) -> AsyncIterator[Bench]:
    """Run a gateway, connect and subscribe to an ETF; ``free`` lines are left for options."""
    clock = start_clock(start, speed)
    gateway = Gateway(Broker(market, clock))
    control = ControlPort(gateway)
    await gateway.listen(0)
    session = GatewaySession(GatewaySettings(port=gateway.port))
    await session.open()
    instrument = UNIVERSE[symbol]
    (found,) = await session.spot(instrument)
    assert found.contract is not None
    listed = Listed(instrument, symbol, found.contract.conId, None, found.contract)
    ticker = session.stream_quotes(found.contract, instrument.kind)
    spool = Spool(f"sqlite:///{directory / 'collector.sqlite'}")
    rounds = OptionRounds(
        session,
        spool,
        clock,
        calendar_for(start),
        {symbol: listed, "VIX": VIX},
        lambda: free + RESERVED,
        {symbol: ticker}.get,
        CollectionSettings(),
    )
    made = Bench(gateway, control, session, rounds, spool)

    def take(message: BrokerMessage) -> None:
        made.messages.append(message)
        rounds.take(message)

    session.on_message = take
    try:
        yield made
    finally:
        session.close()
        spool.close()
        await control.close()
        await gateway.close()


async def keep_few(it: Bench, count: int) -> list[OptionContract]:
    """Let the rounds know only the contracts at the money of one expiry: short windows."""
    chains, listed = it.rounds.chains, it.rounds.spot["IWM"]
    today = it.rounds.calendar.session_date(TEN)
    chains.begin(today)
    known = await chains.learn(it.session, listed, today)
    price = it.gateway.broker.options.surface("IWM", TEN)
    assert price is not None
    expiry = sorted(known)[1]
    nearest = sorted(known[expiry], key=lambda option: abs(option.strike - price.spot))[:count]
    chains.contracts = {key: [] for key in chains.contracts} | {("IWM", expiry): nearest}
    return nearest
