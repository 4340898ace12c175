"""A client that shows what is on the wire: it sends fields and returns fields."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from futures_pipeline.simulator.protocol.wire import frame

SPY = ("756733", "SPY", "STK", "", "0.0", "", "", "SMART", "", "USD", "", "")
QQQ = ("320227571", "QQQ", "STK", "", "0.0", "", "", "SMART", "", "USD", "", "")


class RawClient:
    """One connection after its handshake, or before it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def hello(self) -> None:
        versions = b"v157..178"
        self.writer.write(b"API\0" + struct.pack(">I", len(versions)) + versions)

    def send(self, *fields: object) -> None:
        self.writer.write(frame(str(field) for field in fields))

    def quotes(self, request_id: int, contract: tuple[str, ...] = SPY) -> None:
        self.send(1, 11, request_id, *contract, 0, "233", 0, 0, "")

    def bars(self, request_id: int, contract: tuple[str, ...] = SPY) -> None:
        self.send(50, 3, request_id, *contract, 5, "TRADES", 0, "")

    def history(
        self, request_id: int, bar: str = "1 min", what: str = "TRADES", duration: str = "1800 S"
    ) -> None:
        self.send(20, request_id, *SPY, 0, "", bar, duration, 0, what, 2, 0, "")

    async def payload(self) -> bytes:
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return await self.reader.readexactly(length)

    async def message(self) -> list[str]:
        """Return the next message; fails after five seconds without one."""
        async with asyncio.timeout(5):
            return (await self.payload()).decode().split("\0")[:-1]

    async def until(self, *start: object) -> list[str]:
        """Return the next message that begins with these fields, passing over others."""
        wanted = [str(field) for field in start]
        async with asyncio.timeout(10):
            while (found := await self.message())[: len(wanted)] != wanted:
                pass
        return found

    async def error(self, request_id: int, code: int) -> str:
        """Return the text of the next error or notice of this code."""
        return (await self.until(4, 2, request_id, code))[4]

    async def time(self) -> int:
        """Return the broker's time, and so wait until all earlier requests are answered."""
        self.send(49, 1)
        return int((await self.until(49))[2])

    async def collected(self) -> list[list[str]]:
        """Return everything that came before the answer to a request for the time."""
        self.send(49, 1)
        found = []
        while (message := await self.message())[0] != "49":
            found.append(message)
        return found

    async def is_closed(self) -> bool:
        """Return whether the server ends the connection, whatever it sent before."""
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                while await self.reader.read(4096):
                    pass
        return True

    async def is_mute(self, seconds: float = 0.15) -> bool:
        """Return whether nothing comes within a time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return not await self.reader.read(1)
        return True


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    """Open a connection and say nothing yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def started(port: int, client_id: int = 7) -> AsyncIterator[RawClient]:
    """Open a connection and start the API."""
    async with connected(port) as client:
        client.hello()
        await client.message()
        client.send(71, 2, client_id, "")
        await client.until(4, 2, -1, 2158)
        yield client
