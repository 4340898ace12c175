"""The listener: accepts clients on the loopback address and keeps one session for each."""

import asyncio
import logging
from contextlib import suppress

from futures_pipeline.domain.errors import GatewayUnavailable
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.requests import dispatch
from futures_pipeline.simulator.gateway.session import ClientSession
from futures_pipeline.simulator.protocol.wire import ProtocolError

HOST = "127.0.0.1"
CLOSING_SECONDS = 1.0
CLIENT_ID_IN_USE = (
    326,
    "Unable to connect as the client id is already in use. Retry with a unique client id.",
)

log = logging.getLogger(__name__)


class Gateway:
    """The API port of the simulated broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.port = 0
        self.sessions: dict[int, ClientSession] = {}
        self.stopped = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[ClientSession] = set()
        self._all_gone = asyncio.Event()
        self._beat: asyncio.Task[None] | None = None
        broker.limits.clients = self.sessions

    async def listen(self, port: int) -> None:
        """Accept connections on ``port``; 0 takes a free one."""
        self._server = await listen(self._connected, port)
        self.port = port_of(self._server)
        if self._beat is None:
            self._beat = asyncio.get_running_loop().create_task(self.broker.pulse.beat())

    @property
    def is_refusing(self) -> bool:
        return self._server is None

    def refuse(self) -> None:
        """Accept no new connection; the operating system refuses them."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def accept(self) -> None:
        """Accept connections again, on the same port."""
        if self._server is None:
            await self.listen(self.port)

    def drop(self, reset: bool) -> int:
        """Close every connection and return how many clients there were."""
        clients = len(self.sessions)
        for session in list(self._connections):
            session.close(reset)
        return clients

    def notify(self, code: int, text: str) -> None:
        """Send a notice to every client."""
        for session in self.sessions.values():
            session.error(-1, code, text)

    async def close(self) -> None:
        """End all connections, at once where a client does not read, and stop listening."""
        self.refuse()
        if self._beat is not None:
            self._beat.cancel()
        for reset in (False, True):
            for session in list(self._connections):
                session.close(reset)
            if not self._connections:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self._all_gone.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.broker.statistics.connections += 1
        session = ClientSession(self.broker, reader, writer)
        self._connections.add(session)
        self._all_gone.clear()
        try:
            await self._serve(session)
        except (ConnectionError, asyncio.IncompleteReadError):
            log.info("client_left client_id=%s", session.client_id)
        except ProtocolError as error:
            log.warning("client_dropped client_id=%s reason=%s", session.client_id, error)
        finally:
            session.close()
            self._connections.discard(session)
            if not self._connections:
                self._all_gone.set()

    async def _serve(self, session: ClientSession) -> None:
        faults = self.broker.faults
        await faults.passed("handshake")
        if not await session.handshake() or session.client_id is None:
            return
        if session.client_id in self.sessions or session.client_id in faults.ghosts:
            session.error(-1, *CLIENT_ID_IN_USE)
            return
        self.sessions[session.client_id] = session
        log.info("client_joined client_id=%d version=%d", session.client_id, session.version)
        pump = asyncio.get_running_loop().create_task(session.pump())
        pump.add_done_callback(lambda ended: _pump_ended(session, ended))
        try:
            session.start()
            while True:
                fields = await session.receive()
                if session.keeps_rate():
                    dispatch(session, fields)
        finally:
            del self.sessions[session.client_id]
            pump.cancel()


def _pump_ended(session: ClientSession, pump: asyncio.Task[None]) -> None:
    """Close a connection whose streams failed: a dead stream must not look like a quiet one."""
    error = None if pump.cancelled() else pump.exception()
    if error is not None and not isinstance(error, ConnectionError):
        log.error("streams_failed client_id=%s", session.client_id, exc_info=error)
    session.close()


async def listen(connected: object, port: int) -> asyncio.Server:
    """Return a listener on the loopback address.

    Raises:
        GatewayUnavailable: the port is taken or not allowed.
    """
    try:
        return await asyncio.start_server(connected, HOST, port)  # type: ignore[arg-type]
    except OSError as error:
        raise GatewayUnavailable(
            f"port {port} of {HOST}: cannot listen ({error.strerror}); choose another or 0"
        ) from error


def port_of(server: asyncio.Server) -> int:
    """Return the port that a listener got."""
    port: int = server.sockets[0].getsockname()[1]
    return port
