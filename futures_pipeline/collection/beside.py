"""What runs beside the broker's connection: pairs of currencies, and the live feed.

Either may be down without hurting the other or the broker's side; only the database is shared.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import polars as pl

from futures_pipeline.collection.binance.rows import exchange_name
from futures_pipeline.collection.binance.service import PairCollector
from futures_pipeline.collection.feed.health import health_message
from futures_pipeline.collection.feed.server import FeedServer
from futures_pipeline.collection.feed.sources import PairTape
from futures_pipeline.collection.feed.tape import Tape
from futures_pipeline.collection.source_health import SourceHealth
from futures_pipeline.config import Settings
from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import BARS_1M

# The newest sessions in the spool hold the feed's first history.
SESSIONS_SHOWN = 2


class Beside:
    """Runs from :meth:`start` to :meth:`stop`; ``failed`` is called when one of them fails."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        broker: Callable[[datetime], SourceHealth],
        failed: Callable[[], None],
    ) -> None:
        self.tape = Tape(settings.collected)
        self._settings = settings
        self._spool = spool
        self._broker = broker
        self._failed = failed
        self._clock = settings.clock
        self._pairs = self._pair_collector() if settings.pairs else None
        self._server = FeedServer(self.tape, self._clock, self._health)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin, and go on in the background."""
        work: list[Coroutine[Any, Any, None]] = []
        if self._pairs is not None:
            work.append(self._pairs.work())
        if self._settings.feed.port and await self._server.open(self._settings.feed.port):
            work.append(self._begin_history())
        self._tasks = [asyncio.create_task(each) for each in work]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End everything.

        Raises:
            PipelineError: why one of them had failed.
        """
        await self._server.close()
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failed()

    def _pair_collector(self) -> PairCollector:
        settings = self._settings
        told = PairTape(self.tape, {exchange_name(it.symbol): it.symbol for it in settings.pairs})
        pairs = PairCollector(
            settings.binance, settings.collection, self._spool, self._clock, told.trade
        )
        pairs.on_book, pairs.keeper.on_bars = told.book, self.tape.keep_bars
        return pairs

    def _health(self) -> Mapping[str, Any]:
        now = self._clock.now()
        pairs = [] if self._pairs is None else [self._pairs.health(now)]
        return health_message([self._broker(now), *pairs], now)

    async def _begin_history(self) -> None:
        """Show what was kept before this start; reading it holds nobody up."""
        rows = await asyncio.to_thread(recent_bars, self._spool)
        self.tape.keep_bars(rows)


def recent_bars(spool: Spool) -> pl.DataFrame:
    """Return the bars of the spool's newest sessions, as far as they can be read."""
    days = [it.session_date for it in spool.partitions() if it.table == BARS_1M.name]
    parts = []
    for day in sorted(days)[-SESSIONS_SHOWN:]:
        for batch in spool.read_after(BARS_1M.name, day, 0):
            with suppress(SpoolError):  # long in the lake, or damaged, which the lake tells of
                parts.append(batch.rows())
    return pl.concat(parts) if parts else pl.DataFrame(schema=BARS_1M.schema)
