"""The feed's port: a WebSocket on the loopback address that tells and takes nothing."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from futures_pipeline.collection.feed.doors import Asked, Knock, Refusal, answer
from futures_pipeline.collection.feed.tape import Listener, Tape
from futures_pipeline.collection.feed.updates import Whole, machine_ms, milliseconds
from futures_pipeline.domain.clock import Clock

HOST = "127.0.0.1"
HEALTH_EVERY_SECONDS = 2.0
# A listener that takes nothing for so long is cut off; it can come back.
SLOW_SECONDS = 5.0
# Little is kept on its way to a listener, so that what waits is merged instead of growing old.
SEND_BUFFER_BYTES = 65_536
MOST_RECEIVED_BYTES = 1024
POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013

log = logging.getLogger(__name__)
# The library tells of every refused request as of a connection that failed.
quiet = logging.getLogger(f"{__name__}.library")
quiet.setLevel(logging.CRITICAL)


class FeedServer:
    """Serves a tape; ``health`` returns the present health message."""

    def __init__(self, tape: Tape, clock: Clock, health: Callable[[], Mapping[str, Any]]) -> None:
        self.port = 0
        self._tape = tape
        self._clock = clock
        self._health = health
        self._server: Server | None = None
        self._pulse: asyncio.Task[None] | None = None

    async def open(self, port: int) -> bool:
        """Listen on a port, 0 takes a free one; return False, with a warning, when it cannot."""
        try:
            self._server = await serve(
                self._serve,
                HOST,
                port,
                process_request=self._request,
                compression=None,
                max_size=MOST_RECEIVED_BYTES,
                max_queue=1,
                write_limit=SEND_BUFFER_BYTES,
                close_timeout=1.0,
                server_header=None,
                logger=quiet,
            )
        except OSError as error:
            log.warning(
                "feed_not_opened port=%d reason=%r remedy='set feed.port to a free one; "
                "everything is collected without the feed'",
                port,
                error.strerror or str(error),
            )
            return False
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self._pulse = asyncio.create_task(self._tell_health())
        log.info("feed_opened address=%s:%d", HOST, self.port)
        return True

    async def close(self) -> None:
        """Send everyone away and stop listening."""
        if self._server is None or self._pulse is None:
            return
        self._pulse.cancel()
        self._server.close()
        await self._server.wait_closed()

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        del connection
        found = self._answer(request)
        return _response(found) if isinstance(found, Refusal) else None

    def _answer(self, request: Request) -> Asked | Refusal:
        names = {name.lower() for name in request.headers}
        headers = {name: request.headers.get_all(name) for name in names}
        knock = Knock(request.method, request.path, headers)
        return answer(knock, self.port, len(self._tape.listeners), list(self._tape.instruments))

    async def _serve(self, connection: ServerConnection) -> None:
        asked = None if connection.request is None else self._answer(connection.request)
        if not isinstance(asked, Asked):  # too many have come at once
            await connection.close(TRY_AGAIN_LATER)
            return
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener = self._tape.listen(asked)
        writer = asyncio.create_task(self._write(connection, listener))
        try:
            async for _ in connection:  # nothing is taken from a listener
                await connection.close(POLICY_VIOLATION, "this feed is read-only")
        finally:
            self._tape.forget(listener)
            writer.cancel()
            (outcome,) = await asyncio.gather(writer, return_exceptions=True)
            if isinstance(outcome, Exception):
                log.error("feed_listener_failed reason=%r", outcome)

    async def _write(self, connection: ServerConnection, listener: Listener) -> None:
        numbers = count(1)
        try:
            await _send(connection, next(numbers), self._hello(listener.asked))
            listener.put(Whole(self._health()))
            while True:
                await listener.waiting.wait()
                for update in listener.take():
                    await _send(connection, next(numbers), update.as_json())
        except TimeoutError:
            log.warning("feed_listener_dropped reason=too_slow seconds=%.0f", SLOW_SECONDS)
        except ConnectionClosed:
            pass
        finally:
            connection.transport.abort()

    async def _tell_health(self) -> None:
        while True:
            if self._tape.listeners:
                self._tape.tell_all(Whole(self._health()))
            await asyncio.sleep(HEALTH_EVERY_SECONDS)

    def _hello(self, asked: Asked) -> dict[str, Any]:
        instruments = [self._tape.instruments[symbol] for symbol in asked.symbols]
        return {
            "type": "hello",
            "now": milliseconds(self._clock.now()),
            "machine": machine_ms(),
            "speed": 1.0 / self._clock.system_seconds(1.0),
            "minutes": asked.minutes,
            "symbols": [
                {"symbol": it.symbol, "kind": it.kind.value, "tick_size": it.tick_size}
                for it in instruments
            ],
        }


async def _send(connection: ServerConnection, number: int, message: Mapping[str, Any]) -> None:
    """Send a message, or raise TimeoutError when the listener takes nothing."""
    text = json.dumps({**message, "seq": number}, separators=(",", ":"), allow_nan=False)
    async with asyncio.timeout(SLOW_SECONDS):
        await connection.send(text)


def _response(refusal: Refusal) -> Response:
    body = f"{refusal.reason}\n".encode()
    headers = Headers(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
        }
    )
    if refusal.status is HTTPStatus.UPGRADE_REQUIRED:
        headers["Upgrade"] = "websocket"
    return Response(refusal.status, refusal.status.phrase, headers, body)
