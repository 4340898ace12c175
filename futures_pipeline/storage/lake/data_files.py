"""Data files whose names tell what is in them: sessions, and the SHA-256 of their bytes.

``month=2025-01/14-15.1f0a9c3e.<sha256>.parquet`` holds the sessions of 14 and 15 January.
The name is part of the table's log and of every checkpoint, so a file's digest is known from
its commit on, for as long as the file is referred to, and costs no second place to keep.
"""

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import polars as pl

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.lake.durable import LakeDamaged, digest
from futures_pipeline.storage.tables import Table

MONTH = "month"
SESSION = "session_date"
# One symbol's month of minutes: a whole-history scan of a symbol reads its own groups only.
ROW_GROUP_ROWS = 32_768
_NAME = re.compile(
    rf"{MONTH}=(\d{{4}}-\d\d)/(\d\d(?:-\d\d)*)\.[0-9a-f]{{8}}\.([0-9a-f]{{64}})\.parquet"
)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file: its path in the table's directory, its size in bytes, its rows."""

    path: str
    size: int
    rows: int

    @property
    def month(self) -> str:
        return _parts(self.path)[0]

    @property
    def sha256(self) -> str:
        return _parts(self.path)[2]

    @property
    def sessions(self) -> frozenset[date]:
        return sessions_in(self.path)


@lru_cache(maxsize=1 << 16)
def sessions_in(path: str) -> frozenset[date]:
    """Return the sessions whose rows a data file holds, by its name alone."""
    month, days, _ = _parts(path)
    return frozenset(date.fromisoformat(f"{month}-{day}") for day in days.split("-"))


def _parts(path: str) -> tuple[str, str, str]:
    found = _NAME.fullmatch(path)
    if found is None:
        raise LakeError(
            f"data file {path}: it was not written by this version of the pipeline; move the "
            "table's directory away, and the next run fills it again from the spool"
        )
    return found[1], found[2], found[3]


def encoded(rows: pl.DataFrame) -> tuple[DataFile, bytes]:
    """Return the data file for rows of one month and its bytes; at least one row."""
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd", row_group_size=ROW_GROUP_ROWS)
    data = buffer.getvalue()
    sessions = sorted(rows[SESSION].unique())
    days = "-".join(f"{day:%d}" for day in sessions)
    name = f"{days}.{uuid.uuid4().hex[:8]}.{digest(data)}.parquet"
    path = f"{MONTH}={sessions[0]:%Y-%m}/{name}"
    return DataFile(path, len(data), rows.height), data


def statistics(rows: pl.DataFrame, table: Table) -> str:
    """Return Delta's statistics of a file, of the columns that reads are narrowed by."""
    columns = [name for name in dict.fromkeys((*table.order, SESSION)) if rows[name].count()]
    return json.dumps(
        {
            "numRecords": rows.height,
            "minValues": {name: _statistic(rows[name].min()) for name in columns},
            "maxValues": {name: _statistic(rows[name].max()) for name in columns},
            "nullCount": {name: rows[name].null_count() for name in columns},
        }
    )


def _statistic(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z"
    return str(value) if isinstance(value, date) else value


def read_rows(root: Path, file: DataFile) -> pl.DataFrame:
    """Return the rows of a file, from bytes that have its digest.

    Raises:
        LakeDamaged: the file is gone, or a byte of it is not what was committed.
    """
    return pl.read_parquet(BytesIO(checked_bytes(root, file)))


def checked_bytes(root: Path, file: DataFile) -> bytes:
    """Return the bytes of a file, as :func:`read_rows`."""
    try:
        data = (root / file.path).read_bytes()
    except FileNotFoundError as error:
        raise LakeDamaged(f"{_about(root, file)}: it is gone; {REMEDY}") from error
    if digest(data) != file.sha256:
        raise LakeDamaged(f"{_about(root, file)}: its bytes are not what was committed; {REMEDY}")
    return data


REMEDY = "call: futures-pipeline lake scrub --rebuild"


def _about(root: Path, file: DataFile) -> str:
    days = ", ".join(map(str, sorted(file.sessions)))
    return f"table {root.name}: data file {file.path} with {file.rows:,} rows of {days}"


def by_session(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of each session, ascending, in their present order."""
    parts = rows.partition_by(SESSION, maintain_order=True)
    return sorted(parts, key=lambda part: str(part[SESSION][0]))


def holding(files: Iterable[DataFile], session_dates: Iterable[date]) -> list[DataFile]:
    """Return the files that have rows of one of some sessions."""
    wanted = frozenset(session_dates)
    return [file for file in files if file.sessions & wanted]
