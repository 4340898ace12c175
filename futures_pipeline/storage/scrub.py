"""Scrub: compare every byte of the lake with its digest, and name what is not as committed.

A bit that flips on a disk gives other numbers and no error. Nothing but a digest finds it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from futures_pipeline.storage.lake import Lake, LakeDamaged, OpenTable
from futures_pipeline.storage.lake.archive import archive_root
from futures_pipeline.storage.lake.commit_log import CommitLog
from futures_pipeline.storage.lake.data_files import DataFile, checked_bytes
from futures_pipeline.storage.tables import TABLES


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as committed: its path in the table, the sessions and rows it held.

    A damaged log entry has no session; ``says`` tells what was found.
    """

    table: str
    path: str
    says: str
    sessions: tuple[date, ...] = ()
    rows: int = 0

    @property
    def is_of_the_log(self) -> bool:
        return not self.sessions


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub looked at, and what it found."""

    files: int
    size_bytes: int
    damages: tuple[Damage, ...]


def scrub(lake: Lake, names: Iterable[str] = tuple(TABLES)) -> Scrubbed:
    """Compare the logs and the present data files of some tables with their digests."""
    files, size_bytes = 0, 0
    damages: list[Damage] = []
    for name in names:
        try:
            table = lake.open(name)
        except LakeDamaged as error:
            damages.append(Damage(name, "_delta_log", str(error)))
            continue
        if table is None:
            continue
        held = table.data_files()
        files, size_bytes = files + len(held), size_bytes + sum(file.size for file in held)
        damages += [*_log_damages(table), *damaged_files(table, held)]
    return Scrubbed(files, size_bytes, tuple(damages))


def _log_damages(table: OpenTable) -> list[Damage]:
    says = "not what was made durable; call: futures-pipeline lake scrub --rebuild"
    return [
        Damage(table.table.name, str(log.directory / name), f"{log.directory / name}: {says}")
        for log in (table.log, CommitLog(archive_root(table.root)))
        for name in log.damaged(log.digests())
    ]


def damaged_files(table: OpenTable, files: Sequence[DataFile]) -> list[Damage]:
    """Return the data files whose bytes do not have their digest."""
    found = []
    for file in files:
        try:
            checked_bytes(table.root, file)
        except LakeDamaged as error:
            days = tuple(sorted(file.sessions))
            found.append(Damage(table.table.name, file.path, str(error), days, file.rows))
    return found
