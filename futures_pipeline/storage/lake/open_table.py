"""One Delta table at one version: its rows, and the commits made on top of it.

A commit that must happen once carries an application transaction, read and written through
the same table handle; callers repeat their whole read-decide-write on
:class:`CommitConflict`. A commit is durable when the call that made it returns: its data
files are on disk before it is made, its log entry before it is listed.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.lake.claims import Claim
from futures_pipeline.storage.lake.commit_log import CommitLog, checkpoint_name
from futures_pipeline.storage.lake.data_files import (
    MONTH,
    SESSION,
    DataFile,
    by_session,
    encoded,
    holding,
    read_rows,
    statistics,
)
from futures_pipeline.storage.lake.durable import locked, write_new
from futures_pipeline.storage.tables import Table

log = logging.getLogger(__name__)

COMMITS_A_CHECKPOINT = 100
MAX_REBASES = 20
# The library would checkpoint by itself and delete old log entries, which as-of reads need.
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class CommitConflict(LakeError):
    """Another writer committed first; read again and decide again."""


@dataclass(frozen=True, slots=True)
class Once:
    """A commit's identity: source ``app_id`` has been committed up to ``seq``."""

    app_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does: files it adds, by their rows, and files it removes.

    ``session_dates`` are those it replaces; ``moves_rows_only``: no row changes, files do.
    """

    added: Sequence[pl.DataFrame]
    removed: Sequence[DataFile] = ()
    session_dates: frozenset[date] = frozenset()
    moves_rows_only: bool = False
    once: Once | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class OpenTable:
    """One table at one version; writes go through the handle that was read."""

    def __init__(self, table: Table, handle: DeltaTable, root: Path) -> None:
        self.table = table
        self.root = root
        self.log = CommitLog(root)
        self._handle = handle
        # Of which version the list is; the handle moves on with every commit.
        self._files: tuple[int, list[DataFile]] = (-1, [])

    @property
    def version(self) -> int:
        return self._handle.version()

    def committed_seq(self, app_id: str) -> int:
        """Return the last ``seq`` committed for a source, 0 for none."""
        return self._handle.transaction_version(app_id) or 0

    def data_files(self) -> list[DataFile]:
        """Return the data files of this version."""
        version, files = self._files
        if version != self.version:
            held = pl.DataFrame(self._handle.get_add_actions())
            columns = held.select("path", "size_bytes", "num_records")
            files = [DataFile(*row) for row in columns.iter_rows()]
            self._files = (self.version, files)
        return list(files)

    def session_dates(self) -> list[date]:
        """Return the sessions that have rows in this version, ascending."""
        return sorted(frozenset().union(*(file.sessions for file in self.data_files())))

    def files(self, session_date: date) -> int:
        """Return how many data files hold the rows of a session."""
        return len(holding(self.data_files(), [session_date]))

    def scan(self) -> pl.LazyFrame:
        """Return the rows of this version; what is read is not compared with its digest."""
        return pl.scan_delta(self._handle).select(self.table.names)

    def read(self, session_dates: Sequence[date] | None = None) -> pl.DataFrame:
        """Return the rows, of some sessions if given, in the table's order.

        Raises:
            LakeDamaged: a file of theirs is not what was committed.
        """
        files = self.data_files()
        chosen = files if session_dates is None else holding(files, session_dates)
        with as_lake_error(self.table.name, "cannot be read"):
            parts = [read_rows(self.root, file) for file in chosen]
        empty = pl.DataFrame(schema=self.table.schema)
        rows = pl.concat([empty, *(part.select(self.table.names) for part in parts)])
        if session_dates is not None:
            rows = rows.filter(pl.col(SESSION).is_in(list(session_dates)))
        return rows.sort(self.table.order)

    def append(self, rows: pl.DataFrame, once: Once, metadata: Mapping[str, str]) -> None:
        """Add rows in one commit that records ``once``; no rows still records it."""
        self._commit(Change(self._files_for(rows), once=once, metadata=metadata))

    def replace(
        self,
        session_dates: Sequence[date],
        rows: pl.DataFrame,
        metadata: Mapping[str, str],
        once: Once | None = None,
    ) -> None:
        """Make ``rows`` the only rows of these sessions, in one commit.

        Neighbours that share a file with them get files of their own, so that the next
        replace of the month is cheap.
        """
        replaced = frozenset(session_dates)
        strangers = set(rows[SESSION]) - replaced
        if strangers:
            raise LakeError(
                f"table {self.table.name}: {len(strangers)} sessions of the rows are not those "
                "to replace; nothing was added"
            )
        removed = holding(self.data_files(), replaced)
        shared = [file for file in removed if file.sessions - replaced]
        with as_lake_error(self.table.name, "cannot be read"):
            neighbours = [read_rows(self.root, file) for file in shared]
        kept = [part.filter(~pl.col(SESSION).is_in(list(replaced))) for part in neighbours]
        added = [*self._files_for(rows), *(day for part in kept for day in by_session(part))]
        self._commit(Change(added, removed, replaced, once=once, metadata=metadata))

    def gather(self, files: Sequence[DataFile]) -> None:
        """Make one file, sorted, of some files of a month; no row changes."""
        rows = pl.concat([read_rows(self.root, file) for file in files]).sort(self.table.order)
        metadata = {"gathered_files": str(len(files))}
        self._commit(Change([rows], files, moves_rows_only=True, metadata=metadata))

    def checkpoint(self) -> None:
        """Sum up the log so that opening the table stays fast; on disk before it is listed.

        Two writers would overwrite each other's sum of one version, so one at a time.
        """
        name = checkpoint_name(self.version)
        with locked(self.root / "_checkpoint_lock", alone=True):
            if name not in self.log.digests(newest=True):
                self._handle.create_checkpoint()
                self.log.make_checkpoint_durable(self.version)

    def _files_for(self, rows: pl.DataFrame) -> list[pl.DataFrame]:
        with as_lake_error(self.table.name, "its columns are others, nothing was added"):
            return by_session(rows.select(self.table.names).cast(pl.Schema(self.table.schema)))

    def _commit(self, change: Change) -> None:
        name = self.table.name
        with as_lake_error(name, "a commit failed, nothing was added"):
            added = [self._add(rows, not change.moves_rows_only) for rows in change.added]
        removed = [_remove(file, not change.moves_rows_only) for file in change.removed]
        with (
            as_lake_error(name, "a commit failed; what it made is kept or gone as a whole"),
            locked(self.root / "_lock", alone=False),
        ):
            self._commit_or_rebase([*added, *removed], change)
            self.log.make_durable(self.version)
            self._checkpoint_if_due()

    def _checkpoint_if_due(self) -> None:
        """Sum up the log now and then; the commit stands, whether that can be done or not."""
        if self.version - self.log.last_checkpoint() < COMMITS_A_CHECKPOINT:
            return
        try:
            self.checkpoint()
        except (DeltaError, OSError) as error:
            log.warning("checkpoint_failed table=%s error=%s", self.table.name, error)

    def _add(self, rows: pl.DataFrame, changes_rows: bool) -> AddAction:
        file, data = encoded(rows)
        write_new(self.root / file.path, data)
        now = int(time.time() * 1000)
        says = statistics(rows, self.table)
        return AddAction(file.path, file.size, {MONTH: file.month}, now, changes_rows, says)

    def _commit_or_rebase(
        self, actions: Sequence[AddAction | RemoveAction], change: Change
    ) -> None:
        """Commit; when others came first and touched nothing of ours, on top of theirs."""
        claim = Claim(
            app_ids=frozenset({change.once.app_id} if change.once else ()),
            paths=frozenset(file.path for file in change.removed),
            session_dates=change.session_dates,
        )
        once = [Transaction(change.once.app_id, change.once.seq)] if change.once else None
        properties = CommitProperties(
            app_transactions=once, custom_metadata=dict(change.metadata), max_commit_retries=0
        )
        for _ in range(MAX_REBASES):
            read = self.version
            try:
                self._handle.create_write_transaction(
                    list(actions),
                    "append",
                    self._handle.schema(),
                    [MONTH],
                    commit_properties=properties,
                    post_commithook_properties=NO_HOOKS,
                )
            except CommitFailedError as error:
                self._handle.update_incremental()
                between = range(read + 1, self.version + 1)
                if claim.clashes(action for v in between for action in self.log.actions(v)):
                    raise CommitConflict(f"table {self.table.name}: {error}") from error
            else:
                self._handle.update_incremental()
                return
        raise CommitConflict(f"table {self.table.name}: {MAX_REBASES} other commits came first")


def _remove(file: DataFile, changes_rows: bool) -> RemoveAction:
    now = int(time.time() * 1000)
    return RemoveAction(
        path=file.path,
        deletion_timestamp=now,
        data_change=changes_rows,
        partition_values={MONTH: file.month},
        size=file.size,
    )


class as_lake_error:  # lower case: reads like a function
    """Raise what the disk or a library cannot do as one sentence.

    A library that panics, for want of open files for one, raises an exception without a name
    to import and that is no ``Exception``.
    """

    def __init__(self, table: str, what: str) -> None:
        self._says = f"table {table}: {what}"

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_panic = kind is not None and kind.__name__ == "PanicException"
        if is_panic or isinstance(error, (DeltaError, OSError, pl.exceptions.PolarsError)):
            raise LakeError(
                f"{self._says} ({error}); check the disk, the limit of open files and the "
                "rights of the lake directory, then rerun"
            ) from error
