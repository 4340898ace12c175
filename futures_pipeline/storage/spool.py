"""The collector's database: its queue of requests, and the rows it hands over to Dagster.

A request is done in the same transaction that keeps its rows, so a crash leaves either
both or neither. Nothing is deleted here: the spool is the journal the lake can be rebuilt
from.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool_tables import BATCHES, LEDGER, METADATA, REQUESTS


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


class Spool:
    """The collector database at a SQLAlchemy URL; created when it is not there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _durable)
        with self._transaction() as connection:
            for table in METADATA.sorted_tables:  # create_all fails when two processes start
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    def close(self) -> None:
        self._engine.dispose()

    # --- the queue ---------------------------------------------------------------------

    def enqueue(self, requests: Iterable[NewRequest], now: datetime) -> int:
        """Add requests; return how many are now waiting that were not before.

        An identity that is known is not added again. If it had ended failed or dead it is
        put back with all its attempts, because what stood in its way may be gone.
        """
        wanted = list(requests)
        named = {request.identity: request for request in wanted if request.identity is not None}
        unnamed = [request for request in wanted if request.identity is None]
        with self._transaction() as connection:
            mine = REQUESTS.c.identity.in_(named)
            known = set(connection.scalars(sa.select(REQUESTS.c.identity).where(mine)))
            again = connection.execute(
                sa.update(REQUESTS)
                .where(mine, REQUESTS.c.status.in_(["failed", "dead"]))
                .values(status="pending", attempts=0, not_before=now, updated_at=now)
            )
            fresh = [request for identity, request in named.items() if identity not in known]
            rows = [_row(request, now) for request in (*unnamed, *fresh)]
            if rows:
                connection.execute(sa.insert(REQUESTS), rows)
            return len(rows) + int(again.rowcount)

    def recover(self, of_the_moment: Sequence[str], now: datetime) -> int:
        """Put back what a dead collector was working on; return how many requests.

        Kinds ``of_the_moment`` are failed instead: what they asked for has passed.
        """
        passed = REQUESTS.c.kind.in_(of_the_moment)
        missed = (
            sa.update(REQUESTS)
            .where(passed, REQUESTS.c.status.in_(["running", "pending"]))
            .values(status="failed", error_kind="collector_stopped", updated_at=now)
        )
        again = (
            sa.update(REQUESTS)
            .where(REQUESTS.c.status == "running")
            .values(status="pending", updated_at=now)
        )
        with self._transaction() as connection:
            connection.execute(missed)
            return int(connection.execute(again).rowcount)

    def revive(self, kinds: Sequence[str], now: datetime) -> int:
        """Put dead requests back: what stood in their way may be gone. Return how many."""
        again = (
            sa.update(REQUESTS)
            .where(REQUESTS.c.kind.in_(kinds), REQUESTS.c.status == "dead")
            .values(status="pending", attempts=0, not_before=now, updated_at=now)
        )
        with self._transaction() as connection:
            return int(connection.execute(again).rowcount)

    def forget(self, of_the_moment: Sequence[str], before: datetime) -> int:
        """Delete ended requests of these kinds last touched before a time; return how many."""
        old = sa.delete(REQUESTS).where(
            REQUESTS.c.kind.in_(of_the_moment),
            REQUESTS.c.status.in_(["done", "failed", "dead"]),
            REQUESTS.c.updated_at < before,
        )
        with self._transaction() as connection:
            return int(connection.execute(old).rowcount)

    def claim(self, kinds: Sequence[str], limit: int, now: datetime) -> list[Request]:
        """Take up to ``limit`` due requests, by priority then age, and mark them running."""
        due = (
            sa.select(REQUESTS)
            .where(
                REQUESTS.c.kind.in_(kinds),
                REQUESTS.c.status == "pending",
                REQUESTS.c.not_before <= now,
            )
            .order_by(REQUESTS.c.priority, REQUESTS.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._transaction() as connection:
            rows = connection.execute(due).all()
            if rows:
                connection.execute(
                    sa.update(REQUESTS)
                    .where(REQUESTS.c.id.in_([row.id for row in rows]))
                    .values(status="running", attempts=REQUESTS.c.attempts + 1, updated_at=now)
                )
        return [
            Request(row.id, row.kind, row.symbol, row.parameters, row.attempts + 1) for row in rows
        ]

    def finish(
        self,
        ids: Sequence[int],
        batches: Iterable[NewBatch],
        now: datetime,
        pages: Iterable[LedgerPage] = (),
    ) -> None:
        """Keep the rows of requests and mark these done: both, or neither after a crash.

        ``pages`` are the ledger's pages that the rows fill.
        """
        with self._transaction() as connection:
            _insert(connection, batches, now)
            _write_pages(connection, pages)
            connection.execute(
                sa.update(REQUESTS)
                .where(REQUESTS.c.id.in_(ids))
                .values(status="done", error_kind=None, error_message=None, updated_at=now)
            )

    def put_back(
        self, request_id: int, status: str, error: tuple[str, str], times: tuple[datetime, datetime]
    ) -> None:
        """Record a failed attempt.

        Args:
            request_id: the claimed request.
            status: ``pending`` to try again, ``failed`` after the last attempt, ``dead``
                when trying again is pointless.
            error: its kind and message.
            times: now, and the earliest next attempt.
        """
        now, not_before = times
        change = (
            sa.update(REQUESTS)
            .where(REQUESTS.c.id == request_id)
            .values(
                status=status,
                error_kind=error[0],
                error_message=error[1],
                not_before=not_before,
                updated_at=now,
            )
        )
        with self._transaction() as connection:
            connection.execute(change)

    def last_request(self, kind: str) -> int:
        """Return the id of the newest request of a kind, 0 without one."""
        query = sa.select(sa.func.max(REQUESTS.c.id)).where(REQUESTS.c.kind == kind)
        with self._transaction() as connection:
            return connection.scalar(query) or 0

    def parameters_of(self, kinds: Sequence[str], statuses: Sequence[str]) -> list[dict[str, Any]]:
        """Return the parameters of the requests of some kinds and statuses."""
        query = sa.select(REQUESTS.c.parameters).where(
            REQUESTS.c.kind.in_(kinds), REQUESTS.c.status.in_(statuses)
        )
        with self._transaction() as connection:
            return list(connection.scalars(query))

    def request_counts(self) -> dict[tuple[str, str], int]:
        """Return the number of requests by (kind, status)."""
        query = sa.select(REQUESTS.c.kind, REQUESTS.c.status, sa.func.count()).group_by(
            REQUESTS.c.kind, REQUESTS.c.status
        )
        with self._transaction() as connection:
            return {(kind, status): count for kind, status, count in connection.execute(query)}

    def refused_requests(self) -> list[tuple[str, str, str]]:
        """Return (symbol, error kind, message) of requests that ended failed or dead."""
        query = sa.select(REQUESTS.c.symbol, REQUESTS.c.error_kind, REQUESTS.c.error_message).where(
            REQUESTS.c.status.in_(["failed", "dead"])
        )
        with self._transaction() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    # --- the hand-over -----------------------------------------------------------------

    def append(
        self, batches: Iterable[NewBatch], now: datetime, pages: Iterable[LedgerPage] = ()
    ) -> None:
        """Keep rows that no request asked for, such as streamed bars, and the ledger's pages."""
        with self._transaction() as connection:
            _insert(connection, batches, now)
            _write_pages(connection, pages)

    def ledger_page(self, contract: str, session_date: date) -> LedgerPage | None:
        """Return the ledger's page of a contract's session, None when there is none."""
        query = sa.select(
            LEDGER.c.symbol, LEDGER.c.contract, LEDGER.c.session_date, LEDGER.c.states
        ).where(LEDGER.c.contract == contract, LEDGER.c.session_date == session_date)
        with self._transaction() as connection:
            row = connection.execute(query).first()
        return None if row is None else LedgerPage(*row)

    def last_kept_at(self) -> datetime | None:
        """Return when the collector last kept rows; None when it never did."""
        with self._transaction() as connection:
            newest: datetime | None = connection.scalar(
                sa.select(sa.func.max(BATCHES.c.created_at))
            )
        return newest

    def partitions(self) -> list[Partition]:
        """Return every (table, session) the spool has rows for, with its last ``seq``."""
        columns = (BATCHES.c.table_name, BATCHES.c.session_date)
        query = (
            sa.select(*columns, sa.func.max(BATCHES.c.seq), sa.func.sum(BATCHES.c.row_count))
            .group_by(*columns)
            .order_by(BATCHES.c.session_date, BATCHES.c.table_name)
        )
        with self._transaction() as connection:
            return [Partition(*row) for row in connection.execute(query)]

    def read_after(self, table: str, session_date: date, seq: int) -> list[Batch]:
        """Return the batches of a partition with a higher ``seq``, ascending."""
        query = (
            sa.select(BATCHES.c.seq, BATCHES.c.payload, BATCHES.c.checksum)
            .where(
                BATCHES.c.table_name == table,
                BATCHES.c.session_date == session_date,
                BATCHES.c.seq > seq,
            )
            .order_by(BATCHES.c.seq)
        )
        with self._transaction() as connection:
            return [Batch(*row) for row in connection.execute(query)]

    def prune(self, committed: Mapping[tuple[str, date], int], before: datetime) -> int:
        """Drop the payloads of batches that the lake has for good; return how many batches.

        Args:
            committed: by table and session, the last ``seq`` that is durable in the lake.
            before: only batches kept before this go.

        A batch's header stays, so that positions and row counts stay what they were.
        """
        old = (BATCHES.c.created_at < before) & (sa.func.length(BATCHES.c.payload) > 0)
        dropped = 0
        with self._transaction() as connection:
            for (table, session_date), seq in committed.items():
                done = sa.update(BATCHES).where(
                    BATCHES.c.table_name == table,
                    BATCHES.c.session_date == session_date,
                    BATCHES.c.seq <= seq,
                    old,
                )
                dropped += int(connection.execute(done.values(payload=b"", checksum=None)).rowcount)
        return dropped

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            raise SpoolError(
                f"spool {self._engine.url.render_as_string()}: {cause}; "
                "check that its directory is writable and no other program holds it"
            ) from error


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


def _row(request: NewRequest, now: datetime) -> dict[str, Any]:
    return {
        "kind": request.kind,
        "symbol": request.symbol,
        "parameters": request.parameters,
        "identity": request.identity,
        "priority": request.priority,
        "status": "pending",
        "attempts": 0,
        "not_before": now,
        "created_at": now,
        "updated_at": now,
    }


def _insert(connection: sa.Connection, batches: Iterable[NewBatch], now: datetime) -> None:
    rows = [_batch_row(batch, now) for batch in batches if batch.rows.height]
    if rows:
        connection.execute(sa.insert(BATCHES), rows)


def _write_pages(connection: sa.Connection, pages: Iterable[LedgerPage]) -> None:
    for page in pages:
        key = (LEDGER.c.contract == page.contract) & (LEDGER.c.session_date == page.session_date)
        connection.execute(sa.delete(LEDGER).where(key))
        connection.execute(sa.insert(LEDGER), [asdict(page)])


def _batch_row(batch: NewBatch, now: datetime) -> dict[str, Any]:
    payload = to_payload(batch.rows)
    return {
        "table_name": batch.table,
        "session_date": batch.session_date,
        "row_count": batch.rows.height,
        "observed_from": batch.observed_from,
        "observed_to": batch.observed_to,
        "payload": payload,
        "checksum": zlib.crc32(payload),
        "created_at": now,
    }


def _durable(connection: Any, record: object) -> None:
    del record
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
