"""The listener: stream connections and REST requests on one port of the loopback address."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import GatewayUnavailable
from futures_pipeline.simulator.binance import payloads, rest
from futures_pipeline.simulator.binance.lines import Line, Spoiling
from futures_pipeline.simulator.binance.prices import (
    USUAL_PRICES,
    IndexPath,
    Pair,
    trades_per_minute,
)
from futures_pipeline.simulator.binance.weights import WEIGHTS, Weights
from futures_pipeline.simulator.faults.counting import Charge
from futures_pipeline.simulator.gateway.listener import HOST

STREAMS = "/stream"
BEAT_SECONDS = 0.02
PING_EVERY_SECONDS, PONG_WITHIN_SECONDS = 20.0, 60.0
CLOSE_TIMEOUT_SECONDS = 1.0
GOING_AWAY = 1001

log = logging.getLogger(__name__)
# The library tells of every REST answer as of a connection that failed.
quiet = logging.getLogger(f"{__name__}.library")
quiet.setLevel(logging.CRITICAL)


@dataclass
class LostMinute:
    """A minute that answers lack: the middle one of the first answer, the same in later ones."""

    charge: Charge = field(default_factory=lambda: Charge(0))
    start_ms: int | None = None

    def without(self, rows: list[list[Any]]) -> list[list[Any]]:
        """Return the bars of an answer but the lost one."""
        if not rows or not self.charge.take():
            return rows
        if self.start_ms is None:
            self.start_ms = rows[len(rows) // 2][0]
        return [row for row in rows if row[0] != self.start_ms]


@dataclass
class Faults:
    """What is wrong at the moment."""

    spoiling: Spoiling = field(default_factory=Spoiling)
    is_refusing: bool = False
    broken: Charge = field(default_factory=lambda: Charge(0))
    lost_minute: LostMinute = field(default_factory=LostMinute)
    skew_seconds: float = 0.0


class Exchange:
    """The simulated exchange; its pairs follow ``index``, the futures' path."""

    def __init__(self, clock: Clock, seed: int, index: IndexPath) -> None:
        self.clock = clock
        per_minute = trades_per_minute(1.0 / clock.system_seconds(1.0))
        self.pairs = {name: Pair(name, seed, per_minute, index) for name in USUAL_PRICES}
        self.faults = Faults()
        self.weights = Weights()
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self.lines: set[Line] = set()
        self.port = 0
        self._server: Server | None = None

    def now(self) -> datetime:
        """Return the exchange's time: the market clock's, unless a fault puts it wrong."""
        return self.clock.now() + timedelta(seconds=self.faults.skew_seconds)

    async def listen(self, port: int) -> None:
        """Accept clients on ``port``; 0 takes a free one.

        Raises:
            GatewayUnavailable: the port is taken or not allowed.
        """
        try:
            self._server = await serve(
                self._serve,
                HOST,
                port,
                process_request=self._request,
                ping_interval=PING_EVERY_SECONDS,
                ping_timeout=PONG_WITHIN_SECONDS,
                close_timeout=CLOSE_TIMEOUT_SECONDS,
                compression=None,
                logger=quiet,
            )
        except OSError as error:
            raise GatewayUnavailable(
                f"port {port} of {HOST}: cannot listen ({error.strerror}); choose another or 0"
            ) from error
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """End all connections and stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def end_lines(self, code: int) -> None:
        """Close every stream connection in order, with a code."""
        for line in list(self.lines):
            await line.connection.close(code)

    async def announce_shutdown(self) -> None:
        """Tell every client that the server is about to go."""
        text = payloads.shutdown_event(int(self.now().timestamp() * 1000))
        for line in list(self.lines):
            with suppress(ConnectionClosed):
                await line.connection.send(text)

    def stats(self) -> dict[str, Any]:
        """Return what clients have done so far."""
        now = self.clock.now().timestamp()
        return {
            "connections": self.connections,
            "lines": len(self.lines),
            "requests": dict(self.requests),
            "weight_used": self.weights.used(now),
            "most_weight_in_a_minute": self.weights.most_in_a_minute,
            "violations": {name: n for name, n in self.weights.violations.items() if n},
        }

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        del connection
        url = urlsplit(request.path)
        now = self.clock.now().timestamp()
        if url.path == STREAMS:
            self.connections += 1
            keeps = self.weights.connect(now) and not self.faults.is_refusing
            return None if keeps else _response(rest.Answer(503, {"msg": "try later"}), 0)
        self.requests[url.path] += 1
        answer = await self._answer(url.path, url.query, now)
        return _response(answer, self.weights.used(now))

    async def _answer(self, path: str, query: str, now: float) -> rest.Answer:
        if path not in WEIGHTS:
            return rest.Answer(404, {"code": -1, "msg": "not found"})
        status = self.weights.charge(WEIGHTS[path], now)
        if status:
            wait = self.weights.refused_seconds(now)
            return rest.Answer(status, {"code": -1003, "msg": "Too many requests."}, wait)
        if self.faults.broken.take():
            return rest.Answer(503, {"msg": "Service Unavailable"})
        # A day that is drawn for the first time takes a while; streams go on meanwhile.
        found = await asyncio.to_thread(rest.answer, path, query, self.pairs, self.now())
        if path == "/api/v3/klines" and found.status == HTTPStatus.OK:
            return rest.Answer(found.status, self.faults.lost_minute.without(found.body))
        return found

    async def _serve(self, connection: ServerConnection) -> None:
        request = connection.request
        query = parse_qs(urlsplit(request.path).query) if request else {}
        wanted = {name for text in query.get("streams", []) for name in text.split("/")}
        line = Line(connection, wanted, list(self.pairs.values()))
        self.lines.add(line)
        pump = asyncio.create_task(self._pump(line))
        try:
            async for _ in connection:  # what clients say is not needed
                pass
        except ConnectionClosed:
            pass
        finally:
            self.lines.discard(line)
            pump.cancel()

    async def _pump(self, line: Line) -> None:
        with suppress(ConnectionClosed):
            while not line.is_old(self.clock.now()):
                if not line.is_held:
                    for text in line.due(self.now(), self.faults.spoiling):
                        await line.connection.send(text)
                await asyncio.sleep(BEAT_SECONDS)
            await line.connection.close(GOING_AWAY)


def _response(answer: rest.Answer, used_weight: int) -> Response:
    body = answer.text.encode()
    headers = Headers(
        {
            "Content-Type": "application/json;charset=UTF-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-MBX-USED-WEIGHT-1M": str(used_weight),
        }
    )
    if answer.retry_after_seconds:
        headers["Retry-After"] = str(answer.retry_after_seconds)
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, body)
