"""One client's stream connection: what is due to it, and what faults make of that."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from websockets.asyncio.server import ServerConnection

from futures_pipeline.simulator.binance import payloads
from futures_pipeline.simulator.binance.prices import Pair
from futures_pipeline.simulator.faults.counting import Charge

AGG_TRADE, KLINE, BOOK = "aggTrade", "kline_1m", "bookTicker"
KLINE_EVERY_SECONDS = 2
LONGEST_LIFE = timedelta(hours=24)
MINUTE = 60
MALFORMED = (
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade"}}',
    '{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT"}}',
    '{"stream":"btcusdt@aggTrade","data":',
    '{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT","k":{"x":true}}}',
    "[[]]",
)


@dataclass
class Spoiling:
    """Which of the next trades come wrong."""

    twice: Charge = field(default_factory=lambda: Charge(0))
    never: Charge = field(default_factory=lambda: Charge(0))
    malformed: Charge = field(default_factory=lambda: Charge(0))
    first_malformed: int = 0

    def sent(self, text: str) -> list[str]:
        """Return what is sent in place of a trade."""
        if self.never.take():
            return []
        if self.twice.take():
            return [text, text]
        if self.malformed.take():
            self.first_malformed += 1
            return [MALFORMED[self.first_malformed % len(MALFORMED)], text]
        return [text]


class Line:
    """What one connection has been sent of its streams."""

    def __init__(self, connection: ServerConnection, wanted: set[str], pairs: list[Pair]) -> None:
        self.connection = connection
        self.wanted = wanted
        self.pairs = [pair for pair in pairs if any(name in wanted for name in _names(pair))]
        self.opened_at: datetime | None = None
        self.is_held = False
        self._trades: dict[str, int] = {}
        self._klines: dict[str, int] = {}

    def due(self, now: datetime, spoiling: Spoiling) -> Iterator[str]:
        """Yield the events since the last call, each pair's in the order of their time."""
        self.opened_at = self.opened_at or now
        for pair in self.pairs:
            trades, kline, book = _names(pair)
            newest = pair.newest(now)
            first = self._trades.setdefault(pair.name, newest) + 1
            if first <= newest and trades in self.wanted:
                for event in payloads.trade_events(pair.name, pair.trades(first, newest)):
                    yield from spoiling.sent(payloads.wrapped(trades, event))
            self._trades[pair.name] = newest
            if kline in self.wanted:
                yield from (payloads.wrapped(kline, it) for it in self._bars(pair, now, newest))
            if book in self.wanted and first <= newest:
                event = payloads.book_event(pair.name, newest, pair.book(now))
                yield payloads.wrapped(book, event)

    def is_old(self, now: datetime) -> bool:
        """Return whether its time is over."""
        return self.opened_at is not None and now - self.opened_at >= LONGEST_LIFE

    def reset(self) -> None:
        """End the connection at once, with a TCP reset."""
        transport = self.connection.transport
        with suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()

    def _bars(self, pair: Pair, now: datetime, newest: int) -> Iterator[dict[str, Any]]:
        """Yield each minute that has ended since, finished, and now and then the present one."""
        at = int(now.timestamp())
        last = self._klines.setdefault(pair.name, at)
        for start in range(last // MINUTE * MINUTE, at // MINUTE * MINUTE, MINUTE):
            whole = pair.kline_until(start, newest)
            if whole is not None:
                end_ms = (start + MINUTE) * 1000
                yield payloads.kline_event(pair.name, whole, end_ms, is_closed=True)
        growing = pair.kline_until(at // MINUTE * MINUTE, newest)
        if growing is not None and at // KLINE_EVERY_SECONDS != last // KLINE_EVERY_SECONDS:
            yield payloads.kline_event(pair.name, growing, at * 1000, is_closed=False)
        self._klines[pair.name] = at


def _names(pair: Pair) -> tuple[str, str, str]:
    name = pair.name.lower()
    return f"{name}@{AGG_TRADE}", f"{name}@{KLINE}", f"{name}@{BOOK}"
