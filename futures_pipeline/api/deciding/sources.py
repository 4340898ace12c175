"""The tables one computation reads: each at one version, which its receipt names."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

import polars as pl

from futures_pipeline.api.store import Store
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.listing import Listing, listing_of, listings
from futures_pipeline.storage.remembered import Part, parts_of, rows_of
from futures_pipeline.storage.tables import TABLES

ABSENT = -1
Found = TypeVar("Found")


class Sources:
    """Tables of a lake, each pinned to the version it had when it was first asked for.

    ``versions``: those of a receipt, to compute again; None takes the newest. A table that a
    receipt does not name was not read, and is absent.
    """

    def __init__(self, store: Store, versions: Mapping[str, int] | None = None) -> None:
        self.settings = store.settings
        self._store = store
        self._told = versions
        self._opened: dict[str, Listing | None] = {}
        self._found: dict[Hashable, Any] = {}

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the tables that were asked for; -1 for one that is absent."""
        return {
            name: ABSENT if table is None else table.version
            for name, table in sorted(self._opened.items())
        }

    def open(self, name: str) -> Listing | None:
        """Return a table at its pinned version, None when it is absent."""
        if name not in self._opened:
            self._opened[name] = self._open(name)
        return self._opened[name]

    def _open(self, name: str) -> Listing | None:
        if self._told is None and self._store.as_of is None:
            return listings(self._store.lake).newest(name)
        if self._told is None:
            return listing_of(self._store.open(name))
        version = self._told.get(name, ABSENT)
        return None if version == ABSENT else _at_version(self._store.lake, name, version)

    def once(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """Return what was found under a key, or find it; the tables are pinned, so it stays."""
        if key not in self._found:
            self._found[key] = find()
        found: Found = self._found[key]
        return found

    def parts(self, name: str, session_dates: Iterable[date]) -> tuple[Part, ...]:
        """Return the data files of a table that hold some sessions."""
        return parts_of(self.open(name), session_dates)

    def rows(
        self, name: str, session_dates: Iterable[date], symbols: tuple[str, ...] | None
    ) -> pl.DataFrame:
        """Return the rows of some sessions; ``symbols`` as for ``remembered.rows_of``."""
        days, table = list(session_dates), TABLES[name]
        return rows_of(
            self.parts(name, days), days, symbols, tuple(table.names), pl.Schema(table.schema)
        )


@lru_cache(maxsize=64)
def _at_version(lake: Lake, name: str, version: int) -> Listing | None:
    """Return a table at a version, which never changes."""
    return listing_of(lake.open(name, as_of=version))
