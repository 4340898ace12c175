"""Upkeep of the lake: gather small files, sum up the log, delete what no promise needs.

A version stays readable for ``KEEP``: its commits, a checkpoint at or before the oldest of
them, and every data file that one of them refers to. Of the spool, payloads go once their
rows are durable in the lake and ``JOURNAL`` has passed.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from futures_pipeline.storage.journal import RAW_BY_NAME, source_id
from futures_pipeline.storage.lake import Lake, OpenTable
from futures_pipeline.storage.lake.archive import HOT, archive_before, archive_root
from futures_pipeline.storage.lake.commit_log import CommitLog, checkpoint_name, commit_name
from futures_pipeline.storage.lake.data_files import MONTH, DataFile
from futures_pipeline.storage.lake.durable import locked
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import TABLES

KEEP = timedelta(days=90)
JOURNAL = timedelta(days=14)
# A file that nothing refers to may belong to a commit under way.
UNDER_WAY = timedelta(days=1)
# More would cost too much memory and too long a rewrite when one row changes.
FILE_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """A table on disk: present data files, all data files, their bytes, entries of the log."""

    files: int
    files_kept: int
    size_bytes: int
    log_entries: int


@dataclass(frozen=True, slots=True)
class Maintained:
    """What maintenance did to a table."""

    table: str
    before: Figures
    after: Figures
    seconds: float


def maintain(
    lake: Lake,
    closed_before: date,
    now: datetime,
    names: Iterable[str] = tuple(TABLES),
    keep: timedelta = KEEP,
) -> list[Maintained]:
    """Keep some tables in shape; tables that are absent are left out.

    Args:
        lake: the lake.
        closed_before: sessions before this one get no more rows as a rule.
        now: the machine's time, as commits are stamped by it.
        names: the tables.
        keep: how long a version stays readable.

    Raises:
        CommitConflict: another writer changed what was to be gathered; try again.
    """
    tables = (lake.open_or_create(name) for name in names if lake.open(name) is not None)
    return [_maintained(lake, table, closed_before, (now, now - keep)) for table in tables]


def _maintained(
    lake: Lake, table: OpenTable, closed_before: date, times: tuple[datetime, datetime]
) -> Maintained:
    started = time.perf_counter()
    before = figures(table)
    for group in to_gather(table.data_files(), closed_before):
        table.gather(group)
    if table.version > table.log.last_checkpoint():
        table.checkpoint()
    with locked(table.root / "_lock", alone=True):
        archive_before(table.root, times[0] - HOT)
        _delete_old(lake, table, *times)
    return Maintained(table.table.name, before, figures(table), time.perf_counter() - started)


def to_gather(files: Sequence[DataFile], closed_before: date) -> list[list[DataFile]]:
    """Return which files to make one of, each group of one month.

    In the month of ``closed_before`` a file a session, because revisions still come; in the
    months before it as few files as ``FILE_ROWS`` allows.
    """
    closed = [file for file in files if max(file.sessions) < closed_before]
    ordered = sorted(closed, key=lambda file: (min(file.sessions), file.path))
    open_month = f"{closed_before:%Y-%m}"
    old = [file for file in ordered if file.month != open_month]
    recent = [file for file in ordered if file.month == open_month and len(file.sessions) == 1]
    groups = [list(same) for _, same in groupby(recent, key=lambda file: min(file.sessions))]
    for _, month in groupby(old, key=lambda file: file.month):
        groups += in_groups(list(month), FILE_ROWS)
    return [group for group in groups if len(group) > 1]


def in_groups(files: Sequence[DataFile], most_rows: int) -> list[list[DataFile]]:
    """Return the files in order, cut so that no group of several has more than ``most_rows``."""
    groups: list[list[DataFile]] = []
    for file in files:
        if groups and sum(held.rows for held in groups[-1]) + file.rows <= most_rows:
            groups[-1].append(file)
        else:
            groups.append([file])
    return groups


def figures(table: OpenTable) -> Figures:
    """Return what a table looks like on disk."""
    sizes = [path.stat().st_size for path in table.root.glob(f"{MONTH}=*/*.parquet")]
    return Figures(
        files=len(table.data_files()),
        files_kept=len(sizes),
        size_bytes=sum(sizes),
        log_entries=len(table.log.commits()),
    )


def oldest_kept(root: Path, cutoff: datetime) -> int:
    """Return the newest checkpoint from before ``cutoff``; the first version without one.

    Every moment since ``cutoff`` can be read from it and the commits after it.
    """
    logs = _logs(root)
    old = [
        version
        for log in logs
        for version in log.checkpoints()
        if version in log.commits() and log.made_at(version) < cutoff
    ]
    return max(old, default=min((v for log in logs for v in log.commits()), default=0))


def _logs(root: Path) -> list[CommitLog]:
    return [CommitLog(root), CommitLog(archive_root(root))]


def _delete_old(lake: Lake, table: OpenTable, now: datetime, cutoff: datetime) -> None:
    """Delete the log before the oldest kept version, and data files no kept version has."""
    oldest = oldest_kept(table.root, cutoff)
    then = lake.open(table.table.name, as_of=oldest)
    needed = {file.path for file in (then.data_files() if then else [])}
    for log in _logs(table.root):
        needed.update(_added(log, oldest))
        names = [commit_name(v) for v in log.commits() if v < oldest]
        names += [checkpoint_name(v) for v in log.checkpoints() if v < oldest]
        log.forget(names)
        for name in names:
            (log.directory / name).unlink()
    young = now - UNDER_WAY
    for path in table.root.glob(f"{MONTH}=*/*.parquet"):
        made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if str(path.relative_to(table.root)) not in needed and made_at < young:
            path.unlink()


def _added(log: CommitLog, oldest: int) -> set[str]:
    """Return the data files that commits from ``oldest`` on have added."""
    return {
        action["add"]["path"]
        for version in log.commits()
        if version >= oldest
        for action in log.actions(version)
        if "add" in action
    }


def prune_journal(lake: Lake, spool: Spool, now: datetime) -> int:
    """Drop the spool's payloads that are durable in the lake and old; return how many batches.

    ``now`` is the market's time, as batches are stamped by it.
    """
    committed: dict[tuple[str, date], int] = {}
    tables = {name: lake.open_or_create(name) for name in RAW_BY_NAME if lake.open(name)}
    for part in spool.partitions():
        if part.table in tables:
            position = tables[part.table].committed_seq(source_id(part.table, part.session_date))
            committed[part.table, part.session_date] = position
    return spool.prune(committed, now - JOURNAL)
