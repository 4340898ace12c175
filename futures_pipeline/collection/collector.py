"""The collector: the one broker connection, kept up for ever and worked in rounds.

Pairs of currencies and the live feed run beside it.

Owns nothing that must survive: requests, rows and the ledger live in the spool, so it may be
killed at any moment. Computes no signal and writes no Delta table.
"""

import asyncio
import gc
import logging
import random
from contextlib import suppress
from datetime import datetime

from futures_pipeline.analytics.market_time import without_pauses
from futures_pipeline.collection.beside import Beside
from futures_pipeline.collection.broker.backoff import Breaker, State, in_reset_window
from futures_pipeline.collection.broker.connection import GatewaySession
from futures_pipeline.collection.broker.opening import first_session, opened, until_first
from futures_pipeline.collection.broker.pacing import Pacer
from futures_pipeline.collection.feed.sources import BrokerTape
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.plan import BACKFILL, REPAIR
from futures_pipeline.collection.listings import Listings
from futures_pipeline.collection.outages import EVERYTHING, Event, Outages
from futures_pipeline.collection.service import OF_THE_MOMENT, Lasting, Service
from futures_pipeline.collection.source_health import SourceHealth
from futures_pipeline.collection.streaming.retry import SessionAbandoned
from futures_pipeline.collection.streaming.rounds import Tally
from futures_pipeline.collection.surviving import survives
from futures_pipeline.config import Settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.errors import GatewayError, PipelineError
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables.events import CONNECTED

log = logging.getLogger(__name__)

# However fast the market's clock runs, tries to connect are this far apart on the machine.
SHORTEST_PAUSE_SECONDS = 0.1
EXPECTED = (PipelineError, ConnectionError)


class Collector:
    """Runs until :meth:`stop`; reconnects by itself once it has been connected."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        clock = settings.clock
        calendar = calendar_for(clock.now())
        self._settings = settings
        self._spool = spool
        self._clock = clock
        self._beside = Beside(settings, spool, self._health, self.stop)
        self._lasting = Lasting(
            calendar=calendar,
            keeper=Keeper(spool, calendar, clock),
            listings=Listings(),
            outages=Outages(calendar),
            pacer=Pacer(clock),
            tally=Tally(),
            live=BrokerTape(self._beside.tape),
        )
        self._lasting.keeper.on_bars = self._beside.tape.keep_bars
        self._stopped = asyncio.Event()
        self._breaker = Breaker()
        self._client_id = settings.gateway.client_id
        self._service: Service | None = None
        self._since: datetime | None = None

    def stop(self) -> None:
        """Finish the work in hand and return from :meth:`run`."""
        self._stopped.set()

    async def run(self) -> None:
        """Collect until stopped.

        Raises:
            GatewayError: the first connection could not be made.
            PipelineError: the gateway lists none of the symbols, or the spool fails.
        """
        seen = self._spool.last_kept_at()  # before pairs are kept
        await self._beside.start()
        try:
            await self._keep_connected(seen)
        finally:
            await self._beside.stop()
        log.info("collector_stopped rounds=%d", self._lasting.tally.rounds)

    async def _keep_connected(self, seen: datetime | None) -> None:
        session: GatewaySession | None = await first_session(self._settings.gateway, self._pause)
        self._note_downtime(seen)
        # A person was told to act and to start the collector again; here it is.
        self._spool.revive((REPAIR, BACKFILL), self._clock.now())
        while session is not None:
            await self._attend(session)
            del session
            gc.collect()  # a session is a web of references; left alone, dozens would pile up
            session = await self._next_session()

    async def _attend(self, session: GatewaySession) -> None:
        """Work one session until it is lost, given up or the collector is stopped."""
        now, cause, reason = self._clock.now(), Cause.CONNECTION_LOST, ""
        since: datetime | None = None
        self._since = now
        self._lasting.outages.note(
            Event(CONNECTED, EVERYTHING, now, text=f"id {session.client_id}")
        )
        try:
            is_well = await survives(self._serve(session), "session", EXPECTED)
            lost = session.lost_because or "the socket was closed"
            reason = lost if is_well else "an error in this program"
        except SessionAbandoned as error:
            cause, since, reason = error.cause, error.since, str(error)
        except (GatewayError, ConnectionError) as error:
            reason = str(error)
        finally:
            self._service = None
            session.close()
        self._since = self._clock.now()
        if not self._stopped.is_set():
            log.warning("session_lost cause=%s reason=%r", cause.value, reason)
            self._note_loss(cause, since, reason)

    async def _serve(self, session: GatewaySession) -> None:
        now = self._clock.now()
        self._spool.drop(OF_THE_MOMENT, now)
        recovered = self._spool.recover((BACKFILL, REPAIR), now)
        log.info("session_started requests_recovered=%d", recovered)
        self._service = service = Service(session, self._settings, self._lasting, self._clock)
        await service.learn_first()
        self._breaker = self._breaker.succeeded()
        work = [asyncio.create_task(task) for task in service.tasks()]
        work.append(asyncio.create_task(until_first(session.lost, self._stopped)))
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            service.finish()

    async def _next_session(self) -> GatewaySession | None:
        """Return a new session, however long it takes; None when stopped."""
        while True:
            wait = self._breaker.wait_seconds(self._clock.now(), random.random())
            await self._pause(max(self._clock.system_seconds(wait), SHORTEST_PAUSE_SECONDS))
            if self._stopped.is_set():
                return None
            self._breaker = self._breaker.trying()
            try:
                session = await opened(self._settings.gateway, self._client_id)
            except GatewayError as error:
                self._failed_to_connect(error)
            else:
                self._client_id = session.client_id
                return session

    def _failed_to_connect(self, error: GatewayError) -> None:
        now = self._clock.now()
        self._breaker = self._breaker.failed(now)
        log.warning("reconnect_failed failures=%d reason=%r", self._breaker.failures, str(error))
        if self._breaker.state is State.OPEN:
            log.error(
                "breaker_open times=%d see=docs/runbook.md#no-connection reason=%r",
                self._breaker.times_opened,
                str(error),
            )
        cause = Cause.NIGHTLY_RESET if in_reset_window(now) else Cause.GATEWAY_DOWN
        outages = self._lasting.outages
        since = min((event.starts_at for event in outages.lasting), default=now)
        outages.begin(cause, EVERYTHING, since, text=str(error))
        self._keep_events(now)

    def _note_loss(self, cause: Cause, since: datetime | None, reason: str) -> None:
        """Let one span for all streams follow those of single streams."""
        now, outages = self._clock.now(), self._lasting.outages
        outages.end_all(now)
        outages.begin(cause, EVERYTHING, since or now, text=reason)
        self._keep_events(now)

    def _note_downtime(self, seen: datetime | None) -> None:
        """Tell that nothing was collected since the last sign of life, or ever before."""
        now, calendar = self._clock.now(), self._lasting.calendar
        text = "stopped or killed"
        if seen is None:
            text, seen = "it had not run before", self._first_moment(now)
        if seen < now:
            self._lasting.outages.note(
                Event(Cause.COLLECTOR_DOWN.value, EVERYTHING, seen, now, text=text)
            )
            self._keep_events(now)
        log.info("collector_started down_since=%s calendar=%s", seen, calendar.globex.name)

    def _first_moment(self, now: datetime) -> datetime:
        """Return the begin of the first session that history is asked for, pairs' too."""
        globex = without_pauses(self._lasting.calendar.globex)
        today = globex.at(now)
        sessions = self._settings.collection.history_sessions
        earlier = globex.before(today.session_date, sessions)
        return min((earlier[0] if earlier else today).opens_at, now)

    def _keep_events(self, now: datetime) -> None:
        batches = self._lasting.outages.take_batches(now)
        if batches:
            self._spool.append(batches, now)

    def _health(self, now: datetime) -> SourceHealth:
        """Return how the broker's side is, for who listens live."""
        troubles = [it for it in self._lasting.outages.lasting if it.subject == EVERYTHING]
        return SourceHealth(
            source="ibkr",
            is_up=self._service is not None,
            since=self._since,
            trouble=troubles[0].event if troubles else None,
            text=troubles[0].text if troubles else None,
            offset=self._lasting.offset,
            streams=self._service.streams_health(now) if self._service else [],
        )

    async def _pause(self, seconds: float) -> None:
        """Wait, or return early when the collector is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
