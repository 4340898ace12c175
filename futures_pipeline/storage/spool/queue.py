"""The queue: what the collector is to ask for, and how each request stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from futures_pipeline.storage.spool.database import Database
from futures_pipeline.storage.spool.tables import REQUESTS
from futures_pipeline.storage.spool.values import NewRequest, Request


@dataclass(frozen=True, slots=True)
class Fate:
    """The status of a request in the queue, and the kind of its last error, if any."""

    status: str
    error_kind: str | None

    @property
    def has_ended(self) -> bool:
        return self.status not in ("pending", "running")

    @property
    def has_failed(self) -> bool:
        return self.status in ("failed", "dead")


class Queue(Database):
    """Requests by identity, priority and age; a claimed one is running until it has ended."""

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

    def recover(self, kinds: Sequence[str], now: datetime) -> int:
        """Put back the requests that a dead collector was working on; return how many."""
        again = (
            sa.update(REQUESTS)
            .where(REQUESTS.c.kind.in_(kinds), REQUESTS.c.status == "running")
            .values(status="pending", updated_at=now)
        )
        with self._transaction() as connection:
            return int(connection.execute(again).rowcount)

    def drop(self, kinds: Sequence[str], now: datetime) -> None:
        """Fail the requests that a dead collector left: what they asked for has passed."""
        missed = (
            sa.update(REQUESTS)
            .where(REQUESTS.c.kind.in_(kinds), REQUESTS.c.status.in_(["running", "pending"]))
            .values(status="failed", error_kind="collector_stopped", updated_at=now)
        )
        with self._transaction() as connection:
            connection.execute(missed)

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

    def fates(self, identities: Sequence[str]) -> dict[str, Fate]:
        """Return how the requests of these identities stand; unknown ones are left out."""
        columns = (REQUESTS.c.identity, REQUESTS.c.status, REQUESTS.c.error_kind)
        query = sa.select(*columns).where(REQUESTS.c.identity.in_(identities))
        with self._transaction() as connection:
            return {row[0]: Fate(row[1], row[2]) for row in connection.execute(query)}


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
