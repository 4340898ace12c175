"""The Delta tables: open, read as of a moment, append once, replace a session.

The one home of ``deltalake``. A commit that must happen once carries an application
transaction, read and written through the same table handle; callers repeat their whole
read-decide-write on :class:`CommitConflict`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.tables import TABLES, Table

PARTITION = "session_date"
COMMITS_A_CHECKPOINT = 100
# The library would checkpoint by itself and delete old log entries, which as-of reads need.
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class CommitConflict(LakeError):
    """Another writer committed first; read again and decide again."""


@dataclass(frozen=True, slots=True)
class Once:
    """A commit's identity: source ``app_id`` has been committed up to ``seq``."""

    app_id: str
    seq: int


class OpenTable:
    """One table at one version; writes go through the handle that was read."""

    def __init__(self, table: Table, handle: DeltaTable) -> None:
        self.table = table
        self._handle = handle

    @property
    def version(self) -> int:
        return self._handle.version()

    def committed_seq(self, app_id: str) -> int:
        """Return the last ``seq`` committed for a source, 0 for none."""
        return self._handle.transaction_version(app_id) or 0

    def session_dates(self) -> list[date]:
        """Return the sessions that have rows in this version, ascending."""
        held = {partition[PARTITION] for partition in self._handle.partitions()}
        return sorted(date.fromisoformat(str(day)) for day in held)

    def files(self, session_date: date) -> int:
        """Return how many data files hold the rows of a session."""
        chosen = [(PARTITION, "=", session_date)]
        return len(self._handle.file_uris(file_pruning_predicate=chosen))

    def scan(self) -> pl.LazyFrame:
        """Return the rows of this version."""
        return pl.scan_delta(self._handle).select(self.table.names)

    def read(self, session_dates: Sequence[date] | None = None) -> pl.DataFrame:
        """Return the rows, of some sessions if given, in the table's order."""
        rows = self.scan()
        if session_dates is not None:
            rows = rows.filter(pl.col(PARTITION).is_in(list(session_dates)))
        return rows.collect().sort(self.table.order)

    def append(self, rows: pl.DataFrame, once: Once, metadata: Mapping[str, str]) -> None:
        """Add rows in one commit that records ``once``; no rows still records it."""
        self._write(rows, None, metadata, [Transaction(once.app_id, once.seq)])

    def replace(
        self,
        session_dates: Sequence[date],
        rows: pl.DataFrame,
        metadata: Mapping[str, str],
        once: Once | None = None,
    ) -> None:
        """Make ``rows`` the only rows of these sessions, in one commit."""
        days = ", ".join(f"'{day}'" for day in session_dates)
        transactions = [Transaction(once.app_id, once.seq)] if once else None
        self._write(rows, f"{PARTITION} IN ({days})", metadata, transactions)

    def _write(
        self,
        rows: pl.DataFrame,
        predicate: str | None,
        metadata: Mapping[str, str],
        transactions: list[Transaction] | None,
    ) -> None:
        data = rows.select(self.table.names)
        properties = CommitProperties(app_transactions=transactions, custom_metadata=dict(metadata))
        try:
            if predicate is None:
                write_deltalake(
                    self._handle,
                    data,
                    mode="append",
                    commit_properties=properties,
                    post_commithook_properties=NO_HOOKS,
                )
            else:
                write_deltalake(
                    self._handle,
                    data,
                    mode="overwrite",
                    predicate=predicate,
                    commit_properties=properties,
                    post_commithook_properties=NO_HOOKS,
                )
        except CommitFailedError as error:
            raise CommitConflict(f"table {self.table.name}: {error}") from error
        except (DeltaError, OSError) as error:
            raise LakeError(
                f"table {self.table.name}: a commit failed ({error}); nothing was added, "
                "check the disk and the rights of the lake directory, then rerun"
            ) from error
        if self.version % COMMITS_A_CHECKPOINT == 0:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Sum up the log so that opening the table stays fast; on disk before it is used."""
        self._handle.create_checkpoint()
        log = Path(self._handle.table_uri.removeprefix("file://")) / "_delta_log"
        for path in (*log.glob(f"{self.version:020}*.parquet"), log / "_last_checkpoint", log):
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)


class Lake:
    """The tables under one root directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, name: str, as_of: int | datetime | None = None) -> OpenTable | None:
        """Return a table at its latest version, or at a version or time; None if absent.

        Raises:
            LakeError: the table is there and cannot be read at that version.
        """
        try:
            handle = DeltaTable(self._path(name))
            if as_of is not None:
                handle.load_as_version(as_of)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise LakeError(
                f"table {name}: cannot be read as of {as_of or 'now'} ({error})"
            ) from error
        return OpenTable(TABLES[name], handle)

    def open_or_create(self, name: str) -> OpenTable:
        """Return a table at its latest version, empty if it was absent."""
        table = TABLES[name]
        path = self._path(name)
        if not DeltaTable.is_deltatable(path):
            write_deltalake(
                path,
                pl.DataFrame(schema=table.schema),
                mode="ignore",
                partition_by=[PARTITION],
                name=table.name,
                description=table.description,
            )
        return OpenTable(table, DeltaTable(path))

    def read(
        self,
        name: str,
        session_dates: Sequence[date] | None = None,
        as_of: int | datetime | None = None,
    ) -> pl.DataFrame:
        """Return the rows of a table; an empty frame with its columns when it is absent."""
        table = self.open(name, as_of)
        return (
            pl.DataFrame(schema=TABLES[name].schema) if table is None else table.read(session_dates)
        )

    def _path(self, name: str) -> str:
        return str(self.root / TABLES[name].name)
