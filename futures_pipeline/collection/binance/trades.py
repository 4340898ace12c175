"""The trades of one pair, in order and each once: what the stream left out is asked for."""

import asyncio
import logging
from collections.abc import Callable

from futures_pipeline.collection.binance.messages import Trade
from futures_pipeline.collection.binance.rest import Rest, RestFailed
from futures_pipeline.collection.binance.sequence import Sequence
from futures_pipeline.domain.clock import Clock

# The stream may be ahead of REST by a moment; then trades that are not there are asked again.
MOST_EMPTY_ANSWERS = 3
RETRY_SECONDS, SHORTEST_RETRY_MACHINE_SECONDS = 1.0, 0.05

log = logging.getLogger(__name__)


class OrderedTrades:
    """Hands trades on to ``deliver`` in the order of their ids, each once."""

    def __init__(
        self, name: str, rest: Rest, clock: Clock, deliver: Callable[[Trade], None]
    ) -> None:
        self.sequence = Sequence()
        self._name = name
        self._rest = rest
        self._clock = clock
        self._deliver = deliver
        self._wanted = asyncio.Event()

    def take(self, trade: Trade) -> None:
        """Take a trade of the stream."""
        self._hand_on(self.sequence.take([trade]))
        if self.sequence.missing:
            self._wanted.set()

    async def work(self) -> None:
        """Ask for what is missing until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._fill()

    async def _fill(self) -> None:
        empty_answers = 0
        while missing := self.sequence.missing:
            if self.sequence.is_hopeless or empty_answers >= MOST_EMPTY_ANSWERS:
                self._skip(missing)
                return
            try:
                found = await self._rest.trades(self._name, missing.start)
            except RestFailed as error:
                log.warning("trades_not_repaired source=binance reason=%r", str(error))
                await self._pause()
                continue
            self._hand_on(self.sequence.take(found))
            if missing == self.sequence.missing:
                empty_answers += 1
                await self._pause()

    def _skip(self, missing: range) -> None:
        log.error(
            "trades_skipped source=binance pair=%s first=%d trades=%d bars=kept",
            self._name,
            missing.start,
            len(missing),
        )
        self._hand_on(self.sequence.skip())

    def _hand_on(self, trades: list[Trade]) -> None:
        for trade in trades:
            self._deliver(trade)

    async def _pause(self) -> None:
        wait = self._clock.system_seconds(RETRY_SECONDS)
        await asyncio.sleep(max(wait, SHORTEST_RETRY_MACHINE_SECONDS))
