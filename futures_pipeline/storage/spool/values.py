"""What goes into the spool and comes out of it."""

import zlib
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO
from typing import Any

import polars as pl

from futures_pipeline.domain.errors import SpoolError


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request to put into the queue.

    ``identity`` names the work itself, which is done once; None is always taken. A smaller
    ``priority`` is sooner.
    """

    kind: str
    symbol: str
    priority: int
    parameters: dict[str, Any] = field(default_factory=dict)
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A claimed request; ``attempts`` counts this one."""

    id: int
    kind: str
    symbol: str
    parameters: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Rows for one table and session, in the table's columns."""

    table: str
    session_date: date
    rows: pl.DataFrame
    observed_from: datetime | None = None
    observed_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A stored batch; ``payload`` is Arrow IPC, ``checksum`` its CRC-32 (None: not known)."""

    seq: int
    payload: bytes
    checksum: int | None = None

    def rows(self) -> pl.DataFrame:
        """Return the rows.

        Raises:
            SpoolError: the payload was changed since it was kept, or is not Arrow IPC. A
                changed one is not even tried: it can end the process.
        """
        if not self.payload:
            raise SpoolError(
                f"spool batch {self.seq}: its rows were dropped from the spool after they were "
                "in the lake"
            )
        if self.checksum is not None and zlib.crc32(self.payload) != self.checksum:
            raise SpoolError(f"spool batch {self.seq}: the payload does not match its checksum")
        return from_payload(self.payload)


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Which minutes of a contract's session have a bar; the collector's ledger reads ``states``."""

    symbol: str
    contract: str
    session_date: date
    states: bytes


@dataclass(frozen=True, slots=True)
class Partition:
    """What the spool holds for one table and session."""

    table: str
    session_date: date
    last_seq: int
    rows: int


def to_payload(rows: pl.DataFrame) -> bytes:
    """Return ``rows`` as Arrow IPC bytes."""
    buffer = BytesIO()
    rows.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def from_payload(payload: bytes) -> pl.DataFrame:
    """Return the rows of :func:`to_payload`.

    Raises:
        SpoolError: the bytes are not Arrow IPC.
    """
    try:
        return pl.read_ipc(BytesIO(payload))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise SpoolError(f"spool batch: payload is not Arrow IPC ({error})") from error
