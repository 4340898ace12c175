"""Which data files a table has, moved on by each commit's own words instead of read anew.

For those who ask after every commit: opening a table reads its log since the last checkpoint,
which takes longer than all that follows.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from futures_pipeline.storage.lake import Lake, OpenTable
from futures_pipeline.storage.lake.commit_log import Action, CommitLog, commit_name, version_of
from futures_pipeline.storage.lake.data_files import DataFile

# Of more commits than this, reading the whole log is as fast.
MOST_COMMITS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A table at one version: its directory, and its data files by path."""

    root: Path
    version: int
    files: tuple[DataFile, ...]


def listing_of(table: OpenTable | None) -> Listing | None:
    """Return what an open table lists, None for one that is absent."""
    if table is None:
        return None
    files = sorted(table.data_files(), key=lambda file: file.path)
    return Listing(table.root, table.version, tuple(files))


class Listings:
    """The newest listing of each table of a lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._held: dict[str, tuple[tuple[int, ...], Listing | None]] = {}

    def newest(self, name: str) -> Listing | None:
        """Return a table at its newest version, None when it is absent.

        Raises:
            LakeDamaged: a commit that was durable is gone or changed.
        """
        log = CommitLog(self._lake.path(name))
        state = log.state()
        before, held = self._held.get(name, ((), None))
        if before != state:
            is_longer = held is not None and state[1:2] == before[1:2] and state > before
            moved = _moved(log, held) if held is not None and is_longer else None
            held = moved or listing_of(self._lake.newest(name))
            self._held[name] = (state, held)
        return held


@lru_cache(maxsize=8)
def listings(lake: Lake) -> Listings:
    """Return the listings of a lake, always the same ones."""
    return Listings(lake)


def _moved(log: CommitLog, held: Listing) -> Listing | None:
    """Return a listing with what the durable commits since say; None where that cannot be had.

    None for a commit that is gone or is not what was made durable, and for one that does more
    than to add and remove files.
    """
    listed = log.digests(newest=True)
    newest = max((version_of(name) for name in listed if name.endswith(".json")), default=-1)
    versions = range(held.version + 1, newest + 1)
    if newest < held.version or len(versions) > MOST_COMMITS:
        return None
    names = map(commit_name, versions)
    if any(name not in listed or log.digest_of(name) != listed[name] for name in names):
        return None
    files = {file.path: file for file in held.files}
    for version in versions:
        for action in log.actions(version):
            if action.keys() & {"metaData", "protocol"}:
                return None
            _apply(files, action)
    return Listing(held.root, newest, tuple(files[path] for path in sorted(files)))


def _apply(files: dict[str, DataFile], action: Action) -> None:
    if "add" in action:
        path, size = action["add"]["path"], action["add"]["size"]
        files[path] = DataFile(path, size, json.loads(action["add"]["stats"])["numRecords"])
    elif "remove" in action:
        files.pop(action["remove"]["path"], None)
