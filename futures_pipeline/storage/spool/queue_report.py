"""Questions about the collector's database that write nothing: its queue, its last sign of life.

Safe beside a writing collector (SQLite's WAL never makes a reader wait) and on a directory
in which no collector ever ran: a database that is not there is not created.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from futures_pipeline.domain.errors import SpoolError
from futures_pipeline.storage.spool.tables import BATCHES, REQUESTS

STATUSES = ("pending", "running", "failed", "dead", "done")


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """One row of the queue; a smaller ``priority`` is sooner. Times are market time, UTC."""

    id: int
    kind: str
    symbol: str
    parameters: dict[str, Any]
    priority: int
    status: str
    attempts: int
    not_before: datetime
    error_kind: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """The state of the queue.

    ``counts`` are requests by (kind, status), of all kinds and statuses. ``oldest_pending_at``
    is when the pending request that waits longest was made, None when none waits. ``requests``
    are those asked for: what runs first, then what waits by priority and age, then the rest
    with the newest first.
    """

    counts: dict[tuple[str, str], int]
    oldest_pending_at: datetime | None
    requests: list[QueuedRequest]


def read_queue(url: str, statuses: Sequence[str], kind: str | None = None) -> Queue | None:
    """Return the queue with its requests in some statuses, of one kind or all.

    None when there is no database yet.

    Raises:
        SpoolError: it cannot be read.
    """
    with _reading(url) as connection:
        if connection is None:
            return None
        counted = sa.select(REQUESTS.c.kind, REQUESTS.c.status, sa.func.count())
        oldest = sa.select(sa.func.min(REQUESTS.c.created_at)).where(REQUESTS.c.status == "pending")
        return Queue(
            counts={
                (found, status): count
                for found, status, count in connection.execute(
                    counted.group_by(REQUESTS.c.kind, REQUESTS.c.status)
                )
            },
            oldest_pending_at=connection.scalar(oldest),
            requests=[
                QueuedRequest(**row._mapping)
                for row in connection.execute(_requests(statuses, kind))
            ],
        )


def last_kept_at(url: str) -> datetime | None:
    """Return when the collector last kept rows (market time, UTC); None for never.

    Raises:
        SpoolError: the database cannot be read.
    """
    with _reading(url) as connection:
        if connection is None:
            return None
        newest = sa.select(BATCHES.c.created_at).order_by(BATCHES.c.seq.desc()).limit(1)
        return connection.scalar(newest)


def _requests(statuses: Sequence[str], kind: str | None) -> sa.Select[Any]:
    columns = [column for column in REQUESTS.c if column.name != "identity"]
    turn = sa.case({"running": 0, "pending": 1}, value=REQUESTS.c.status, else_=2)
    urgency = sa.case((turn < 2, REQUESTS.c.priority))
    age = sa.case((turn < 2, REQUESTS.c.id), else_=-REQUESTS.c.id)
    query = sa.select(*columns).where(REQUESTS.c.status.in_(statuses))
    if kind is not None:
        query = query.where(REQUESTS.c.kind == kind)
    return query.order_by(turn, urgency, age)


@contextmanager
def _reading(url: str) -> Iterator[sa.Connection | None]:
    """Open the database to read; None when it, or its tables, are not there yet."""
    location = sa.make_url(url)
    if location.get_backend_name() == "sqlite" and not Path(location.database or "").exists():
        yield None
        return
    engine = sa.create_engine(location, poolclass=sa.pool.NullPool)
    try:
        with engine.connect() as connection:
            is_made = sa.inspect(connection).has_table(REQUESTS.name)
            yield connection if is_made else None
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        raise SpoolError(
            f"spool {location.render_as_string()}: cannot be read ({cause}); "
            "check that it is the collector's database and that you may read it"
        ) from error
    finally:
        engine.dispose()
