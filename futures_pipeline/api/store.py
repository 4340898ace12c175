"""The lake of a data directory, and which contract leads in each of its sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import polars as pl

from futures_pipeline.analytics.rolls import front_month_schedule, listed_contracts, session_volumes
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.contracts import RollRule, calendar_roll, volume_rule
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.storage.lake import Lake, OpenTable
from futures_pipeline.storage.tables import BARS_1M, TABLES, UTC_TIME

# Ten sessions before an expiry, with room for holidays: volumes this old can decide a roll.
VOLUME_DAYS = timedelta(days=21)
FUTURES = [symbol for symbol, instrument in UNIVERSE.items() if instrument.kind is Kind.FUTURE]
LISTING_SCHEMA = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "expiry": pl.Date(),
    "seen_at": UTC_TIME,
}
# A version of a table, or the machine's time of a commit; None for now.
AsOf = int | datetime | None
NOTHING_KNOWN = pl.DataFrame(schema=LISTING_SCHEMA)


@dataclass(frozen=True, slots=True)
class Store:
    """The lake of a data directory, and the settings that say which contract leads.

    ``as_of``: the machine's time of commits up to which the tables are read; None for now.
    """

    lake: Lake
    settings: Settings
    as_of: datetime | None = None

    def open(self, name: str) -> OpenTable | None:
        """Return a table to read from, None when it is absent."""
        if self.as_of is None:
            return self.lake.newest(name)
        return self.lake.open(name, self.as_of)

    def scan(self, name: str) -> pl.LazyFrame:
        """Return a table's rows; none when it is absent."""
        table = self.open(name)
        return pl.LazyFrame(schema=TABLES[name].schema) if table is None else table.scan()


def open_store(
    data: Path | str | None, as_of: AsOf = None, version_of: str = BARS_1M.name
) -> Store:
    """Return the lake of a data directory, None for the one of the environment.

    ``as_of``: a time, or a version of the table ``version_of``, which is the time at which it
    was committed; so all tables are read as they were at one moment. None for now.

    Raises:
        LakeError: that version is not kept.
        ConfigurationError: the time is not aware.
    """
    return store_of(load_settings(data=None if data is None else Path(data)), as_of, version_of)


def store_of(settings: Settings, as_of: AsOf = None, version_of: str = BARS_1M.name) -> Store:
    """Return the lake of some settings, as :func:`open_store`."""
    lake = _lake(settings.lake_path)
    at = lake.committed_at(version_of, as_of) if isinstance(as_of, int) else as_of
    if at is not None and at.tzinfo is None:
        raise ConfigurationError("as_of", at, "a version, or a time with its zone")
    return Store(lake, settings, at)


@lru_cache(maxsize=8)
def _lake(path: Path) -> Lake:
    """Return the lake at a path, always the same one: it checks each file of a log once."""
    return Lake(path)


def front_months(store: Store, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return who leads in each session of some rows of futures."""
    names = [name for name in LISTING_SCHEMA if name in rows.columns]
    stored = pl.concat([known, rows.select(names).unique()], how="diagonal")
    collection = store.settings.collection
    by_volume = collection.roll == "volume" and not stored.is_empty()
    rule = _volume_rule(store, stored) if by_volume else calendar_roll
    return front_month_schedule(stored, listed_contracts(stored), rule, collection.front_month)


def _volume_rule(store: Store, stored: pl.DataFrame) -> RollRule:
    """Return the volume rule, with what ``bars_1m`` says was traded around ``stored``."""
    day = pl.col("session_date")
    first, last = stored.select(day.min() - VOLUME_DAYS, last=day.max()).row(0)
    is_near = day.is_between(first, last) & pl.col("symbol").is_in(FUTURES)
    traded = session_volumes(store.scan(BARS_1M.name).filter(is_near))
    return volume_rule(calendar_for(store.settings.clock.now()).globex, traded)
