"""A watch and a desk on a stage: a broker that says what a test wants, clocks that stand."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import ib_async
import polars as pl

from futures_pipeline.collection.broker.connection import BrokerMessage
from futures_pipeline.collection.broker.pacing import Pacer
from futures_pipeline.collection.history.desk import Desk
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.plan import repair_request
from futures_pipeline.collection.listings import Listings
from futures_pipeline.collection.outages import Outages
from futures_pipeline.collection.streaming.streams import Streams
from futures_pipeline.collection.streaming.watch import Watch
from futures_pipeline.storage.spool import Request, Spool
from futures_pipeline.storage.tables import GATEWAY_EVENTS
from futures_pipeline_tests.collection.builders import (
    CALENDAR,
    NOON,
    Broker,
    Machine,
    StandingClock,
    listed,
)

START = NOON - timedelta(minutes=30)
WINDOW = (START, START + timedelta(minutes=5))
MAX_ATTEMPTS = 3


@dataclass
class Stage:
    """A watch, its streams, and a broker that says what the test wants."""

    machine: Machine
    clock: StandingClock = field(default_factory=StandingClock)
    broker: Broker = field(default_factory=Broker)
    outages: Outages = field(default_factory=lambda: Outages(CALENDAR))

    def __post_init__(self) -> None:
        self.streams = Streams(self.broker, CALENDAR, self.clock, 100)  # type: ignore[arg-type]
        self.watch = Watch(
            self.broker,  # type: ignore[arg-type]
            self.streams,
            self.outages,
            self.clock,
        )

    async def follow(self, *symbols: str) -> None:
        self.streams.follow(listed(symbol) for symbol in symbols)
        await settle()

    def wait(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.clock.at += timedelta(seconds=seconds)
        self.machine.seconds += seconds

    def quote(self, *symbols: str, **fields: float) -> None:
        """Let quote streams speak: bid, ask and last, or ``fields``."""
        for symbol in symbols:
            ticker = self.streams.lines(symbol)[0].ticker
            assert ticker is not None
            told = fields or {"bid": 100.0, "ask": 100.25, "last": 100.0}
            for name, value in told.items():
                setattr(ticker, name, value)
            self.broker.on_tickers([ticker])

    def bar(self, *symbols: str) -> None:
        """Let streams of five-second bars speak."""
        for symbol in symbols:
            bars = self.streams.lines(symbol)[0].bars
            assert bars is not None
            bars.append(ib_async.RealTimeBar(self.clock.at, -1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1))
            self.broker.on_bars(bars)

    async def run(self, seconds: int, speaking: Iterable[str] = ()) -> None:
        """Let time pass in looks of five seconds, while some symbols speak."""
        for _ in range(seconds // 5):
            self.wait(5)
            self.quote(*speaking)
            self.bar(*speaking)
            await self.watch.look()
            await settle()

    def say(self, code: int, text: str = "", symbol: str | None = None) -> None:
        """Let the broker send a message, about a stream (420: of bars) or about all."""
        request_id, con_id = -1, None
        if symbol is not None:
            line = self.streams.lines(symbol)[0]
            assert line.bars is not None
            assert line.ticker is not None
            quotes = self.broker.quotes_request(line.ticker)
            request_id = line.bars.reqId if code == 420 else quotes
            con_id = line.listed.con_id
        self.watch.take(BrokerMessage(request_id, code, text, con_id))

    def say_of_request(self, code: int, text: str, symbol: str) -> None:
        """Let the broker send a message about a request that is no stream."""
        self.watch.take(BrokerMessage(9_999, code, text, listed(symbol).con_id))

    @property
    def lasting(self) -> set[tuple[str, str, datetime]]:
        """Return the open spans as (cause, contract, since)."""
        return {(it.event, it.subject.contract, it.starts_at) for it in self.outages.lasting}

    @property
    def told(self) -> list[tuple[str, str, str | None]]:
        """Return the rows taken now as (event, contract, text)."""
        batches = self.outages.take_batches(self.clock.at)
        return [row for it in batches for row in it.rows.select("event", "contract", "text").rows()]


async def settle() -> None:
    """Let the task that opens bars do its work."""
    for _ in range(6):
        await asyncio.sleep(0)


class Office:
    """A desk with a spool, and a broker that answers as told."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.clock = StandingClock()
        self.broker = Broker()
        self.outages = Outages(CALENDAR)
        self.keeper = Keeper(spool, CALENDAR, self.clock)
        self.listings = Listings()
        for symbol in ("ES", "SPY"):
            known = listed(symbol)
            self.listings.by_name[known.local_symbol] = known
            self.listings.spot[symbol] = known
        self.desk = Desk(
            self.broker,  # type: ignore[arg-type]
            self.keeper,
            self.listings,
            self.outages,
            Pacer(self.clock),
            self.clock,
            MAX_ATTEMPTS,
        )

    def ask(self, contract: str = "ESH5", window: tuple[datetime, datetime] = WINDOW) -> Request:
        """Put a request for a window into the queue and claim it."""
        self.spool.enqueue([repair_request("ES", contract, window)], self.clock.at)
        return self.again()

    def again(self) -> Request:
        (claimed,) = self.spool.claim(["repair"], 1, self.clock.at)
        return claimed

    async def answered(self, *answers: Any) -> None:
        """Work off the request with these answers, waiting for each next try."""
        self.broker.history_answers = list(answers)
        await self.desk.backfill(self.ask())
        for _ in answers[1:]:
            self.clock.at += timedelta(minutes=6)
            await self.desk.backfill(self.again())

    @property
    def status(self) -> str:
        ((_, status),) = self.spool.request_counts()
        return status

    @property
    def rows(self) -> list[tuple[datetime, str]]:
        """Return (start, source) of the bars that are kept."""
        batches = [
            batch.rows().select("ts_start", "source")
            for part in self.spool.partitions()
            for batch in self.spool.read_after(part.table, part.session_date, 0)
        ]
        return pl.concat(batches).rows() if batches else []

    def told(self) -> list[tuple[str, str, datetime, datetime]]:
        """Return the spans that were given up."""
        columns = ("event", "contract", "starts_at", "ends_at")
        batches = self.outages.take_batches(self.clock.at)
        assert {batch.table for batch in batches} <= {GATEWAY_EVENTS.name}
        return [row for batch in batches for row in batch.rows.select(columns).rows()]
