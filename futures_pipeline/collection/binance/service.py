"""Pairs of currencies collected around the clock; one coroutine beside the broker's.

Shares the database with the broker's side and nothing else: what fails there is not noticed
here, and the other way round.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from futures_pipeline.analytics.market_time import without_pauses
from futures_pipeline.collection.binance.desk import PAIR_BARS, Desk
from futures_pipeline.collection.binance.feed import Feed
from futures_pipeline.collection.binance.messages import Book, Kline, Message, Shutdown, Trade
from futures_pipeline.collection.binance.rest import Rest, RestFailed
from futures_pipeline.collection.binance.rows import (
    STREAMED,
    State,
    exchange_name,
    kline_row,
    listed_pair,
    snapshot_row,
)
from futures_pipeline.collection.binance.trades import OrderedTrades
from futures_pipeline.collection.clock_offset import Offset
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.normalize import age_seconds, to_batches
from futures_pipeline.collection.outages import Outages, Subject
from futures_pipeline.collection.source_health import SourceHealth
from futures_pipeline.collection.surviving import survives
from futures_pipeline.config import BinanceSettings, CollectionSettings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.sessions import Session
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import CRYPTO_SNAPSHOTS

REPAIR_EVERY = timedelta(minutes=5)
KEEP_ENDED_REQUESTS = timedelta(days=1)
# A pair that said nothing for so long has no price now; on the market's clock, and its machine.
STALE_SECONDS, STALE_MACHINE_SECONDS = 30.0, 3.0
# The feed reconnects by itself; only what lasts longer is told as an outage.
OUTAGE_SECONDS = 5.0
LOOK_EVERY_SECONDS, LOOK_EVERY_MACHINE_SECONDS = 5.0, 0.2
START_AGAIN_SECONDS = 5.0

log = logging.getLogger(__name__)


def ignore(trade: Trade) -> None:
    """Listen to no trade."""
    del trade


def ignore_book(book: Book, at: datetime) -> None:
    """Listen to no quote."""
    del book, at


class PairCollector:
    """Collects pairs until cancelled; ``on_trade`` hears every trade, in order and once.

    ``on_book`` hears every quote as it comes.
    """

    def __init__(
        self,
        settings: BinanceSettings,
        collection: CollectionSettings,
        spool: Spool,
        clock: Clock,
        on_trade: Callable[[Trade], None] = ignore,
    ) -> None:
        calendar = calendar_for(clock.now())
        # Its sessions have the same dates and no pauses: a closure's minutes are on a page too.
        self._calendar = replace(calendar, globex=without_pauses(calendar.globex))
        self._settings = settings
        self._collection = collection
        self._spool = spool
        self._clock = clock
        self.on_book: Callable[[Book, datetime], None] = ignore_book
        self.keeper = Keeper(spool, self._calendar, clock)
        self._on_trade = on_trade
        self._feed: Feed | None = None
        self._offset: Offset | None = None
        self._outages = Outages(self._calendar)
        self._symbols = {exchange_name(symbol): symbol for symbol in settings.symbols}
        self._states = {name: State() for name in self._symbols}
        self._trades: dict[str, OrderedTrades] = {}
        self._minutes: list[dict[str, Any]] = []
        self._kept: Counter[tuple[str, str]] = Counter()
        self._session_date: date | None = None

    async def work(self) -> None:
        """Collect until cancelled.

        Raises:
            PipelineError: the database cannot be written.

        An error in this program must not end the broker's side, nor stop pairs for good.
        """
        self._spool.recover([PAIR_BARS], self._clock.now())
        while True:
            await survives(self._attend(), "pairs")
            await asyncio.sleep(START_AGAIN_SECONDS)

    async def _attend(self) -> None:
        async with Rest(self._settings.rest_url, self._clock) as rest:
            feed = Feed(self._settings.stream_url, list(self._symbols), self._clock, self._take)
            self._feed = feed
            self._trades = {
                name: OrderedTrades(name, rest, self._clock, partial(self._deliver, name))
                for name in self._symbols
            }
            desk = Desk(
                rest, self.keeper, self._outages, self._clock, self._collection.max_attempts
            )
            await self._together(
                feed.run(),
                desk.work(),
                self._work_rounds(),
                self._keep_house(feed, desk),
                self._look(feed),
                *(trades.work() for trades in self._trades.values()),
            )

    async def _together(self, *work: Coroutine[Any, Any, None]) -> None:
        """Run until one of them ends; then end the others and keep what has come."""
        tasks = [asyncio.create_task(task) for task in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._outages.end_all(self._clock.now())
            self._keep([])

    # --- what comes --------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        if isinstance(message, Shutdown) or message.name not in self._states:
            return
        state = self._states[message.name]
        state.heard_at = self._clock.now()
        if isinstance(message, Trade):
            self._trades[message.name].take(message)
        elif isinstance(message, Kline):
            symbol = self._symbols[message.name]
            self._minutes.append(kline_row(symbol, message, STREAMED, state.heard_at))
        else:
            state.book = message
            self.on_book(message, state.heard_at)

    def _deliver(self, name: str, trade: Trade) -> None:
        self._states[name].trade = trade
        self._on_trade(trade)

    # --- what is kept ------------------------------------------------------------------

    async def _work_rounds(self) -> None:
        interval = timedelta(seconds=self._collection.snapshot_interval_seconds)
        while True:
            started = self._clock.now()
            self._keep(self._snapshots(started))
            await self._sleep_until(started + interval)

    def _snapshots(self, now: datetime) -> list[dict[str, Any]]:
        """Return a row of every pair that has been heard lately."""
        oldest = self._oldest()
        return [
            snapshot_row(symbol, self._states[name], now)
            for name, symbol in self._symbols.items()
            if self._states[name].age_seconds(now) <= oldest
            and (self._states[name].trade or self._states[name].book)
        ]

    def _keep(self, snapshots: list[dict[str, Any]]) -> None:
        now = self._clock.now()
        minutes, self._minutes = self._minutes, []
        batches = to_batches(CRYPTO_SNAPSHOTS.name, snapshots, self._calendar, "timestamp")
        self.keeper.keep([], minutes, [*batches, *self._outages.take_batches(now)])
        self._kept.update(("bars", row["symbol"]) for row in minutes)
        self._kept.update(("snapshots", row["symbol"]) for row in snapshots)

    async def _sleep_until(self, moment: datetime) -> None:
        left = (moment - self._clock.now()) / timedelta(seconds=1)
        await asyncio.sleep(max(0.0, self._clock.system_seconds(left)))

    async def _keep_house(self, feed: Feed, desk: Desk) -> None:
        """Ask for what is missing, tell the summary and compare the clocks, again and again."""
        while True:
            started = self._clock.now()
            self._ask(desk, started)
            self._tell(feed, self._sessions(started)[-1], started)
            await self._compare_clocks(desk)
            await self._sleep_until(started + REPAIR_EVERY)

    def _ask(self, desk: Desk, now: datetime) -> None:
        sessions = self._sessions(now)
        if self._session_date != sessions[-1].session_date:
            self._session_date = sessions[-1].session_date
            self.keeper.ledger.forget_before(sessions[0].session_date)
            self._spool.forget([PAIR_BARS], now - KEEP_ENDED_REQUESTS)
        asked = desk.ask(self._symbols.values(), sessions)
        if asked:
            log.info("repairs_asked source=binance requests=%d", asked)

    async def _compare_clocks(self, desk: Desk) -> None:
        try:
            desk.offset = self._offset = found = await desk.rest.offset()
        except RestFailed as error:
            log.warning("clock_not_compared source=binance reason=%r", str(error))
            return
        found.tell("binance")

    def _sessions(self, now: datetime) -> list[Session]:
        """Return the sessions whose minutes are watched, the present one last."""
        globex = self._calendar.globex
        today = globex.at(now)
        return [*globex.before(today.session_date, self._collection.history_sessions), today]

    def _tell(self, feed: Feed, session: Session, now: datetime) -> None:
        for name, symbol in self._symbols.items():
            sequence = self._trades[name].sequence
            log.info(
                "source source=binance symbol=%s market=open snapshots=%d bars=%d "
                "missing_minutes=%d quote_age_seconds=%.1f trades=%d repeated=%d skipped=%d "
                "connections=%d malformed=%d",
                symbol,
                self._kept["snapshots", symbol],
                self._kept["bars", symbol],
                self.keeper.lacks(listed_pair(symbol), session),
                self._states[name].age_seconds(now),
                sequence.delivered,
                sequence.repeated,
                sequence.skipped,
                feed.connections,
                feed.malformed,
            )
        self._kept.clear()

    # --- what is wrong -----------------------------------------------------------------

    async def _look(self, feed: Feed) -> None:
        """Tell of connections that are lost for longer than it takes to make a new one."""
        pause = max(self._clock.system_seconds(LOOK_EVERY_SECONDS), LOOK_EVERY_MACHINE_SECONDS)
        while True:
            now = self._clock.now()
            for symbol in self._symbols.values():
                subject = Subject(symbol, symbol)
                if feed.lost_at is None:
                    self._outages.end(Cause.CONNECTION_LOST, subject, now)
                elif age_seconds(feed.lost_at, now) > OUTAGE_SECONDS:
                    self._outages.begin(
                        Cause.CONNECTION_LOST, subject, feed.lost_at, text=feed.reason
                    )
            await asyncio.sleep(pause)

    def health(self, now: datetime) -> SourceHealth:
        """Return how the exchange's streams are, for who listens live."""
        feed = self._feed
        is_up = feed is not None and feed.lost_at is None
        return SourceHealth(
            source="binance",
            is_up=is_up,
            since=feed.since if feed else None,
            trouble=None if is_up else Cause.CONNECTION_LOST.value,
            text=None if is_up or feed is None else feed.reason,
            offset=self._offset,
            streams=[
                self._states[name].health(symbol, self._oldest(), now)
                for name, symbol in self._symbols.items()
            ],
        )

    def _oldest(self) -> float:
        """Return for how many market seconds what a pair said is its price now."""
        return STALE_SECONDS + STALE_MACHINE_SECONDS / self._clock.system_seconds(1.0)
