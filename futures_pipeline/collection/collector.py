"""The collector: the one broker connection, worked through the queue in rounds.

Owns nothing that must survive: requests and rows live in the spool, so it may be killed at
any moment. Computes no signal and writes no Delta table.
"""

import asyncio
import logging
import random
from contextlib import suppress
from datetime import datetime, timedelta

from futures_pipeline.collection.connection import GatewaySession, first_session, until_first
from futures_pipeline.collection.history import Universe, history_plan, repair_request
from futures_pipeline.collection.normalize import to_batches
from futures_pipeline.collection.requests import Desk
from futures_pipeline.collection.streams import Streams
from futures_pipeline.config import Settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import GatewayError, GatewayUnavailable, PipelineError
from futures_pipeline.domain.instruments import ALL_SYMBOLS
from futures_pipeline.domain.sessions import minute_floor
from futures_pipeline.storage.spool import NewBatch, NewRequest, Request, Spool
from futures_pipeline.storage.tables import BARS_1M

log = logging.getLogger(__name__)

DETAILS, SNAPSHOT, BARS, BACKFILL = "contract_details", "snapshot", "bars", "backfill"
OF_THE_MOMENT = (DETAILS, SNAPSHOT, BARS)
HISTORY_AT_ONCE = 4
IDLE_SECONDS = 0.5
FIRST_QUOTES_SECONDS = 3.0
REPAIR_EVERY = timedelta(minutes=5)
# A minute's last five-second bar may come late; later than this it is missing.
BAR_GRACE = timedelta(minutes=1)
KEEP_ENDED_REQUESTS = timedelta(days=1)
FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 1.0, 60.0


class Collector:
    """Runs until :meth:`stop`; reconnects by itself once it has been connected."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = settings.clock
        self._calendar = calendar_for(self._clock.now())
        self._stopped = asyncio.Event()
        self._rounds = 0

    def stop(self) -> None:
        """Finish the work in hand and return from :meth:`run`."""
        self._stopped.set()

    async def run(self) -> None:
        """Collect until stopped.

        Raises:
            GatewayError: the first connection could not be made.
            PipelineError: the gateway lists none of the symbols, or the spool fails.
        """
        session: GatewaySession | None = await first_session(self._settings.gateway, self._pause)
        while session is not None:
            try:
                await self._serve(session)
            except GatewayError as error:
                log.warning("session_given_up reason=%r", str(error))
            except PipelineError:
                raise
            except Exception:
                log.exception("session_failed see=docs/runbook.md#session-failed")
            finally:
                session.close()
            await self._pause(
                FIRST_BACK_OFF_SECONDS
            )  # a fault that comes back at once must not spin
            session = await self._reconnected()
        log.info("collector_stopped rounds=%d", self._rounds)

    async def _reconnected(self) -> GatewaySession | None:
        """Return a new session, however long it takes; None when stopped."""
        back_off = FIRST_BACK_OFF_SECONDS
        while not self._stopped.is_set():
            session = GatewaySession(self._settings.gateway)
            try:
                await session.open()
            except GatewayError as error:
                log.warning("reconnect_failed next_seconds=%.1f reason=%r", back_off, str(error))
                await self._pause(back_off * random.uniform(0.8, 1.2))
                back_off = min(2 * back_off, LONGEST_BACK_OFF_SECONDS)
            else:
                return session
        return None

    async def _serve(self, session: GatewaySession) -> None:
        """Collect over one session until it is lost or the collector is stopped."""
        settings = self._settings.collection
        recovered = self._spool.recover(OF_THE_MOMENT, self._clock.now())
        log.info("session_started requests_recovered=%d", recovered)
        desk = Desk(session, self._spool, self._clock, self._calendar, settings.max_attempts)
        await self._learn(desk, self._first_asked())
        streams = Streams(session, self._calendar, self._clock)
        self._plan(desk, streams)
        work = [
            asyncio.create_task(self._work_rounds(desk, streams)),
            asyncio.create_task(self._work_history(desk)),
            asyncio.create_task(until_first(session.lost, self._stopped)),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            self._spool.append(self._bar_batches(streams), self._clock.now())
        if session.lost.is_set():
            log.warning("session_lost")

    def _first_asked(self) -> list[Request]:
        """Put a question for each symbol's contracts into the queue and claim them."""
        now = self._clock.now()
        symbols = self._settings.collection.symbols
        self._spool.enqueue([NewRequest(DETAILS, symbol, 0) for symbol in symbols], now)
        return self._spool.claim([DETAILS], len(symbols), now)

    async def _learn(self, desk: Desk, asked: list[Request]) -> None:
        """Ask for contracts; what timed out is asked again by a later round.

        Raises:
            PipelineError: the gateway lists nothing that is wanted, for good.
            GatewayUnavailable: nothing is known, but a new session may know more.
        """
        instruments = {instrument.symbol: instrument for instrument in self._settings.instruments}
        again = False
        for request in asked:
            again |= await desk.contract_details(request, instruments[request.symbol])
        if desk.listings.by_name:
            return
        names = ", ".join(instruments)
        if again or desk.session.lost.is_set():
            raise GatewayUnavailable(f"gateway: no contract of {names} was told; trying again")
        raise PipelineError(
            f"gateway: none of {names} has a contract there; "
            "check collection.symbols and the account's permissions"
        )

    def _plan(self, desk: Desk, streams: Streams) -> None:
        """Open the lines of the present session and ask for the history that is missing."""
        now = self._clock.now()
        settings = self._settings.collection
        universe = self._universe(desk)
        streams.follow(desk.listings.current(universe, now))
        asked = self._spool.enqueue(history_plan(universe, now, settings.history_sessions), now)
        log.info("history_planned requests=%d sessions=%d", asked, settings.history_sessions)

    def _universe(self, desk: Desk) -> Universe:
        known = desk.listings.symbols
        return Universe(
            [instrument for instrument in self._settings.instruments if instrument.symbol in known],
            desk.listings.futures,
            self._settings.collection.front_month,
            self._calendar,
        )

    async def _work_rounds(self, desk: Desk, streams: Streams) -> None:
        interval = timedelta(seconds=self._settings.collection.snapshot_interval_seconds)
        repaired_at = session_date = None
        with suppress(TimeoutError):  # a first round before the first quotes would be empty
            await asyncio.wait_for(streams.all_spoken.wait(), FIRST_QUOTES_SECONDS)
        while True:
            started = self._clock.now()
            if session_date != (today := self._calendar.session_date(started)):
                streams.follow(desk.listings.current(self._universe(desk), started))
                self._spool.forget(OF_THE_MOMENT, started - KEEP_ENDED_REQUESTS)
                session_date = today
            if late := self._spool.claim([DETAILS], len(self._settings.instruments), started):
                await self._learn(desk, late)
                self._plan(desk, streams)
            self._round(streams, started)
            if repaired_at is None or started - repaired_at >= REPAIR_EVERY:
                self._ask_for_gaps(streams, started)
                repaired_at = started
            wait = (started + interval - self._clock.now()) / timedelta(seconds=1)
            await asyncio.sleep(max(0.0, self._clock.system_seconds(wait)))

    def _round(self, streams: Streams, now: datetime) -> None:
        """Take one snapshot of every open market and the minutes completed since the last."""
        wanted = [NewRequest(SNAPSHOT, symbol, 0) for symbol in streams.due_symbols(now)]
        self._spool.enqueue([*wanted, NewRequest(BARS, ALL_SYMBOLS, 1)], now)
        claimed = self._spool.claim([SNAPSHOT, BARS], len(wanted) + 1, now)
        batches, done, refused = self._bar_batches(streams), [], 0
        for request in claimed:
            rows, reason = self._snapshot(streams, request, now)
            if reason:
                self._spool.put_back(request.id, "failed", (reason, reason), (now, now))
                refused += 1
            else:
                batches += rows
                done.append(request.id)
        self._spool.finish(done, batches, now)
        self._rounds += 1
        log.info(
            "round_finished round=%d spooled=%d failed=%d seconds=%.2f",
            self._rounds,
            sum(batch.rows.height for batch in batches),
            refused,
            (self._clock.now() - now).total_seconds(),
        )

    def _snapshot(
        self, streams: Streams, request: Request, now: datetime
    ) -> tuple[list[NewBatch], str]:
        if request.kind != SNAPSHOT:
            return [], ""
        rows, reason = streams.snapshots(request.symbol, now)
        if reason:
            return [], reason
        table = streams.lines(request.symbol)[0].listed.instrument.snapshot_table
        return to_batches(table, rows, self._calendar, "timestamp"), ""

    def _bar_batches(self, streams: Streams) -> list[NewBatch]:
        return to_batches(BARS_1M.name, streams.take_minutes(), self._calendar, "ts_start")

    def _ask_for_gaps(self, streams: Streams, now: datetime) -> None:
        """Ask history for the minutes that the streams did not complete."""
        until = minute_floor(now - BAR_GRACE)
        gaps = [
            repair_request(line.listed.instrument.symbol, line.listed.local_symbol, gap)
            for line in streams.all_lines
            if (gap := line.gap(until)) is not None
        ]
        self._spool.enqueue(gaps, now)

    async def _work_history(self, desk: Desk) -> None:
        while True:
            claimed = self._spool.claim([BACKFILL], HISTORY_AT_ONCE, self._clock.now())
            await asyncio.gather(*(desk.backfill(request) for request in claimed))
            if not claimed:
                await asyncio.sleep(IDLE_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait, or return early when the collector is stopped."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
