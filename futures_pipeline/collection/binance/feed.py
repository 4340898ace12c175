"""One stream connection, kept up for ever; two of them while one takes over from the other.

What comes is handed on as it comes, repeated and out of order as it may be.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from futures_pipeline.collection.binance.messages import (
    MalformedMessage,
    Message,
    Shutdown,
    stream_message,
)
from futures_pipeline.collection.binance.rest import is_loopback
from futures_pipeline.collection.broker.pacing import Gate, RateLimit
from futures_pipeline.domain.clock import Clock

STREAMS = ("aggTrade", "kline_1m", "bookTicker")
# Source: binance-spot-api-docs, web-socket-streams.md: 300 attempts in five minutes; a
# connection is cut after 24 hours; whoever does not hear a bar every two seconds hears nothing.
CONNECTIONS = RateLimit(requests=250, per_seconds=300.0)
LONGEST_LIFE = timedelta(hours=23, minutes=50)
SILENCE_SECONDS, SHORTEST_SILENCE_MACHINE_SECONDS = 10.0, 3.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, SHORTEST_WAIT_MACHINE_SECONDS = 0.1, 30.0, 0.02
OPEN_TIMEOUT_SECONDS, CLOSE_TIMEOUT_SECONDS = 10.0, 1.0

log = logging.getLogger(__name__)


def wait_seconds(failures: int, chance: float) -> float:
    """Return the market seconds before the next try: full jitter, doubling, reset by success.

    ``failures``: tries in a row that brought nothing; ``chance``: from 0 to 1.

    >>> [wait_seconds(failures, 1.0) for failures in (0, 1, 2, 20)]
    [0.1, 0.2, 0.4, 30.0]
    """
    return chance * min(FIRST_WAIT_SECONDS * 2.0 ** min(failures, 20), LONGEST_WAIT_SECONDS)


def stream_url(url: str, names: Sequence[str]) -> str:
    """Return the address of all streams of some pairs, named as the exchange does.

    >>> stream_url("wss://example.org", ["BTCUSDT"])[:56]
    'wss://example.org/stream?streams=btcusdt@aggTrade/btcusd'
    """
    streams = "/".join(f"{name.lower()}@{kind}" for name in names for kind in STREAMS)
    return f"{url.rstrip('/')}/stream?streams={streams}"


class Line:
    """One connection. Events: it has ``spoken``, is to be replaced (``leaving``), has ``ended``."""

    def __init__(self, url: str, clock: Clock, take: Callable[[Message], None]) -> None:
        self.spoken, self.leaving, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.reason = "closed by us"
        self.malformed = 0
        self._url = url
        self._clock = clock
        self._take = take
        self._task = asyncio.create_task(self._read())

    async def close(self) -> None:
        """End the connection.

        Raises:
            Exception: what ``take`` raised, which is no fault of the connection.
        """
        self._task.cancel()
        (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome

    async def _read(self) -> None:
        try:
            async with connect(
                self._url,
                proxy=None if is_loopback(self._url) else True,
                ping_interval=None,  # the server pings; ours would count against its limit
                open_timeout=OPEN_TIMEOUT_SECONDS,
                close_timeout=CLOSE_TIMEOUT_SECONDS,
            ) as connection:
                await self._listen(connection)
        except TimeoutError:
            self.reason = "nothing was heard"
        except (OSError, WebSocketException) as error:
            self.reason = str(error) or type(error).__name__
        finally:
            self.ended.set()

    async def _listen(self, connection: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        silence = max(self._clock.system_seconds(SILENCE_SECONDS), SHORTEST_SILENCE_MACHINE_SECONDS)
        life = self._clock.system_seconds(LONGEST_LIFE / timedelta(seconds=1))
        end = loop.call_later(life, self.leaving.set)
        try:
            async with asyncio.timeout(silence) as watchdog:
                while True:
                    self._hear(await connection.recv())
                    watchdog.reschedule(loop.time() + silence)
        finally:
            end.cancel()

    def _hear(self, text: str | bytes) -> None:
        try:
            message = stream_message(text)
        except MalformedMessage as error:
            self.malformed += 1
            if self.malformed == 1:
                log.warning("message_malformed source=binance reason=%r", str(error))
            return
        self.spoken.set()
        if isinstance(message, Shutdown):
            self.leaving.set()
        elif message is not None:
            self._take(message)


class Feed:
    """Opens a line whenever there is none, or the one there is is about to end.

    ``lost_at`` is since when no line speaks, None while one does. ``since``: when a line came
    up or was lost, None before the first.
    """

    def __init__(
        self, url: str, names: Sequence[str], clock: Clock, take: Callable[[Message], None]
    ) -> None:
        self.lost_at: datetime | None = clock.now()
        self.since: datetime | None = None
        self.reason = "not connected yet"
        self.connections = 0
        self.malformed = 0
        self._url = stream_url(url, names)
        self._clock = clock
        self._take = take
        self._gate = Gate(CONNECTIONS, clock)
        self._failures = 0
        self._lines: set[Line] = set()

    async def run(self) -> None:
        """Hand on what comes until cancelled."""
        current: Line | None = None
        try:
            while True:
                current = await self._renewed(current)
                if current is not None and not self._failures:
                    await _either(current.leaving, current.ended)
                    if not current.ended.is_set():
                        continue
                    await self._lost(current)
                    current = None
                await self._pause()
        finally:
            for line in list(self._lines):
                await self._end(line)

    async def _renewed(self, current: Line | None) -> Line | None:
        """Try a new line; return it once it speaks, else the current one if it still lives."""
        use = await self._gate.enter()
        self._gate.leave(use, self._clock.now().timestamp())
        line = Line(self._url, self._clock, self._take)
        self._lines.add(line)
        await _either(line.spoken, line.ended)
        if not line.spoken.is_set():
            self._failures += 1
            self.reason = line.reason
            await self._end(line)
            if current is not None and current.ended.is_set():
                await self._lost(current)
                return None
            return current
        if self.lost_at is not None:
            self.since = self._clock.now()
        self._failures, self.lost_at = 0, None
        self.connections += 1
        if current is not None:
            await self._end(current)
        log.info("feed_connected source=binance connections=%d", self.connections)
        return line

    async def _lost(self, line: Line) -> None:
        self.lost_at = self.since = self._clock.now()
        self.reason = line.reason
        log.warning("feed_lost source=binance reason=%r", line.reason)
        await self._end(line)

    async def _end(self, line: Line) -> None:
        self._lines.discard(line)
        self.malformed += line.malformed
        await line.close()

    async def _pause(self) -> None:
        wait = self._clock.system_seconds(wait_seconds(self._failures, random.random()))
        await asyncio.sleep(max(wait, SHORTEST_WAIT_MACHINE_SECONDS))


async def _either(*events: asyncio.Event) -> None:
    """Return once one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
