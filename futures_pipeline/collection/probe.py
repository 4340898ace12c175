"""Questions that tell whether a collector could work on a gateway.

Asked over a connection of their own, which holds a few lines for seconds and gives them
back. What is said of the answers is decided by ``collection.findings``.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.collection.broker.codes import Outcome, meaning
from futures_pipeline.collection.broker.connection import (
    BrokerMessage,
    ClientIdTaken,
    GatewaySession,
)
from futures_pipeline.collection.broker.pacing import Demand, plan
from futures_pipeline.collection.findings import (
    Finding,
    Heard,
    Verdict,
    clock_difference_seconds,
    heard_quotes,
    judge_chains,
    judge_clock,
    judge_farms,
    judge_line,
    problem,
)
from futures_pipeline.collection.history.plan import Universe, history_plan
from futures_pipeline.collection.listings import Listings
from futures_pipeline.collection.normalize import Listed
from futures_pipeline.collection.options.rounds import RESERVED_LINES
from futures_pipeline.config import Settings
from futures_pipeline.domain.contracts import roll_session
from futures_pipeline.domain.errors import GatewayError, PipelineError, RequestFailed
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import TradingCalendar

# Machine seconds.
REQUEST_SECONDS = 10.0
QUOTE_SECONDS = 5.0
BAR_SECONDS = 8.0  # a whole bar, and time to send it
REFUSAL_SECONDS = 2.0  # a refusal comes at once, also while the market is closed
SYMBOLS_AT_ONCE = 3
CLIENT_IDS_AFTER = range(50, 60)
HISTORY_ASKED, HISTORY_IN_WORDS = "1800 S", "30 minutes"


class Probe:
    """Asks everything once; ``tell`` hears each finding as soon as it is known."""

    def __init__(
        self, settings: Settings, calendar: TradingCalendar, tell: Callable[[Finding], None]
    ) -> None:
        self._gateway = settings.gateway.model_copy(
            update={"request_timeout_seconds": REQUEST_SECONDS}
        )
        self._settings = settings
        self._calendar = calendar
        self._clock = settings.clock
        self._tell = tell
        self._messages: list[BrokerMessage] = []
        self._news = asyncio.Event()
        self._listings = Listings()

    async def run(self) -> None:
        """Ask; what cannot be asked any more after a failure is left out."""
        session = await self._opened()
        if session is None:
            return
        try:
            if await self._is_alive(session):
                await self._ask_symbols(session)
                self._tell_plan()
        finally:
            session.close()

    async def _opened(self) -> GatewaySession | None:
        gateway = self._gateway
        for after in CLIENT_IDS_AFTER:
            session = GatewaySession(gateway, gateway.client_id + after)
            session.on_message = self._take_message
            session.on_tickers = session.on_bars = self._take_data
            try:
                await session.open()
            except GatewayError as error:
                last = problem("gateway", error)
                if isinstance(error, ClientIdTaken):
                    continue
                break
            self._tell_opened(session)
            return session
        self._tell(last)
        return None

    def _tell_opened(self, session: GatewaySession) -> None:
        gateway = self._gateway
        ids = f"{session.client_id} for this probe, {gateway.client_id} for the collector"
        self._tell(Finding("gateway", Verdict.OK, f"{gateway.host}:{gateway.port} answers"))
        self._tell(Finding("client id", Verdict.OK, ids))
        self._tell(Finding("server version", Verdict.OK, str(session.server_version)))

    async def _is_alive(self, session: GatewaySession) -> bool:
        asked = self._clock.now()
        try:
            told = await session.current_time()
        except (RequestFailed, ConnectionError) as error:
            self._tell(problem("clock", error))
            return False
        self._tell(judge_clock(clock_difference_seconds(told, asked, self._clock.now())))
        for finding in judge_farms(self._messages):
            self._tell(finding)
        return True

    async def _ask_symbols(self, session: GatewaySession) -> None:
        places = asyncio.Semaphore(SYMBOLS_AT_ONCE)

        async def ask(instrument: Instrument) -> list[Finding]:
            async with places:
                return await self._symbol(session, instrument)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(one)) for one in self._settings.instruments]
            for task in tasks:
                for finding in await task:
                    self._tell(finding)

    async def _symbol(self, session: GatewaySession, instrument: Instrument) -> list[Finding]:
        is_future = instrument.kind is Kind.FUTURE
        try:
            details = await (session.futures if is_future else session.spot)(instrument)
            self._listings.remember(instrument, details)
            listed, contract = self._contract(instrument)
        except (PipelineError, ConnectionError) as error:
            return [problem(f"{instrument.symbol} contract", error)]
        found, questions = [contract], [self._quotes, self._bars, self._history]
        if _has_options([instrument]) and self._settings.collection.option_interval_seconds:
            questions.append(self._options)
        try:
            for ask in questions:
                found.append(await ask(session, listed))
        except ConnectionError as error:
            found.append(problem(f"{instrument.symbol} data", error))
        return found

    def _contract(self, instrument: Instrument) -> tuple[Listed, Finding]:
        """Return the contract collected now, and its line.

        Raises:
            PipelineError: the gateway lists none that fits.
        """
        symbol, subject = instrument.symbol, f"{instrument.symbol} contract"
        if symbol not in self._listings.symbols:
            raise PipelineError(f"the gateway lists no {symbol}; check the symbol and its exchange")
        session_date = self._calendar.session_date(self._clock.now())
        listed = self._listings.due(self._universe(), symbol, session_date)[0]
        if listed.expiry is None:
            return listed, Finding(subject, Verdict.OK, f"{symbol} at {instrument.exchange}")
        roll = roll_session(listed.expiry, self._calendar.globex)
        override = self._settings.collection.front_month.get(symbol)
        is_chosen = override == listed.local_symbol
        chosen = "by collection.front_month" if is_chosen else f"next roll session {roll}"
        found = f"front month {listed.local_symbol}, expires {listed.expiry}, {chosen} (New York)"
        if override is None or is_chosen:
            return listed, Finding(subject, Verdict.OK, found)
        found = f"{found}; collection.front_month names {override}, which leads no more"
        return listed, Finding(subject, Verdict.WARN, found, "remove or correct that line")

    async def _quotes(self, session: GatewaySession, listed: Listed) -> Finding:
        contract, kind = listed.broker_contract, listed.instrument.kind
        since, opens_at = len(self._messages), self._opens_at(kind)
        ticker = session.stream_quotes(contract, kind)

        def heard() -> Heard:
            said = (message for message in self._messages[since:])
            refusal = next((message for message in said if message.con_id == listed.con_id), None)
            return heard_quotes(ticker, kind, refusal)

        await self._until_over(heard, QUOTE_SECONDS if opens_at is None else REFUSAL_SECONDS)
        session.end_quotes(contract)
        return judge_line(f"{listed.instrument.symbol} quotes", heard(), opens_at)

    async def _bars(self, session: GatewaySession, listed: Listed) -> Finding:
        bars = session.stream_bars(listed.broker_contract)
        opens_at = self._opens_at(listed.instrument.kind)

        def heard() -> Heard:
            said = (message for message in self._messages if message.request_id == bars.reqId)
            return Heard(next(said, None), "a bar came" if bars else "")

        await self._until_over(heard, BAR_SECONDS if opens_at is None else REFUSAL_SECONDS)
        session.end_bars(bars)
        return judge_line(f"{listed.instrument.symbol} five-second bars", heard(), opens_at)

    async def _history(self, session: GatewaySession, listed: Listed) -> Finding:
        subject = f"{listed.instrument.symbol} one-minute history"
        try:
            bars = await session.history(listed.broker_contract, None, HISTORY_ASKED)
        except RequestFailed as error:
            if meaning(error.code, error.text).outcome is not Outcome.NO_DATA:
                return problem(subject, error)
            bars = []
        came = f"{len(bars)} bars" if bars else "no trade"
        return Finding(subject, Verdict.OK, f"permitted, {came} in the last {HISTORY_IN_WORDS}")

    async def _options(self, session: GatewaySession, listed: Listed) -> Finding:
        subject = f"{listed.instrument.symbol} option chains"
        try:
            chains = await session.option_parameters(listed.instrument.symbol, listed.con_id)
        except RequestFailed as error:
            return problem(subject, error)
        return judge_chains(subject, chains)

    def _tell_plan(self) -> None:
        """Tell what the configured symbols, as far as they were found, use of the limits."""
        universe, now = self._universe(), self._clock.now()
        collection = self._settings.collection
        requests = len(history_plan(universe, now, collection.history_sessions))
        contracts = len(self._listings.current(universe, now))
        use = plan(Demand(contracts, requests), self._gateway.market_data_lines)
        history = f"{requests} requests for {collection.history_sessions} sessions of history"
        if collection.option_interval_seconds and _has_options(universe.instruments):
            free = max(0, use.account_lines - use.lines - RESERVED_LINES)
            history = f"{history}; options take turns on {free} free lines"
        verdict = Verdict.OK if use.fits else Verdict.WARN
        remedy = "" if use.fits else "collect fewer symbols, or buy quote booster packs"
        self._tell(Finding("pacing plan", verdict, f"{use}; {history}", remedy))

    def _universe(self) -> Universe:
        known = self._listings.symbols
        return Universe(
            [instrument for instrument in self._settings.instruments if instrument.symbol in known],
            self._listings.futures,
            self._settings.collection.front_month,
            self._calendar,
        )

    def _opens_at(self, kind: Kind) -> datetime | None:
        """Return when the market of a kind opens; None while it is open."""
        hours, now = market_hours(kind, self._calendar), self._clock.now()
        return None if hours.is_open(now) else hours.at(now).opens_at

    def _take_data(self, data: object) -> None:
        del data  # who waits looks at its ticker or bars
        self._news.set()

    def _take_message(self, message: BrokerMessage) -> None:
        self._messages.append(message)
        self._news.set()

    async def _until_over(self, heard: Callable[[], Heard], seconds: float) -> None:
        """Return when a line has said all it will say, or time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not heard().is_over:
                    self._news.clear()
                    await self._news.wait()


def _has_options(instruments: Iterable[Instrument]) -> bool:
    return any(instrument.kind is Kind.ETF for instrument in instruments)
