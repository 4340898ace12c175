"""The TWS text protocol's bytes: frames, fields, the opening handshake, a request cursor."""

import asyncio
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OLDEST_VERSION = 157
NEWEST_VERSION = 178
MAX_FRAME_BYTES = 1 << 20
MAGIC = b"API\0"
VERSIONS = re.compile(r"v(\d{1,4})(?:\.\.(\d{1,4}))?(?: .*)?")


class ProtocolError(ValueError):
    """The client sent bytes that are no request of this protocol."""


class Refused(Exception):
    """A request that the broker answers with an error code and a text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """The contract block of a request; empty text and 0 mean that the client left it open."""

    con_id: int
    symbol: str
    sec_type: str
    expiry: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""


class Cursor:
    """Reads the fields of one request in order."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._next = 0

    def text(self) -> str:
        """Return the next field.

        Raises:
            ProtocolError: the request is too short.
        """
        if self._next >= len(self._fields):
            raise ProtocolError(f"request has {len(self._fields)} fields, more are needed")
        self._next += 1
        return self._fields[self._next - 1]

    def integer(self) -> int:
        """Return the next field as a whole number; empty is 0."""
        field = self.text()
        try:
            return int(field or 0)
        except ValueError as error:
            raise ProtocolError(f"{field!r} is not a whole number") from error

    def number(self) -> float:
        """Return the next field as a number; empty is 0."""
        field = self.text()
        try:
            return float(field or 0)
        except ValueError as error:
            raise ProtocolError(f"{field!r} is not a number") from error

    def flag(self) -> bool:
        """Return the next field as a boolean; empty is False."""
        return self.integer() != 0

    def contract(self) -> ContractQuery:
        """Return the next twelve fields, the contract block."""
        con_id, symbol, sec_type, expiry = self.integer(), self.text(), self.text(), self.text()
        strike, right, multiplier = self.number(), _right(self.text()), self.text()
        exchange, primary, currency = self.text(), self.text(), self.text()
        return ContractQuery(
            con_id,
            symbol,
            sec_type,
            expiry,
            exchange,
            primary,
            currency,
            local_symbol=self.text(),
            trading_class=self.text(),
            strike=strike,
            right=right,
            multiplier=multiplier,
        )

    def copy(self) -> "Cursor":
        """Return a cursor over what has not been read yet."""
        return Cursor(self._fields[self._next :])

    def skip(self, count: int) -> None:
        """Pass over ``count`` fields."""
        for _ in range(count):
            self.text()


def _right(text: str) -> str:
    """Return C or P; empty for what clients write when they leave it open.

    >>> _right("CALL"), _right("P"), _right("0"), _right("")
    ('C', 'P', '', '')
    """
    return text[:1] if text[:1] in ("C", "P") else ""


def frame(fields: Iterable[str]) -> bytes:
    """Return one message as it goes on the wire.

    >>> frame(("9", "1", "5"))
    b'\\x00\\x00\\x00\\x069\\x001\\x005\\x00'
    """
    payload = "".join(f"{field}\0" for field in fields).encode("utf-8")
    return struct.pack(">I", len(payload)) + payload


def split(payload: bytes) -> list[str]:
    """Return the fields of one frame's payload."""
    return payload.decode("utf-8", errors="backslashreplace").split("\0")[:-1]


async def read_payload(reader: asyncio.StreamReader) -> bytes:
    """Return the payload of the next frame.

    Raises:
        asyncio.IncompleteReadError: the client closed the connection.
        ProtocolError: the length cannot be one of a request.
    """
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"frame of {length} bytes")
    return await reader.readexactly(length)


async def read_handshake(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Return the lowest and the highest server version that the client speaks."""
    magic = await reader.readexactly(len(MAGIC))
    if magic != MAGIC:
        raise ProtocolError(f"connection opens with {magic!r}, not with API")
    return parse_versions((await read_payload(reader)).decode("ascii", errors="replace"))


def parse_versions(text: str) -> tuple[int, int]:
    """Return the version range that a client announces.

    >>> parse_versions("v157..178 +PACEAPI")
    (157, 178)
    """
    match = VERSIONS.fullmatch(text)
    if match is None:
        raise ProtocolError(f"{text!r} is no version range")
    return int(match[1]), int(match[2] or match[1])


def negotiate(lowest: int, highest: int) -> int | None:
    """Return the server version for a client's range, or None when none fits.

    Never above the client's own highest: clients do not check that.
    """
    version = min(NEWEST_VERSION, highest)
    return version if version >= max(OLDEST_VERSION, lowest) else None
