"""The live subscriptions of one session and what they last said."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import ib_async

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.collection.bars import MINUTE, Bar, MinuteBuilder
from futures_pipeline.collection.connection import GatewaySession
from futures_pipeline.collection.normalize import (
    DATA_TYPES,
    NO_QUOTE,
    Listed,
    Quote,
    age_seconds,
    bar_row,
    five_second_bar,
    number,
    quote_of,
    snapshot_row,
)
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Timetable, TradingCalendar, minute_floor

log = logging.getLogger(__name__)

# A quote older than this is not an observation of now; QUANT_SPEC 1.4 accepts 60 s for a
# last price, quiet pre-market quotes may rest longer.
STALE_QUOTE_SECONDS = 300.0
# How long a new line may say nothing before that is a failure.
FIRST_WORD = timedelta(minutes=1)
# Two messages of one quote are milliseconds apart; a cross that lasts longer is real.
TORN_QUOTE_SECONDS = 0.25
LAST_PRICE_TICKS = frozenset({4, 68})


@dataclass(slots=True)
class Line:
    """One contract's quote stream and bar stream, two market-data lines."""

    listed: Listed
    ticker: ib_async.Ticker
    bars: ib_async.RealTimeBarList
    hours: Timetable
    opened_at: datetime
    checked_until: datetime
    builder: MinuteBuilder = field(default_factory=MinuteBuilder)
    quote: Quote = NO_QUOTE
    crossed_since: float | None = None
    last_quote_at: datetime | None = None
    last_price_at: datetime | None = None
    minutes: set[datetime] = field(default_factory=set)

    @property
    def has_spoken(self) -> bool:
        """Whether everything a snapshot needs has come: a last price, or both sides."""
        if self.listed.instrument.kind is Kind.INDEX:
            return number(self.ticker.last) is not None
        return None not in (self.quote.bid, self.quote.ask)

    @property
    def has_a_price(self) -> bool:
        """Whether any price has come since the line was opened."""
        last = number(self.ticker.last)
        return any(price is not None for price in (self.quote.bid, self.quote.ask, last))

    def take(self, now: datetime, machine_seconds: float) -> None:
        """Note what the ticker has just been told.

        Bid and ask come in two messages, so between them the pair looks crossed; the pair
        before stands until the cross has lasted.
        """
        self.last_quote_at = now
        if any(tick.tickType in LAST_PRICE_TICKS for tick in self.ticker.ticks):
            self.last_price_at = now
        quote = quote_of(self.ticker)
        if not quote.is_crossed:
            self.quote, self.crossed_since = quote, None
        elif self.crossed_since is None:
            self.crossed_since = machine_seconds
        elif machine_seconds - self.crossed_since >= TORN_QUOTE_SECONDS:
            self.quote = quote

    def gap(self, until: datetime) -> tuple[datetime, datetime] | None:
        """Return the span of open minutes up to ``until`` that the stream did not complete.

        Each minute is judged once: the next call begins at ``until``.
        """
        count = max(0, int((until - self.checked_until) / MINUTE))
        span = [self.checked_until + MINUTE * i for i in range(count)]
        missing = [at for at in span if at not in self.minutes and self.hours.is_open(at)]
        self.checked_until = max(self.checked_until, until)
        self.minutes = {at for at in self.minutes if at >= self.checked_until}
        return (missing[0], missing[-1] + MINUTE) if missing else None


class Streams:
    """The lines of a session, by contract id. Rows are taken, never pushed.

    ``all_spoken`` is set once every line of an open market has said something.
    """

    def __init__(self, session: GatewaySession, calendar: TradingCalendar, clock: Clock) -> None:
        self._session = session
        self._calendar = calendar
        self._clock = clock
        self._lines: dict[int, Line] = {}
        self._minutes: list[dict[str, Any]] = []
        self.all_spoken = asyncio.Event()
        session.on_tickers = self._note_tickers
        session.on_bars = self._take_bars

    def follow(self, contracts: Iterable[Listed]) -> None:
        """Subscribe to exactly these contracts: open what is missing, close the rest."""
        wanted = {listed.con_id: listed for listed in contracts}
        for con_id in [known for known in self._lines if known not in wanted]:
            line = self._lines.pop(con_id)
            self._session.end_streams(line.listed.broker_contract, line.bars)
            log.info("line_closed contract=%s", line.listed.local_symbol)
        for con_id, listed in wanted.items():
            if con_id not in self._lines:
                self._lines[con_id] = self._opened(listed)
                log.info("line_opened contract=%s", listed.local_symbol)

    @property
    def all_lines(self) -> list[Line]:
        return list(self._lines.values())

    def lines(self, symbol: str) -> list[Line]:
        """Return the lines of a root symbol."""
        return [line for line in self._lines.values() if line.listed.instrument.symbol == symbol]

    def due_symbols(self, now: datetime) -> list[str]:
        """Return the symbols to snapshot: the market is open, and a new line has had its time."""
        lines = [line for line in self._lines.values() if line.hours.is_open(now)]
        due = [line for line in lines if line.has_spoken or now - line.opened_at > FIRST_WORD]
        return sorted({line.listed.instrument.symbol for line in due})

    def snapshots(self, symbol: str, now: datetime) -> tuple[list[dict[str, Any]], str]:
        """Return the rows that can honestly be observed ``now``, and why others cannot."""
        rows, reason = [], "no_line"
        for line in self.lines(symbol):
            reason = _why_not(line, now)
            if not reason:
                rows.append(
                    snapshot_row(line.listed, line.ticker, line.quote, (now, line.last_price_at))
                )
        return rows, "" if rows else reason

    def _opened(self, listed: Listed) -> Line:
        contract, kind = listed.broker_contract, listed.instrument.kind
        now = self._clock.now()
        return Line(
            listed=listed,
            ticker=self._session.stream_quotes(contract, kind),
            bars=self._session.stream_bars(contract),
            hours=market_hours(kind, self._calendar),
            opened_at=now,
            checked_until=minute_floor(now),
        )

    def take_minutes(self) -> list[dict[str, Any]]:
        """Return the minutes completed since the last call, as rows."""
        minutes, self._minutes = self._minutes, []
        return minutes

    def _note_tickers(self, tickers: Iterable[ib_async.Ticker]) -> None:
        now = self._clock.now()
        for ticker in tickers:
            line = self._lines.get(ticker.contract.conId) if ticker.contract else None
            if line is not None:
                line.take(now, time.monotonic())
        if all(line.has_spoken or not line.hours.is_open(now) for line in self.all_lines):
            self.all_spoken.set()

    def _take_bars(self, bars: ib_async.RealTimeBarList) -> None:
        """Move new five-second bars out of the library's list, which would grow for ever."""
        fresh = [five_second_bar(bar) for bar in bars]
        bars.clear()
        line = self._lines.get(bars.contract.conId)
        if line is not None:
            for bar in fresh:
                self._complete(line, bar)

    def _complete(self, line: Line, bar: Bar) -> None:
        now = self._clock.now()
        minute = line.builder.add(bar)
        if minute is not None:
            line.minutes.add(minute.starts_at)
            data_type = DATA_TYPES.get(line.ticker.marketDataType, "live")
            self._minutes.append(bar_row(line.listed, minute, "realtime", data_type, now))


def _why_not(line: Line, now: datetime) -> str:
    """Return why no snapshot of ``line`` can be taken; empty when one can."""
    if not line.hours.is_open(now):
        return "market_closed"
    if line.last_quote_at is None or not line.has_a_price:
        return "no_price_yet"
    if age_seconds(line.last_quote_at, now) > STALE_QUOTE_SECONDS:
        return "stale_stream"
    return ""
