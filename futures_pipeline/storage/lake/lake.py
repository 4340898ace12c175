"""The Delta tables under one root: open, read as of a moment, create."""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.lake.archive import archive_root
from futures_pipeline.storage.lake.commit_log import CommitLog, version_of
from futures_pipeline.storage.lake.data_files import MONTH
from futures_pipeline.storage.lake.durable import LakeDamaged, locked, make_directory, sync
from futures_pipeline.storage.lake.log_repair import repair_log
from futures_pipeline.storage.lake.open_table import NO_HOOKS, OpenTable, as_lake_error
from futures_pipeline.storage.tables import QUARANTINE, TABLES, Table

log = logging.getLogger(__name__)

REPAIR = "call: futures-pipeline lake repair"


class Lake:
    """The tables under one root directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checked: set[tuple[str, str]] = set()
        self._newest: dict[str, tuple[tuple[int, ...], OpenTable | None]] = {}

    def open(self, name: str, as_of: int | datetime | None = None) -> OpenTable | None:
        """Return a table at its latest version, or at a version or time; None if absent then.

        A time is that of the machine when a commit was made. The log a version is read from
        is compared with its digests, each file once a process.

        Raises:
            LakeDamaged: a commit that was durable is gone or changed.
            LakeError: the table is there and cannot be read at that version.
        """
        root = self.path(name)
        if as_of is not None:
            return self._open_as_of(name, as_of) if root.exists() else None
        with as_lake_error(name, "cannot be read"):
            watermark = CommitLog(root).watermark()  # first: others commit in the meantime
            handle = _newest(root, name)
        version = -1 if handle is None else handle.version()
        if version < watermark:
            raise LakeDamaged(
                f"table {name}: version {version} is the newest that can be read, version "
                f"{watermark} was durable; {REPAIR}"
            )
        self._check(name, root, version)
        return None if handle is None else OpenTable(TABLES[name], handle, root)

    def newest(self, name: str) -> OpenTable | None:
        """Return a table at its latest version to read from only; None if absent.

        The same object as long as nothing was committed: for those who ask again and again.

        Raises:
            LakeDamaged: as :meth:`open`.
        """
        state = CommitLog(self.path(name)).state()
        held = self._newest.get(name)
        if held is None or held[0] != state:
            held = self._newest[name] = (state, self.open(name))
        return held[1]

    def committed_at(self, name: str, version: int) -> datetime:
        """Return when a version was committed, by the machine's clock, UTC.

        Raises:
            LakeError: that version is not kept.
        """
        root = self.path(name)
        with as_lake_error(name, f"version {version} cannot be read"):
            for log in (CommitLog(root), CommitLog(archive_root(root))):
                if version in log.commits():
                    return log.made_at(version)
        raise LakeError(
            f"table {name}: version {version} is not kept; choose one of: "
            f"futures-pipeline lake versions {name}"
        )

    def _open_as_of(self, name: str, as_of: int | datetime) -> OpenTable | None:
        """Return a table as of a moment, from its archive when that was long ago."""
        with as_lake_error(name, f"cannot be read as of {as_of}"):
            found = _place(self.path(name), as_of)
            if found is None:
                return None
            root, version = found
            handle = _newest(root, name)
            if handle is not None:
                _go_to(handle, name, version)
        self._check(name, root, version)
        return None if handle is None else OpenTable(TABLES[name], handle, root)

    def open_or_create(self, name: str) -> OpenTable:
        """Return a table at its latest version, empty if it was absent, to write to.

        Commits that a killed writer left are made durable first. A damaged log is repaired,
        except that of the quarantine: its rows do not come again by themselves, so
        ``storage.repair`` has to file them.

        Raises:
            LakeDamaged: the log is damaged and was not repaired.
        """
        try:
            table = self.open(name)
        except LakeDamaged:
            if name == QUARANTINE.name:
                raise
            table = self._repaired(name)
        if table is None:
            self._create(TABLES[name])
            table = self.open(name)
            assert table is not None
        with as_lake_error(name, "its log cannot be made durable"):
            table.log.make_durable(table.version)
        return table

    def _repaired(self, name: str) -> OpenTable | None:
        with as_lake_error(name, "its log cannot be repaired"):
            for did in repair_log(self.path(name)):
                log.warning("log_repaired table=%s did=%s", name, did)
        return self.open(name)

    def read(
        self,
        name: str,
        session_dates: Sequence[date] | None = None,
        as_of: int | datetime | None = None,
    ) -> pl.DataFrame:
        """Return the rows of a table; an empty frame with its columns when it is absent.

        ``as_of``: a version, or the machine's time of a commit; None for now.
        """
        table = self.open(name, as_of)
        return (
            pl.DataFrame(schema=TABLES[name].schema) if table is None else table.read(session_dates)
        )

    def path(self, name: str) -> Path:
        """Return the directory of a table."""
        return self.root / TABLES[name].name

    def _create(self, table: Table) -> None:
        """Make a table's first commit, unless another writer has made it meanwhile."""
        root = self.path(table.name)
        with as_lake_error(table.name, "cannot be created"):
            make_directory(root / "_delta_log")
            with locked(root / "_lock", alone=True):
                if DeltaTable.is_deltatable(str(root)):
                    return
                write_deltalake(
                    str(root),
                    pl.DataFrame(schema={**table.schema, MONTH: pl.String}),
                    mode="error",
                    partition_by=[MONTH],
                    name=table.name,
                    description=table.description,
                    configuration={"delta.deletedFileRetentionDuration": "interval 1 days"},
                    post_commithook_properties=NO_HOOKS,
                )
            sync(root)

    def _check(self, name: str, root: Path, version: int) -> None:
        """Compare what a version is read from with what was made durable."""
        commits = CommitLog(root)
        with as_lake_error(name, "its log cannot be read"):
            fresh = [file for file in commits.segment(version) if (name, file) not in self._checked]
            damaged, watermark = commits.damaged(fresh), commits.watermark()
        if damaged:
            raise LakeDamaged(
                f"table {name}: {', '.join(damaged)} of its log is not what was committed; {REPAIR}"
            )
        self._checked.update((name, file) for file in fresh if version_of(file) <= watermark)


def _place(root: Path, as_of: int | datetime) -> tuple[Path, int] | None:
    """Return the directory and the version that a moment is read from; None before the first.

    Raises:
        LakeError: nothing is kept from so long ago.
    """
    for place in (root, archive_root(root)):
        commits = CommitLog(place)
        if isinstance(as_of, int):
            if as_of >= min(commits.commits(), default=as_of + 1):
                return place, as_of
        elif (version := commits.version_at(as_of)) is not None:
            return place, version
        if 0 in commits.commits():
            return None
    at = as_of if isinstance(as_of, int) else f"{as_of:%Y-%m-%d %H:%M:%S} UTC"
    raise LakeError(
        f"table {root.name}: nothing is kept from as early as {at}, so it cannot be read as of "
        f"{at}; choose a later one"
    )


def _go_to(handle: DeltaTable, name: str, version: int) -> None:
    try:
        handle.load_as_version(version)
    except DeltaError as error:
        raise LakeError(
            f"table {name}: cannot be read as of {version} ({error}); its newest "
            f"version is {handle.version()}, choose one that is kept"
        ) from error


def _newest(root: Path, name: str) -> DeltaTable | None:
    try:
        return DeltaTable(str(root))
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise LakeDamaged(f"table {name}: its log cannot be read ({error}); {REPAIR}") from error
