"""A back-fill on its own: one gateway session, no streams, the queue worked off.

For when no collector runs; a running one works the queue itself.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from futures_pipeline.collection.broker.connection import GatewaySession
from futures_pipeline.collection.broker.opening import first_session
from futures_pipeline.collection.broker.pacing import Pacer
from futures_pipeline.collection.history.desk import Desk
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.plan import BACKFILL, Universe
from futures_pipeline.collection.listings import Listings
from futures_pipeline.collection.outages import EVERYTHING, Event, Outages
from futures_pipeline.config import Settings
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.errors import PipelineError, RequestFailed
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.spool import NewRequest, Spool

log = logging.getLogger(__name__)

AT_ONCE = 8
IDLE_SECONDS = 0.1


class Fetcher:
    """Fetches history over its own connection; make one with :meth:`open`, then :meth:`close`.

    The caller must be the only one who works the queue.
    """

    def __init__(self, settings: Settings, spool: Spool, calendar: TradingCalendar) -> None:
        self._settings = settings
        self._spool = spool
        self._calendar = calendar
        self._clock = settings.clock
        self._listings = Listings()
        self._outages = Outages(calendar)
        self._keeper = Keeper(spool, calendar, self._clock)
        self._pacer = Pacer(self._clock)
        self._session: GatewaySession | None = None

    async def open(self) -> Universe:
        """Connect and return what the gateway lists of all configured symbols.

        Raises:
            GatewayError: no usable gateway answers.
            PipelineError: it lists none of the symbols.
        """
        session = await self._connected()
        for instrument in self._settings.instruments:
            ask = session.futures if instrument.kind is Kind.FUTURE else session.spot
            try:
                self._listings.remember(instrument, await ask(instrument))
            except RequestFailed as error:
                log.warning("contract_not_listed symbol=%s reason=%r", instrument.symbol, error)
        known = self._listings.symbols
        if not known:
            raise PipelineError(
                "gateway: none of the configured symbols has a contract there; "
                "run futures-pipeline doctor"
            )
        return Universe(
            [instrument for instrument in self._settings.instruments if instrument.symbol in known],
            self._listings.futures,
            self._settings.collection.front_month,
            self._calendar,
        )

    def ask(self, requests: Sequence[NewRequest], since: datetime) -> None:
        """Put requests into the queue; tell that nothing else was collected ``since`` then."""
        now = self._clock.now()
        self._spool.recover([BACKFILL], now)
        self._note_downtime(since, now)
        self._spool.enqueue(requests, now)

    async def work(self, is_over: Callable[[], bool]) -> None:
        """Work the queue until ``is_over``; connects again when the connection is lost.

        Raises:
            GatewayError: it could not be made again.
        """
        while not is_over():
            session = await self._connected()
            desk = self._desk(session)
            claimed = self._spool.claim([BACKFILL], AT_ONCE, self._clock.now())
            await asyncio.gather(*(desk.backfill(request) for request in claimed))
            if not claimed:
                await asyncio.sleep(IDLE_SECONDS)

    def close(self) -> None:
        """Leave the gateway; what was not finished waits in the queue."""
        if self._session is not None:
            self._session.close()
        now = self._clock.now()
        self._spool.recover([BACKFILL], now)
        seen = self._spool.last_kept_at()
        if seen is not None:
            self._note_downtime(seen, now)

    async def _connected(self) -> GatewaySession:
        if self._session is None or self._session.lost.is_set():
            self._session = await first_session(self._settings.gateway, asyncio.sleep)
        return self._session

    def _desk(self, session: GatewaySession) -> Desk:
        return Desk(
            session,
            self._keeper,
            self._listings,
            self._outages,
            self._pacer,
            self._clock,
            self._settings.collection.max_attempts,
        )

    def _note_downtime(self, since: datetime, now: datetime) -> None:
        """Keep that the streams were not collected, which the rows kept here would hide."""
        if since < now:
            down = Event(Cause.COLLECTOR_DOWN.value, EVERYTHING, since, now, text="stopped")
            self._outages.note(down)
        self._spool.append(self._outages.take_batches(now), now)
