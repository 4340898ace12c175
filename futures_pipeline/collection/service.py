"""What is done with one gateway session: learn, plan, then rounds, history and the watch."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from futures_pipeline.collection.broker.clock import compare_clocks
from futures_pipeline.collection.broker.connection import BrokerMessage, GatewaySession
from futures_pipeline.collection.broker.pacing import Pacer
from futures_pipeline.collection.clock_offset import Offset
from futures_pipeline.collection.feed.sources import BrokerTape
from futures_pipeline.collection.history.desk import Desk
from futures_pipeline.collection.history.healing import repairs
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.plan import (
    BACKFILL,
    REPAIR,
    Universe,
    history_plan,
    is_over,
)
from futures_pipeline.collection.listings import Listings
from futures_pipeline.collection.normalize import Listed
from futures_pipeline.collection.options.learning import Chains
from futures_pipeline.collection.options.rounds import OPTION_CHAIN, OptionRounds
from futures_pipeline.collection.outages import Outages
from futures_pipeline.collection.source_health import StreamHealth, line_health
from futures_pipeline.collection.streaming.rounds import BARS, SNAPSHOT, Rounds, Tally
from futures_pipeline.collection.streaming.streams import Streams
from futures_pipeline.collection.streaming.watch import Watch
from futures_pipeline.collection.summary import tell_all, tell_sources
from futures_pipeline.config import Settings
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import GatewayUnavailable, PipelineError
from futures_pipeline.domain.sessions import Session, TradingCalendar
from futures_pipeline.storage.spool import NewRequest, Request

log = logging.getLogger(__name__)

DETAILS = "contract_details"
HISTORY_AT_ONCE = 4
IDLE_SECONDS = 0.5
FIRST_QUOTES_SECONDS = 3.0
REPAIR_EVERY = timedelta(minutes=5)
SUMMARY_EVERY = timedelta(minutes=5)
LOOK_EVERY_SECONDS, LOOK_EVERY_MACHINE_SECONDS = 5.0, 0.2
KEEP_ENDED_REQUESTS = timedelta(days=1)
OF_THE_MOMENT = (DETAILS, SNAPSHOT, BARS, OPTION_CHAIN)
FORGOTTEN = (*OF_THE_MOMENT, REPAIR)


@dataclass(slots=True)
class Lasting:
    """What outlives a session."""

    calendar: TradingCalendar
    keeper: Keeper
    listings: Listings
    outages: Outages
    pacer: Pacer
    tally: Tally
    live: BrokerTape
    offset: Offset | None = None
    chains: Chains = field(default_factory=Chains)
    data_types: dict[str, str] = field(default_factory=dict)
    listed_on: date | None = None
    cycle: int = 0
    repaired_at: datetime | None = None
    told_at: datetime | None = None

    def note_offset(self, offset: Offset) -> None:
        """Take how far the broker's clock is ahead."""
        self.offset = offset


class Service:
    """The work of one session; :meth:`tasks` run side by side until one of them ends."""

    def __init__(
        self, session: GatewaySession, settings: Settings, lasting: Lasting, clock: Clock
    ) -> None:
        self._settings = settings
        self._lasting = lasting
        self._clock = clock
        self._session = session
        self._spool = lasting.keeper.spool
        self._desk = Desk(
            session,
            lasting.keeper,
            lasting.listings,
            lasting.outages,
            lasting.pacer,
            clock,
            settings.collection.max_attempts,
        )
        lines = settings.gateway.market_data_lines
        self._streams = Streams(session, lasting.calendar, clock, lines)
        self._watch = Watch(
            session, self._streams, lasting.outages, clock, told_types=lasting.data_types
        )
        self._options = OptionRounds(
            session,
            self._spool,
            clock,
            lasting.calendar,
            lasting.listings.spot,
            lambda: lines - self._streams.lines_in_use,
            lambda symbol: next((line.ticker for line in self._streams.lines(symbol)), None),
            settings.collection,
            lasting.chains,
        )
        session.on_message = self._take_message
        self._streams.on_quote = lasting.live.take
        self._rounds = Rounds(
            self._streams, lasting.keeper, lasting.outages, lasting.calendar, lasting.tally
        )
        self._session_date: date | None = None

    async def learn_first(self) -> None:
        """Learn the contracts, or use what is known of today, and open the streams.

        Raises:
            PipelineError: the gateway lists nothing that is wanted, for good.
            GatewayUnavailable: nothing is known, but a new session may know more.
        """
        today = self._lasting.calendar.session_date(self._clock.now())
        wanted = {instrument.symbol for instrument in self._settings.instruments}
        if self._lasting.listed_on != today or wanted - self._lasting.listings.symbols:
            await self._learn(self._ask_for_contracts())
            self._lasting.listed_on = today
        self._plan()

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return what has to run side by side."""
        return [
            self._work_rounds(),
            *(self._work_history() for _ in range(HISTORY_AT_ONCE)),
            self._look(),
            self._streams.open_bars(self._lasting.pacer),
            self._options.work(),
            compare_clocks(self._session, self._clock, self._lasting.note_offset),
        ]

    def streams_health(self, now: datetime) -> list[StreamHealth]:
        """Return how each contract's streams are."""
        types = self._streams.data_types()
        return [
            line_health(line, types.get(line.listed.local_symbol), now)
            for line in self._streams.all_lines
        ]

    def finish(self) -> None:
        """Keep what has come since the last round."""
        self._rounds.finish()

    def _take_message(self, message: BrokerMessage) -> None:
        self._watch.take(message)
        self._options.take(message)

    def _ask_for_contracts(self) -> list[Request]:
        """Put a question for each symbol's contracts into the queue and claim them."""
        now = self._clock.now()
        symbols = self._settings.collection.symbols
        self._spool.enqueue([NewRequest(DETAILS, symbol, 0) for symbol in symbols], now)
        return self._spool.claim([DETAILS], len(symbols), now)

    async def _learn(self, asked: list[Request]) -> None:
        instruments = {instrument.symbol: instrument for instrument in self._settings.instruments}
        again = False
        for request in asked:
            again |= await self._desk.contract_details(request, instruments[request.symbol])
        if self._lasting.listings.by_name:
            return
        names = ", ".join(instruments)
        if again or self._session.lost.is_set():
            raise GatewayUnavailable(f"gateway: no contract of {names} was told; trying again")
        raise PipelineError(
            f"gateway: none of {names} has a contract there; "
            "check collection.symbols and the account's permissions"
        )

    def _plan(self) -> None:
        """Open the lines of the present session and ask for the history that is missing."""
        now = self._clock.now()
        universe = self._universe()
        current = self._lasting.listings.current(universe, now)
        fronts = {it.instrument.symbol: it.local_symbol for it in reversed(current)}
        self._lasting.live.tape.lead(fronts)
        left_out = self._streams.follow(current)
        if left_out:
            names = ",".join(listed.local_symbol for listed in left_out)
            log.error(
                "no_free_line contracts=%s remedy='collect fewer symbols, or raise "
                "gateway.market_data_lines if the account has more'",
                names,
            )
        sessions = self._settings.collection.history_sessions
        # What is missing of the session under way the ledger knows to the minute.
        plan = [it for it in history_plan(universe, now, sessions) if is_over(it, now)]
        self._lasting.repaired_at = None
        asked = self._spool.enqueue(plan, now)
        log.info("history_planned requests=%d sessions=%d", asked, sessions)

    def _universe(self) -> Universe:
        known = self._lasting.listings.symbols
        return Universe(
            [instrument for instrument in self._settings.instruments if instrument.symbol in known],
            self._lasting.listings.futures,
            self._settings.collection.front_month,
            self._lasting.calendar,
        )

    async def _work_rounds(self) -> None:
        interval = timedelta(seconds=self._settings.collection.snapshot_interval_seconds)
        with suppress(TimeoutError):  # a first round before the first quotes would be empty
            async with asyncio.timeout(FIRST_QUOTES_SECONDS):
                await self._streams.all_spoken.wait()
        while True:
            started = self._clock.now()
            await self._housekeeping(started)
            trouble = self._watch.health.trouble
            self._rounds.take("" if trouble is None else trouble.value)
            wait = (started + interval - self._clock.now()) / timedelta(seconds=1)
            await asyncio.sleep(max(0.0, self._clock.system_seconds(wait)))

    async def _housekeeping(self, now: datetime) -> None:
        """Do what is due at this round: a new session, late contracts, repairs, the summary."""
        session = self._lasting.calendar.globex.at(now)
        if self._session_date != session.session_date:
            if self._session_date is not None:
                await self._learn(self._ask_for_contracts())
                self._plan()
            self._spool.forget(FORGOTTEN, now - KEEP_ENDED_REQUESTS)
            first = self._sessions(session)[0].session_date
            self._lasting.keeper.ledger.forget_before(first)
            self._session_date = session.session_date
        elif late := self._spool.claim([DETAILS], len(self._settings.instruments), now):
            await self._learn(late)
            self._plan()
        if _is_due(self._lasting.repaired_at, REPAIR_EVERY, now):
            self._repair(session, now)
        if _is_due(self._lasting.told_at, SUMMARY_EVERY, now):
            self._tell(session, now)

    def _repair(self, session: Session, now: datetime) -> None:
        universe, listings = self._universe(), self._lasting.listings
        wanted: list[tuple[Listed, Session]] = [
            (listed, past)
            for past in self._sessions(session)
            for instrument in universe.instruments
            for listed in listings.due(universe, instrument.symbol, past.session_date)
        ]
        asked = repairs(self._lasting.keeper, wanted, self._lasting.cycle)
        self._spool.enqueue(asked, now)
        self._lasting.repaired_at = now
        self._lasting.cycle += 1
        if asked:
            log.info("repairs_asked requests=%d", len(asked))

    def _sessions(self, session: Session) -> list[Session]:
        """Return the sessions whose minutes are watched, the present one last."""
        count = self._settings.collection.history_sessions
        globex = self._lasting.calendar.globex
        return [*globex.before(session.session_date, count), session]

    def _tell(self, session: Session, now: datetime) -> None:
        tally = self._lasting.tally
        tell_sources(self._streams, self._lasting.keeper, tally, session, now)
        more = {
            "lines": self._streams.lines_in_use,
            "handler_errors": self._session.handler_errors,
        }
        tell_all(tally, self._lasting.outages, self._spool.request_counts(), more)
        tally.snapshots.clear()
        tally.bars.clear()
        tally.refused = 0
        self._lasting.told_at = now

    async def _work_history(self) -> None:
        """Ask one request after the other; several at once, so that a slow one holds up none."""
        while True:
            claimed = self._spool.claim([REPAIR, BACKFILL], 1, self._clock.now())
            for request in claimed:
                await self._desk.backfill(request)
            if not claimed:
                await asyncio.sleep(IDLE_SECONDS)

    async def _look(self) -> None:
        pause = self._clock.system_seconds(LOOK_EVERY_SECONDS)
        while True:
            await self._watch.look()
            await asyncio.sleep(max(pause, LOOK_EVERY_MACHINE_SECONDS))


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or now - last >= every
