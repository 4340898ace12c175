"""Minutes of pairs that the streams did not bring: asked for through the queue, kept, noted."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from futures_pipeline.collection.binance.rest import Rest, RestFailed
from futures_pipeline.collection.binance.rows import (
    ASKED,
    MINUTE,
    exchange_name,
    kline_row,
    listed_pair,
)
from futures_pipeline.collection.broker.codes import Meaning, Outcome
from futures_pipeline.collection.clock_offset import Offset
from futures_pipeline.collection.history.desk import after_failure
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.ledger import Span
from futures_pipeline.collection.outages import Event, Outages, Subject
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.sessions import Session
from futures_pipeline.storage.spool import NewRequest, Request

PAIR_BARS, PRIORITY = "pair_bars", 50
# As with the broker: no minute is asked for twice at a time, nor again when it is refused.
TAKEN = ("pending", "running", "dead")
AT_ONCE, IDLE_SECONDS = 2, 0.5

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Desk:
    """Asks for minutes that the ledger lacks; ``offset`` is the exchange's clock against ours."""

    rest: Rest
    keeper: Keeper
    outages: Outages
    clock: Clock
    max_attempts: int
    cycle: int = 0
    offset: Offset = field(default_factory=lambda: Offset(0.0, 0.0))

    def ask(self, symbols: Iterable[str], sessions: Sequence[Session]) -> int:
        """Put what is missing of some sessions into the queue, newest first; return how much."""
        taken = self._taken()
        windows = [
            (symbol, window)
            for session in reversed(sessions)
            for symbol in symbols
            for window in reversed(
                self.keeper.windows_to_ask(
                    listed_pair(symbol), session, self.cycle, taken.get(symbol, ())
                )
            )
        ]
        self.cycle += 1
        return self.keeper.spool.enqueue(
            [_request(symbol, window) for symbol, window in windows], self.clock.now()
        )

    async def work(self) -> None:
        """Work the queue until cancelled."""
        while True:
            claimed = self.keeper.spool.claim([PAIR_BARS], AT_ONCE, self.clock.now())
            await asyncio.gather(*(self._fetch(request) for request in claimed))
            if not claimed:
                await asyncio.sleep(IDLE_SECONDS)

    async def _fetch(self, request: Request) -> None:
        symbol, window = request.symbol, _window(request)
        try:
            found = await self.rest.klines(exchange_name(symbol), *window)
        except RestFailed as error:
            self._put_back(request, error)
            return
        now = self.clock.now()
        ended_by = now + timedelta(seconds=self.offset.seconds - self.offset.uncertainty_seconds)
        rows = [
            kline_row(symbol, kline, ASKED, now)
            for kline in found
            if kline.starts_at + MINUTE <= ended_by
        ]
        self.keeper.keep([request.id], rows)
        subject = Subject(symbol, symbol)
        for start, end in self.keeper.answered(listed_pair(symbol), window):
            self.outages.note(Event(Cause.NO_TRADES.value, subject, start, end))

    def _put_back(self, request: Request, error: RestFailed) -> None:
        now, text = self.clock.now(), str(error)
        found = Meaning(error.kind, Outcome.DEAD if error.is_final else Outcome.RETRY)
        status, seconds = after_failure(request.attempts, found, self.max_attempts)
        again = now + timedelta(seconds=seconds)
        self.keeper.spool.put_back(request.id, status, (error.kind, text), (now, again))
        level = logging.WARNING if status == "pending" else logging.ERROR
        log.log(
            level,
            "request_not_done id=%d kind=%s symbol=%s status=%s error=%s text=%r",
            request.id,
            request.kind,
            request.symbol,
            status,
            error.kind,
            text,
        )
        if status != "pending":
            start, end = _window(request)
            subject = Subject(request.symbol, request.symbol)
            self.outages.note(
                Event(Cause.HISTORY_FAILED.value, subject, start, min(end, now), text=text)
            )

    def _taken(self) -> dict[str, list[Span]]:
        windows: dict[str, list[Span]] = {}
        for parameters in self.keeper.spool.parameters_of([PAIR_BARS], TAKEN):
            start, end = (datetime.fromisoformat(parameters[name]) for name in ("from", "to"))
            windows.setdefault(parameters["contract"], []).append((start, end))
        return windows


def _request(symbol: str, window: Span) -> NewRequest:
    start, end = window
    parameters = {"contract": symbol, "from": start.isoformat(), "to": end.isoformat()}
    return NewRequest(PAIR_BARS, symbol, PRIORITY, parameters)


def _window(request: Request) -> Span:
    start, end = (datetime.fromisoformat(request.parameters[name]) for name in ("from", "to"))
    return start, end
