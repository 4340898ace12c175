"""The collector's database: its queue of requests, and the rows it hands over to Dagster.

A request is done in the same transaction that keeps its rows, so a crash leaves either
both or neither. Nothing is deleted here: the spool is the journal the lake can be rebuilt
from.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from futures_pipeline.storage.spool.queue import Queue
from futures_pipeline.storage.spool.tables import BATCHES, LEDGER, REQUESTS
from futures_pipeline.storage.spool.values import (
    Batch,
    LedgerPage,
    NewBatch,
    Partition,
    to_payload,
)


class Spool(Queue):
    """The queue, and the rows that its requests and the streams brought."""

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
