"""Option rounds: every few minutes of NYSE's regular hours, each ETF's chosen options.

One request of the queue is one ETF's round. It is worked in windows of the market-data lines
that are free, and however it ends, what came is kept with an account of what was asked.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import ib_async

from futures_pipeline.collection.broker.codes import Meaning, Outcome, meaning
from futures_pipeline.collection.broker.connection import (
    BrokerMessage,
    GatewaySession,
    RequestTimedOut,
)
from futures_pipeline.collection.normalize import Listed, number, quote_of, to_batches
from futures_pipeline.collection.options.chains import Money, OptionContract, chosen_contracts
from futures_pipeline.collection.options.learning import NO_SUCH_CONTRACT, Chains
from futures_pipeline.collection.options.rows import counts, ended
from futures_pipeline.collection.options.schedule import due_round, next_round, round_ends, turn_of
from futures_pipeline.collection.options.window import Window, patience_machine_seconds
from futures_pipeline.config import CollectionSettings
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import RequestFailed
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.spool import NewRequest, Request, Spool
from futures_pipeline.storage.tables import OPTION_ROUNDS, OPTION_SNAPSHOTS

log = logging.getLogger(__name__)

OPTION_CHAIN = "option_chain"
PRIORITY = 10
# Lines left alone: the futures' next contracts open at a roll, and a person may look at charts.
RESERVED_LINES = 10
# A round may take its interval; this on the machine when the market's clock runs fast.
ROUND_MACHINE_SECONDS = 120.0
# Spreads the strikes of the first moments, until the ETF's own volatility has come.
USUAL_VOL = 0.2
POLL_MACHINE_SECONDS = 0.1
LONGEST_SLEEP_MACHINE_SECONDS = 30.0

# Why a round was cut, beside the kinds of the broker's codes.
TIME_OUT, MARKET_CLOSED, STOPPED = "time_out", "market_closed", "stopped"
NO_SPOT_PRICE, NOTHING_LISTED, SILENT = "no_spot_price", "nothing_listed", "stream_silent"
NO_FREE_LINE, CONNECTION_LOST, UNANSWERED = "no_free_line", "connection_lost", "request_timed_out"
# What the broker may say of one line that holds for all of them, and passes.
COMMON_TROUBLE = (Cause.NO_FREE_LINE, Cause.COMPETING_SESSION)


@dataclass(slots=True)
class Account:
    """What one ETF's round has asked and got so far."""

    symbol: str
    round_at: datetime
    began_at: datetime
    asked: int = 0
    refused: int = 0
    windows: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, rows: Sequence[dict[str, Any]], refused: int) -> None:
        """Note what one window brought."""
        self.rows += rows
        self.refused += refused
        self.windows += 1

    def row(self, reason: str, now: datetime) -> dict[str, Any]:
        """Return the row of ``option_rounds``; the empty ``reason`` is a complete round."""
        return {
            "symbol": self.symbol,
            "round_at": self.round_at,
            "asked": self.asked,
            **counts(self.rows),
            "refused": self.refused,
            "windows": self.windows,
            "seconds": (now - self.began_at) / timedelta(seconds=1),
            **ended(reason),
            "received_at": now,
        }


@dataclass(slots=True)
class OptionRounds:
    """Collects the options of the ETFs among ``spot`` over one gateway session.

    ``lines`` returns how many market-data lines are free now, ``ticker`` the live quotes of
    an ETF. The owner hands every message of the broker to :meth:`take`.
    """

    session: GatewaySession
    spool: Spool
    clock: Clock
    calendar: TradingCalendar
    spot: Mapping[str, Listed]
    lines: Callable[[], int]
    ticker: Callable[[str], ib_async.Ticker | None]
    settings: CollectionSettings
    chains: Chains = field(default_factory=Chains)
    _window: Window | None = None

    def take(self, message: BrokerMessage) -> None:
        """React to what the broker says of a line of the present window."""
        window, con_id = self._window, message.con_id
        if window is None or con_id is None or con_id not in window.readings:
            return
        found = meaning(message.code, message.text)
        if message.code == NO_SUCH_CONTRACT:
            self.chains.refused.add(con_id)
            window.refuse(con_id)
        elif found.outcome is Outcome.DEAD:
            self._bar(window.readings[con_id].option.symbol, found)
            window.give_up(found.kind)
        elif found.cause in COMMON_TROUBLE:
            window.give_up(found.kind)

    async def work(self) -> None:
        """Take each round that becomes due, for ever; with an interval of 0 do nothing."""
        interval = timedelta(seconds=self.settings.option_interval_seconds)
        if not interval:
            await self.session.lost.wait()
            return
        while True:
            now = self.clock.now()
            round_at = due_round(now, self.calendar.regular, interval)
            if round_at is not None and round_at != self.chains.last_round:
                await self._round(round_at, interval)
                self.chains.last_round = round_at
            else:
                wait = next_round(now, self.calendar.regular, interval) - now
                seconds = self.clock.system_seconds(wait / timedelta(seconds=1))
                await asyncio.sleep(min(seconds, LONGEST_SLEEP_MACHINE_SECONDS))

    async def _round(self, round_at: datetime, interval: timedelta) -> None:
        now = self.clock.now()
        self.chains.begin(self.calendar.session_date(round_at))
        etfs = [it for it in self.spot if self.spot[it].instrument.kind is Kind.ETF]
        symbols = turn_of(etfs, round_at, interval)
        parameters = {"round_at": round_at.isoformat()}
        asked = [NewRequest(OPTION_CHAIN, symbol, PRIORITY, parameters) for symbol in symbols]
        self.spool.enqueue(asked, now)
        claimed = deque(self.spool.claim([OPTION_CHAIN], len(asked), now))
        machine = timedelta(seconds=ROUND_MACHINE_SECONDS / self.clock.system_seconds(1.0))
        until = round_ends(round_at, interval, self.calendar.regular, now + machine)
        try:
            while claimed:
                request = claimed.popleft()
                await self._attend(request, self._account(request, round_at), until)
        finally:
            for request in claimed:
                self._keep(request, self._account(request, round_at), STOPPED)

    def _account(self, request: Request, round_at: datetime) -> Account:
        return Account(request.symbol, round_at, self.clock.now())

    async def _attend(self, request: Request, account: Account, until: datetime) -> None:
        """Work one request; it is kept and done even when this is cancelled."""
        reason = STOPPED
        try:
            reason = await self._collect(account, until)
        except RequestTimedOut:
            reason = UNANSWERED
        except RequestFailed as error:
            reason = meaning(error.code, error.text).kind
        except ConnectionError:
            reason = CONNECTION_LOST
        finally:
            self._keep(request, account, reason)

    async def _collect(self, account: Account, until: datetime) -> str:
        """Read the options of one ETF, and return why not all had their turn, empty if they had."""
        symbol = account.symbol
        if symbol in self.chains.barred:
            return self.chains.barred[symbol]
        money = await self._money(symbol)
        if money is None:
            return NO_SPOT_PRICE
        today = self.calendar.session_date(account.round_at)
        known = await self.chains.learn(self.session, self.spot[symbol], today)
        options = chosen_contracts(known, money, self.clock.now())
        account.asked = len(options)
        reason = "" if options else NOTHING_LISTED
        while options and not reason:
            size = self.lines() - RESERVED_LINES
            if size < 1:
                return NO_FREE_LINE
            window, options = options[:size], options[size:]
            reason = self._over(until) or await self._read(account, window, until)
        return reason

    async def _read(
        self, account: Account, options: Sequence[OptionContract], until: datetime
    ) -> str:
        """Read one window; return what keeps the next ones from being read."""
        window = self._window = Window(self.session, self.clock, self.chains.received)
        rows: list[dict[str, Any]] = []
        try:
            window.open(options)
            await window.filled(until)
        finally:
            rows = window.rows(account.round_at)
            account.add(rows, window.refused)
            self._window = None
            window.close()
        is_silent = not rows and window.refused < len(options)
        over = self._over(until) if window.is_waiting else ""
        return window.trouble or over or (SILENT if is_silent else "")

    def _over(self, until: datetime) -> str:
        """Return why a round has to end now, empty when it has not."""
        now = self.clock.now()
        if now < until:
            return ""
        return TIME_OUT if self.calendar.regular.is_open(now) else MARKET_CLOSED

    async def _money(self, symbol: str) -> Money | None:
        """Return where the ETF trades, after its first quote; None when that does not come."""
        patience = time.monotonic() + patience_machine_seconds(self.clock)
        while (money := money_of(self.ticker(symbol))) is None and time.monotonic() < patience:
            await asyncio.sleep(POLL_MACHINE_SECONDS)
        return money

    def _keep(self, request: Request, account: Account, reason: str) -> None:
        """Keep what came and the account of it, and mark the request done."""
        if reason == STOPPED and self.session.lost.is_set():
            reason = CONNECTION_LOST
        now = self.clock.now()
        row = account.row(reason, now)
        batches = to_batches(OPTION_SNAPSHOTS.name, account.rows, self.calendar, "round_at")
        batches += to_batches(OPTION_ROUNDS.name, [row], self.calendar, "round_at")
        self.spool.finish([request.id], batches, now)
        log.info(
            "option_round_finished symbol=%s asked=%d answered=%d greeks=%d windows=%d "
            "seconds=%.1f ended=%s",
            *(row["symbol"], row["asked"], row["answered"], row["with_greeks"], row["windows"]),
            *(row["seconds"], reason or row["ended"]),
        )

    def _bar(self, symbol: str, found: Meaning) -> None:
        """Ask for no more options of an ETF in this session: only a person can help."""
        self.chains.barred[symbol] = found.kind
        log.error("options_barred symbol=%s kind=%s remedy=%r", symbol, found.kind, found.remedy)


def money_of(ticker: ib_async.Ticker | None) -> Money | None:
    """Return where an ETF trades: the middle of its quote, or its last price."""
    if ticker is None:
        return None
    quote = quote_of(ticker)
    price = number(ticker.last)
    if quote.bid and quote.ask:
        price = (quote.bid + quote.ask) / 2
    return Money(price, number(ticker.impliedVolatility) or USUAL_VOL) if price else None
