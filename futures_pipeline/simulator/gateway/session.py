"""One client connection: handshake, start of the API, reading requests, sending streams."""

import asyncio
import logging
import socket
import struct
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

from futures_pipeline.simulator.faults.state import HISTORY_FARM, MARKET_FARM, UPSTREAM
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.streams import BAR_SECONDS, DeadStream, Stream
from futures_pipeline.simulator.protocol import messages, wire
from futures_pipeline.simulator.protocol.limits import DROPPED_AFTER, MESSAGE_RATE, Window

ACCOUNT = "DU1234567"
FIRST_REQUEST_ID = 1
START_API = "71"
LONGEST_WAIT_SECONDS = 0.25
SHORTEST_WAIT_SECONDS = 0.01
NOTICES = (
    (MARKET_FARM, 2104, "Market data farm connection is OK:usfarm"),
    (HISTORY_FARM, 2106, "HMDS data farm connection is OK:ushmds"),
    ("definitions", 2158, "Sec-def data farm connection is OK:secdefil"),
)
BROKEN_FARMS = {
    MARKET_FARM: (2103, "Market data farm connection is broken:usfarm"),
    HISTORY_FARM: (2105, "HMDS data farm connection is broken:ushmds"),
}
NO_SERVER = (
    2110,
    "Connectivity between Trader Workstation and server is broken. "
    "It will be restored automatically.",
)

# Where the requests that may have to wait carry their id.
ID_POSITIONS = {"1": 2, "9": 2, "50": 2, "20": 1, "87": 1}

log = logging.getLogger(__name__)


class ClientSession:
    """The connection of one API client."""

    def __init__(
        self, broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.broker = broker
        self.version = wire.NEWEST_VERSION
        self.client_id: int | None = None
        self.data_type = 1
        self.streams: dict[int, Stream] = {}
        self.waiting: list[list[str]] = []  # requests that a lost farm or server holds up
        self._reader = reader
        self._writer = writer
        self._recent: deque[float] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._arrivals = Window()
        self._rate_errors = 0
        self._holds = 0
        self._held = bytearray()

    @property
    def lines(self) -> int:
        """Return how many market data lines are in use; five-second bars take one each."""
        return len(self.streams)

    @property
    def open_history(self) -> int:
        return len(self._tasks)

    async def handshake(self) -> bool:
        """Agree on a version and read the client id; False when the client has to go."""
        lowest, highest = await wire.read_handshake(self._reader)
        version = wire.negotiate(lowest, highest)
        if version is None:
            log.warning("client_refused lowest=%d highest=%d", lowest, highest)
            return False
        self.version = version
        self.send(messages.server_version(version, _greeting(self.broker.now())))
        fields = await self.receive()
        if fields[0] != START_API:
            raise wire.ProtocolError(f"request {fields[0]} before the API was started")
        self.client_id = wire.Cursor(fields[2:]).integer()
        await self.broker.faults.passed("start")
        return True

    def start(self) -> None:
        """Send what the client waits for before it is ready: account, first id, notices."""
        self.send(messages.managed_accounts(ACCOUNT))
        self.send(messages.next_valid_id(FIRST_REQUEST_ID))
        lost = self.broker.faults.lost
        if UPSTREAM in lost:
            self.error(-1, *NO_SERVER)
            return
        for farm, code, text in NOTICES:
            self.error(-1, *(BROKEN_FARMS[farm] if farm in lost else (code, text)))

    async def receive(self) -> list[str]:
        """Return the fields of the next request and count it."""
        fields = wire.split(await wire.read_payload(self._reader))
        if not fields:
            raise wire.ProtocolError("empty request")
        arrived = time.monotonic()
        self._recent.append(arrived)
        while arrived - self._recent[0] > 1.0:
            self._recent.popleft()
        client_id = -1 if self.client_id is None else self.client_id
        self.broker.statistics.count(client_id, fields, self._recent)
        return fields

    def keeps_rate(self) -> bool:
        """Count a request for the message rate; False when it came too fast to be answered.

        Raises:
            ProtocolError: the client has been too fast too often and has to go.
        """
        if self.broker.limits.message(self._arrivals, self.broker.pulse.system()):
            return True
        self._rate_errors += 1
        self.error(-1, MESSAGE_RATE.code, MESSAGE_RATE.text)
        if self._rate_errors == DROPPED_AFTER:
            raise wire.ProtocolError(f"more than {MESSAGE_RATE.most} messages a second")
        return False

    def send(self, fields: Sequence[str]) -> None:
        """Queue one message, unless a fault mutes it."""
        if fields[0] not in self.broker.faults.muted:
            self.write(wire.frame(fields))

    def write(self, data: bytes) -> None:
        """Queue bytes; nothing happens on a connection that is closing."""
        if self._holds:
            self._held += data
        elif not self._writer.is_closing():
            self._writer.write(data)

    def hold(self, reading: bool) -> None:
        """Send nothing until released; without ``reading`` the socket stays unread as well."""
        self._holds += 1
        if not reading:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a socket

    def release(self, reading: bool) -> None:
        """Undo one ``hold``; after the last, send what was held back."""
        self._holds -= 1
        if not reading and not self._writer.is_closing():
            self._writer.transport.resume_reading()  # type: ignore[attr-defined] # it is a socket
        if not self._holds:
            held, self._held = bytes(self._held), bytearray()
            self.write(held)

    def kill_streams(self) -> None:
        """Let every subscription stand and never say anything again."""
        for request_id, stream in self.streams.items():
            self.streams[request_id] = DeadStream(stream)

    def error(self, request_id: int, code: int, text: str) -> None:
        """Send an error or notice."""
        self.send(messages.error(self.version, request_id, code, text))

    def run_request(self, request_id: int, work: Coroutine[None, None, None]) -> None:
        """Run a request that takes long beside the others."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[request_id] = task
        task.add_done_callback(lambda ended: self._request_ended(request_id, ended))

    def _request_ended(self, request_id: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(request_id) is task:
            del self._tasks[request_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("request_failed request_id=%d", request_id, exc_info=error)

    def is_running(self, request_id: int) -> bool:
        return request_id in self._tasks

    def cancel_request(self, request_id: int) -> bool:
        """Stop a running request; False when there is none of this id."""
        task = self._tasks.pop(request_id, None)
        if task is not None:
            task.cancel()
        return task is not None

    def withdraw(self, request_id: int) -> bool:
        """Drop a request that still waits; False when there is none of this id."""
        wanted = str(request_id)
        kept = [it for it in self.waiting if it[ID_POSITIONS[it[0]]] != wanted]
        was_waiting = len(kept) < len(self.waiting)
        self.waiting = kept
        return was_waiting

    async def pump(self) -> None:
        """Send what the subscriptions have to say, until the connection closes."""
        while not self._writer.is_closing():
            now, system = self.broker.now(), time.monotonic()
            for request_id, stream in list(self.streams.items()):
                if self.broker.faults.is_quiet(stream.listing.symbol):
                    stream.skip(now)
                    continue
                for message in stream.due(now, system):
                    self.send(message)
                if stream.finished:
                    self.streams.pop(request_id, None)
            await self._writer.drain()
            await asyncio.sleep(self._wait_seconds(now))

    def _wait_seconds(self, now: datetime) -> float:
        """Return the machine's seconds to the next five-second bar or the next tick."""
        to_bar = BAR_SECONDS - now.timestamp() % BAR_SECONDS
        wait = self.broker.clock.system_seconds(to_bar) + 0.001
        return min(max(wait, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)

    def close(self, reset: bool = False) -> None:
        """End the connection: in order (FIN), or at once with a reset (RST)."""
        for task in list(self._tasks.values()):
            task.cancel()
        self.streams.clear()
        if reset:
            with suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                sock = self._writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._writer.transport.abort()
        else:
            self._writer.close()


def _greeting(now: datetime) -> str:
    return f"{now.astimezone(ZoneInfo('US/Eastern')):%Y%m%d %H:%M:%S} EST"
