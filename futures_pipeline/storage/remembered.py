"""Rows of data files, remembered: a data file never changes, so none is read twice.

For those who ask for the same sessions again and again; its digest is compared when a file is
read.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import polars as pl

from futures_pipeline.storage.lake.data_files import SESSION, DataFile, read_rows
from futures_pipeline.storage.listing import Listing

# A session of a table is one file or, while it lasts, up to fifty.
FILES = 512


class Part(NamedTuple):
    """A data file of a table; equal parts have equal rows for ever."""

    root: Path
    file: DataFile


def parts_of(table: Listing | None, session_dates: Iterable[date]) -> tuple[Part, ...]:
    """Return the files that hold some sessions, by path; none of a table that is absent."""
    if table is None:
        return ()
    wanted = frozenset(session_dates)
    return tuple(Part(table.root, file) for file in table.files if _sessions(file) & wanted)


def rows_of(
    parts: Iterable[Part],
    session_dates: Iterable[date],
    symbols: tuple[str, ...] | None,
    columns: tuple[str, ...],
    schema: pl.Schema,
) -> pl.DataFrame:
    """Return the rows of some sessions, with these columns of the table's schema.

    ``symbols``: those wanted, None for a table that has no symbols.

    Raises:
        LakeDamaged: a file is not what was committed.
    """
    found = [_rows(part, symbols, columns) for part in parts]
    if not found:
        return pl.DataFrame(schema={name: schema[name] for name in columns})
    rows = pl.concat(found)
    return rows.filter(pl.col(SESSION).is_in(list(session_dates)))


@lru_cache(maxsize=8 * FILES)
def _sessions(file: DataFile) -> frozenset[date]:
    return file.sessions


@lru_cache(maxsize=FILES)
def _rows(part: Part, symbols: tuple[str, ...] | None, columns: tuple[str, ...]) -> pl.DataFrame:
    rows = read_rows(part.root, part.file)
    wanted = rows if symbols is None else rows.filter(pl.col("symbol").is_in(symbols))
    return wanted.select(columns)
