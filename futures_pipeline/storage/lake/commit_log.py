"""A table's commit log on disk, and the list of what of it is durable.

Beside the commits and checkpoints of ``_delta_log`` stands ``_digests.sha256``: a line for
each of them that was synced, with its SHA-256 (``sha256sum --check`` reads it). Its greatest
version is the watermark: what is older must be there unchanged, what is newer may be torn
by a power cut and was never acknowledged.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.lake.durable import append_lines, digest, sync, write_over

DIGESTS = "_digests.sha256"
HINT = "_last_checkpoint"
EPOCH, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
# The newest lines are enough for the commits since a checkpoint, many times over.
TAIL_BYTES = 65_536
_LINE = re.compile(r"([0-9a-f]{64})  (\d{20}\.(?:json|checkpoint\.parquet))")
_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"\d{20}\.checkpoint\.parquet")

# An action of a commit: its kind (add, remove, txn, commitInfo, ...) and its fields.
Action = Mapping[str, Any]


def commit_name(version: int) -> str:
    return f"{version:020}.json"


def checkpoint_name(version: int) -> str:
    return f"{version:020}.checkpoint.parquet"


def version_of(name: str) -> int:
    """Return the version that a commit or checkpoint is of."""
    return int(name[:20])


class CommitLog:
    """The ``_delta_log`` of one table."""

    def __init__(self, table_root: Path) -> None:
        self.directory = table_root / "_delta_log"
        self._digests = self.directory / DIGESTS

    # --- what is there -----------------------------------------------------------------

    def commits(self) -> list[int]:
        """Return the versions that have a commit file, ascending."""
        return self._versions(_COMMIT)

    def checkpoints(self) -> list[int]:
        """Return the versions that have a checkpoint, ascending."""
        return self._versions(_CHECKPOINT)

    def state(self) -> tuple[int, ...]:
        """Return numbers that change with every commit, repair and maintenance; a look costs µs."""
        try:
            listed = self._digests.stat()
            return (self.directory.stat().st_mtime_ns, listed.st_ino, listed.st_size)
        except FileNotFoundError:
            return ()

    def _versions(self, pattern: re.Pattern[str]) -> list[int]:
        if not self.directory.is_dir():
            return []
        names = (path.name for path in self.directory.iterdir())
        return sorted(version_of(name) for name in names if pattern.fullmatch(name))

    def actions(self, version: int) -> list[Action]:
        """Return the actions of a commit.

        Raises:
            ValueError: the commit is empty, torn or not JSON.
        """
        text = (self.directory / commit_name(version)).read_bytes().decode()
        actions = [json.loads(line) for line in text.splitlines()]
        if not any("commitInfo" in action for action in actions):
            raise ValueError(f"commit {version} has no commitInfo")
        return actions

    def made_at(self, version: int) -> datetime:
        """Return when a commit was made, by the machine's clock, UTC."""
        infos = [action["commitInfo"] for action in self.actions(version) if "commitInfo" in action]
        milliseconds: int = infos[0]["timestamp"]
        return EPOCH + milliseconds * MILLISECOND

    def version_at(self, at: datetime) -> int | None:
        """Return the newest version that was made by ``at``; None when none was.

        Raises:
            LakeError: the commit after that one is gone, so it may be the one.
        """
        commits = self.commits()
        after = bisect_right(commits, at, key=self.made_at)
        found = commits[after - 1] if after else None
        newest = max(self.watermark(), *commits[-1:], -1)
        if found is not None and found < newest and found + 1 not in commits:
            raise LakeError(
                f"table {self.directory.parent.name}: the commit after version {found} is gone, so "
                f"what stood at {at:%Y-%m-%d %H:%M:%S} UTC is not known; choose a version"
            )
        return found

    def last_checkpoint(self) -> int:
        """Return the version of the newest checkpoint, -1 for none; the hint names it."""
        try:
            return int(json.loads((self.directory / HINT).read_text())["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return max(self.checkpoints(), default=-1)

    # --- what is durable ---------------------------------------------------------------

    def digests(self, *, newest: bool = False) -> dict[str, str]:
        """Return the digest of each durable file by name; ``newest``: of the last ones only.

        A line that a power cut tore is none.
        """
        try:
            with self._digests.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - TAIL_BYTES) if newest else 0)
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return {}
        found = (_LINE.fullmatch(line) for line in text.splitlines())
        return {line[2]: line[1] for line in found if line}

    def watermark(self) -> int:
        """Return the newest version that is known to be on disk, -1 for none."""
        return max(map(version_of, self.digests(newest=True)), default=-1)

    def make_durable(self, version: int) -> None:
        """Put the commits up to ``version`` on disk, then list them as durable.

        Their data files were on disk before they were committed.
        """
        names = [commit_name(v) for v in range(self.watermark() + 1, version + 1)]
        self.list_durable(names)

    def make_checkpoint_durable(self, version: int) -> None:
        """Put a checkpoint and the hint at it on disk, then list it."""
        sync(self.directory / HINT)
        self.list_durable([checkpoint_name(version)])

    def list_durable(self, names: list[str]) -> None:
        """Put files of the log on disk, then list them with their digests."""
        if not names:
            return
        for name in names:
            sync(self.directory / name)
        sync(self.directory)
        lines = [f"{digest((self.directory / n).read_bytes())}  {n}\n" for n in names]
        append_lines(self._digests, "".join(lines))

    def forget(self, names: Iterable[str]) -> None:
        """Take files off the list, durably."""
        listed, gone = self.digests(), set(names)
        kept = {name: sha for name, sha in listed.items() if name not in gone}
        if kept == listed:
            return
        lines = "".join(f"{sha}  {name}\n" for name, sha in kept.items())
        write_over(self._digests, lines.encode())

    # --- what is damaged ---------------------------------------------------------------

    def segment(self, version: int) -> list[str]:
        """Return the files a version is read from: the newest checkpoint, commits after it."""
        base = self.last_checkpoint()
        if base > version or not self._has(checkpoint_name(max(base, 0))):
            base = max((v for v in self.checkpoints() if v <= version), default=-1)
        start = [checkpoint_name(base)] if base >= 0 else []
        return [*start, *(commit_name(v) for v in range(base + 1, version + 1))]

    def _has(self, name: str) -> bool:
        return (self.directory / name).exists()

    def damaged(self, names: Iterable[str]) -> list[str]:
        """Return those durable files that are gone or are not what they were.

        Files that are not listed are not judged: a commit under way is not listed yet.
        """
        wanted = list(names)
        listed = self.digests(newest=True)
        if any(name not in listed for name in wanted):
            listed = self.digests()
        return [name for name in wanted if name in listed and self.digest_of(name) != listed[name]]

    def digest_of(self, name: str) -> str | None:
        """Return the SHA-256 of a file of the log as it is now; None when it is gone."""
        path = self.directory / name
        return digest(path.read_bytes()) if path.exists() else None
