"""A stand-in for the collector's feed (docs/feed.md) that says what a test tells it."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

MINUTE = 60_000
NOW = 1_763_728_500_000  # 2025-11-21 12:35:00 UTC
LEVELS = {"ES": (6_600.0, 0.25, "future"), "BTC/USDT": (86_000.0, 0.01, "crypto")}


def planted(minutes: int, correlation: float, seed: int = 3) -> dict[str, list[list[float]]]:
    """Return minute bars of both symbols up to ``NOW`` whose returns correlate as said."""
    random = np.random.default_rng(seed)
    common, own = random.normal(size=(2, minutes))
    other = correlation * common + math.sqrt(1 - correlation**2) * own
    starts = [NOW - MINUTE * (minutes - i) for i in range(minutes)]
    return {
        symbol: bars_of(starts, LEVELS[symbol][0] * np.exp(np.cumsum(moves) * 3e-4))
        for symbol, moves in (("ES", common), ("BTC/USDT", other))
    }


def bars_of(starts: Sequence[int], closes: "np.ndarray") -> list[list[float]]:
    """Return bars that open where the one before closed."""
    opens = [closes[0], *closes[:-1]]
    return [
        [start, float(o), float(max(o, c) * 1.0001), float(min(o, c) * 0.9999), float(c), 100.0]
        for start, o, c in zip(starts, opens, closes, strict=True)
    ]


class Feed:
    """A feed on a port of its own; bars and messages are the test's."""

    def __init__(self, bars: dict[str, list[list[float]]], port: int = 0) -> None:
        self.bars = bars
        self.port = port
        self.start()

    def start(self) -> None:
        """Listen; after a stop, on the same port as before."""
        self.connections = 0
        self._open: dict[ServerConnection, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._open)

    def send(self, **message: Any) -> None:
        """Say something to everyone; the number is filled in."""
        asyncio.run_coroutine_threadsafe(self._say(message), self._loop).result(10)

    def tick(self, symbol: str, price: float, at: int) -> None:
        """Say a trade."""
        self.send(
            type="trade", symbol=symbol, contract=symbol, time=at, machine=time.time() * 1000,
            price=price, high=price, low=price, volume=1.0, trades=1,
        )  # fmt: skip

    def stop(self) -> None:
        """End it, as a collector that is stopped."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        async with serve(self._listen, "127.0.0.1", self.port) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stopping.wait()

    async def _listen(self, listener: ServerConnection) -> None:
        assert listener.request is not None
        asked = parse_qs(urlsplit(listener.request.path).query)
        symbols = asked.get("symbols", [",".join(self.bars)])[0].split(",")
        self.connections += 1
        self._open[listener] = 0
        try:
            known = [
                {"symbol": s, "kind": LEVELS[s][2], "tick_size": LEVELS[s][1]}
                for s in symbols
                if s in LEVELS
            ]
            await self._to(
                listener,
                {"type": "hello", "now": NOW, "machine": time.time() * 1000, "speed": 1.0,
                 "minutes": 1440, "symbols": known},
            )  # fmt: skip
            for symbol in symbols:
                bars = self.bars.get(symbol, [])
                await self._to(
                    listener,
                    {"type": "history", "symbol": symbol, "contract": symbol, "bars": bars},
                )
            await listener.wait_closed()
        finally:
            del self._open[listener]

    async def _say(self, message: dict[str, Any]) -> None:
        for listener in list(self._open):
            await self._to(listener, message)

    async def _to(self, listener: ServerConnection, message: dict[str, Any]) -> None:
        self._open[listener] += 1
        await listener.send(json.dumps({**message, "seq": self._open[listener]}))
