"""The live subscriptions of one session and the rows they make."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import ib_async

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.collection.broker.codes import Meaning, Outcome
from futures_pipeline.collection.broker.connection import GatewaySession
from futures_pipeline.collection.broker.pacing import Pacer
from futures_pipeline.collection.normalize import (
    DATA_TYPES,
    Listed,
    bar_row,
    five_second_bar,
    snapshot_row,
)
from futures_pipeline.collection.streaming.bars import Bar
from futures_pipeline.collection.streaming.lines import FIRST_WORD, Line, Moment, Stream
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.instruments import ALL_SYMBOLS
from futures_pipeline.domain.sessions import TradingCalendar

log = logging.getLogger(__name__)

LINES_OF_A_CONTRACT = 2


def ignore(line: Line, at: datetime) -> None:
    """Listen to no line."""
    del line, at


class Streams:
    """The lines of a session, by contract id. Rows are taken, never pushed.

    ``on_quote`` hears of a line that has just spoken.

    ``all_spoken`` is set once every line of an open market has said something. A quote
    stream opens at once, the bars when :meth:`open_bars` may.
    """

    def __init__(
        self, session: GatewaySession, calendar: TradingCalendar, clock: Clock, most_lines: int
    ) -> None:
        self.all_spoken = asyncio.Event()
        self.on_quote: Callable[[Line, datetime], None] = ignore
        self._session = session
        self._calendar = calendar
        self._clock = clock
        self._most_lines = most_lines
        self._lines: dict[int, Line] = {}
        self._minutes: list[dict[str, Any]] = []
        self._without_bars: asyncio.Queue[int] = asyncio.Queue()
        session.on_tickers = self._note_tickers
        session.on_bars = self._take_bars

    @property
    def all_lines(self) -> list[Line]:
        return list(self._lines.values())

    @property
    def lines_in_use(self) -> int:
        """Return how many market-data lines are taken or about to be."""
        return LINES_OF_A_CONTRACT * len(self._lines)

    def line(self, con_id: int | None) -> Line | None:
        """Return a contract's line, None when it is not followed."""
        return None if con_id is None else self._lines.get(con_id)

    def lines(self, symbol: str) -> list[Line]:
        """Return the lines of a root symbol."""
        return [line for line in self._lines.values() if line.listed.instrument.symbol == symbol]

    def of_request(self, request_id: int) -> tuple[Line, Stream] | None:
        """Return the stream that runs under a request id, None when none does."""
        for line in self._lines.values():
            if line.bars is not None and line.bars.reqId == request_id:
                return line, Stream.BARS
            if line.ticker is not None and self._session.quotes_request(line.ticker) == request_id:
                return line, Stream.QUOTES
        return None

    def now(self) -> Moment:
        return Moment(self._clock.now(), time.monotonic())

    def follow(self, contracts: Iterable[Listed]) -> list[Listed]:
        """Subscribe to exactly these contracts; return those there is no free line for.

        Streams that the broker had refused are tried once more.
        """
        wanted = {listed.con_id: listed for listed in contracts}
        for con_id in [known for known in self._lines if known not in wanted]:
            line = self._lines.pop(con_id)
            self._close(line, Stream.QUOTES)
            self._close(line, Stream.BARS)
            log.info("line_closed contract=%s", line.listed.local_symbol)
        left_out = []
        for con_id, listed in wanted.items():
            if con_id in self._lines:
                self._ask_anew(self._lines[con_id])
                continue
            if self.lines_in_use + LINES_OF_A_CONTRACT > self._most_lines:
                left_out.append(listed)
                continue
            line = self._lines[con_id] = self._new(listed)
            self.reopen(line, Stream.QUOTES)
            self.reopen(line, Stream.BARS)
            log.info("line_opened contract=%s", listed.local_symbol)
        return left_out

    def _ask_anew(self, line: Line) -> None:
        """Try again what was refused for good: at a new session a subscription may be there."""
        for stream in list(line.refused):
            self.reopen(line, stream)

    def reopen(self, line: Line, stream: Stream) -> None:
        """Subscribe to a stream anew; what it said before counts no more."""
        self._close(line, stream)
        line.since[stream] = line.opened = self.now()
        line.heard.pop(stream, None)
        line.refused.pop(stream, None)
        contract, kind = line.listed.broker_contract, line.listed.instrument.kind
        if stream is Stream.QUOTES:
            line.ticker = self._session.stream_quotes(contract, kind)
        else:
            self._without_bars.put_nowait(line.listed.con_id)

    def refuse(self, line: Line, stream: Stream, found: Meaning) -> bool:
        """Note the broker's refusal; return whether the stream is given up for this session.

        What may work later (all lines in use, a pacing violation) is not given up.
        """
        if found.outcome is not Outcome.DEAD or stream in line.refused:
            return False
        line.refused[stream] = found
        return True

    async def open_bars(self, pacer: Pacer) -> None:
        """Open five-second bars as the broker's limit on new ones allows, for ever."""
        while True:
            line = self._lines.get(await self._without_bars.get())
            if line is None or line.bars is not None:
                continue
            await pacer.new_realtime_bars()
            if line.listed.con_id in self._lines and line.bars is None:
                line.bars = self._session.stream_bars(line.listed.broker_contract)
                line.since[Stream.BARS] = line.opened = self.now()

    def due_symbols(self, now: Moment) -> list[str]:
        """Return the symbols to snapshot: the market is open, and a new line has had its time."""
        lines = [line for line in self._lines.values() if line.hours.is_open(now.at)]
        due = [line for line in lines if line.has_spoken or now.at - line.opened.at > FIRST_WORD]
        return sorted({line.listed.instrument.symbol for line in due})

    def snapshots(self, symbol: str, now: Moment, trouble: str) -> tuple[list[dict[str, Any]], str]:
        """Return the rows that can honestly be observed ``now``, and why others cannot.

        ``trouble`` is what keeps all data away at present, empty when nothing does.
        """
        rows, reason = [], "no_line"
        for line in self.lines(symbol):
            reason = trouble or _why_not(line, now)
            if not reason and line.ticker is not None:
                times = (now.at, line.last_price_at)
                rows.append(snapshot_row(line.listed, line.ticker, line.quote, times))
        return rows, "" if rows else reason

    def take_minutes(self) -> list[dict[str, Any]]:
        """Return the minutes completed since the last call, as rows."""
        minutes, self._minutes = self._minutes, []
        return minutes

    def data_types(self) -> dict[str, str]:
        """Return what the broker sends of each contract: live, frozen, delayed."""
        return {
            line.listed.local_symbol: DATA_TYPES.get(line.ticker.marketDataType, ALL_SYMBOLS)
            for line in self._lines.values()
            if line.ticker is not None and Stream.QUOTES in line.heard
        }

    def _new(self, listed: Listed) -> Line:
        hours = market_hours(listed.instrument.kind, self._calendar)
        return Line(listed, hours, self._calendar.regular, self.now())

    def _close(self, line: Line, stream: Stream) -> None:
        if stream is Stream.QUOTES and line.ticker is not None:
            self._session.end_quotes(line.listed.broker_contract)
            line.ticker = None
        if stream is Stream.BARS and line.bars is not None:
            self._session.end_bars(line.bars)
            line.bars = None

    def _note_tickers(self, tickers: Iterable[ib_async.Ticker]) -> None:
        now = self.now()
        for ticker in tickers:
            line = self.line(ticker.contract.conId if ticker.contract else None)
            if line is not None and line.ticker is ticker:
                line.take_quote(now)
                self.on_quote(line, now.at)
        if all(line.has_spoken or not line.hours.is_open(now.at) for line in self.all_lines):
            self.all_spoken.set()

    def _take_bars(self, bars: ib_async.RealTimeBarList) -> None:
        """Move new five-second bars out of the library's list, which would grow for ever."""
        fresh = [five_second_bar(bar) for bar in bars]
        bars.clear()
        line = self.line(bars.contract.conId)
        if line is not None and line.bars is bars:
            for minute in line.take_bars(fresh, self.now()):
                self._complete(line, minute)

    def _complete(self, line: Line, minute: Bar) -> None:
        data_type = None if line.ticker is None else DATA_TYPES.get(line.ticker.marketDataType)
        now = self._clock.now()
        self._minutes.append(bar_row(line.listed, minute, "realtime", data_type or "live", now))


def _why_not(line: Line, now: Moment) -> str:
    """Return why no snapshot of ``line`` can be taken; empty when one can."""
    if not line.hours.is_open(now.at):
        return "market_closed"
    if Stream.QUOTES in line.refused:
        return line.refused[Stream.QUOTES].kind
    if Stream.QUOTES not in line.heard or not line.has_a_price:
        return "no_price_yet"
    if Stream.QUOTES in line.silent:
        return "stale_stream"
    return ""
