"""Recorded or bought option chains as rows of ``option_snapshots``; a map says what is what.

What a file means by a number is told by its map, or noted: nothing is changed in silence.
"""

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS
from futures_pipeline.storage.tables.market import PRICE_COLUMNS
from futures_pipeline.storage.tables.options import GREEK_COLUMNS, MISSING, OCC_SYMBOL, VENDOR

REQUIRED = ("symbol", "expiry", "strike", "right", "timestamp", "bid", "ask")
OPTIONAL = (
    *("received_at", "last", "bid_size", "ask_size", "volume", "open_interest"),
    *GREEK_COLUMNS,
)
TIMES = ("timestamp", "received_at")
# Vendors write 0 for what they do not have; none of these can be 0.
ZERO_IS_NONE = (*PRICE_COLUMNS, "iv", "underlying_price")
READERS: Mapping[str, Callable[[Path], pl.LazyFrame]] = {
    ".parquet": lambda path: pl.scan_parquet(path),
    ".csv": lambda path: pl.scan_csv(path, try_parse_dates=True),
}
HOUR = timedelta(hours=1)


class OptionMap(BaseModel):
    """What the columns of a file are.

    ``columns``: our name to the file's. ``time_zone``: of times without one.
    ``stated_session``: the file's own column of sessions, compared with that of the quote's
    time, which is the one that counts. ``open_interest_of``: the close it was counted at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str]
    time_zone: str | None = None
    stated_session: str | None = None
    data_type: Literal["live", "frozen", "delayed", "delayed_frozen"] = "delayed"
    open_interest_of: Literal["previous_close", "same_close"] = "previous_close"


def read_map(path: Path) -> OptionMap:
    """Return a map.

    Raises:
        ConfigurationError: it cannot be read, or a key or column is not one of ours.
    """
    try:
        found = OptionMap.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError("--map", str(path), f"readable ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError("--map", str(path), f"valid TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{path.name} {key}", first["input"], first["msg"]) from error
    unknown = sorted(set(found.columns) - set(REQUIRED) - set(OPTIONAL))
    missing = [name for name in REQUIRED if name not in found.columns]
    if unknown or missing:
        allowed = f"{', '.join(REQUIRED)}, and any of {', '.join(OPTIONAL)}"
        raise ConfigurationError(f"{path.name} columns", unknown or sorted(found.columns), allowed)
    return found


@dataclass(frozen=True, slots=True)
class Mapped:
    """A session of a file as rows of ``option_snapshots``, and what was noticed, with counts."""

    rows: pl.DataFrame
    notes: Counter[str]


class OptionFile:
    """One file with its map, read a session at a time."""

    def __init__(self, path: Path, mapping: OptionMap) -> None:
        self.path = path
        self._map = mapping
        if path.suffix not in READERS or not path.is_file():
            raise ConfigurationError("FILES", str(path), "a file that is there, .parquet or .csv")
        self._scan = READERS[path.suffix](path)
        held = self._scan.collect_schema()
        wanted = [*mapping.columns.values(), *filter(None, [mapping.stated_session])]
        missing = [name for name in wanted if name not in held]
        if missing:
            raise ConfigurationError(
                f"{path.name} columns", missing, f"among the file's: {', '.join(held)}"
            )
        for name in TIMES:
            self._check_time(name, held)

    def _check_time(self, name: str, held: pl.Schema) -> None:
        kind = held.get(self._map.columns.get(name, ""))
        is_bare = kind == pl.String or (isinstance(kind, pl.Datetime) and kind.time_zone is None)
        if kind is not None and is_bare and self._map.time_zone is None:
            raise ConfigurationError(
                f"{self.path.name} {name}", str(kind), "a time with its zone; set time_zone"
            )

    def number(self) -> int:
        """Return a negative number that only this file has, in place of a spool batch's."""
        with self.path.open("rb") as file:
            return -int(hashlib.file_digest(file, "sha256").hexdigest()[:15], 16)

    def sessions(self, calendar: TradingCalendar) -> list[tuple[date, datetime, datetime]]:
        """Return the sessions that quotes are of, ascending, each with its span [from, to).

        Raises:
            CalendarError: a quote is from outside of the calendar.
        """
        hours = self._scan.select(self._time("timestamp").dt.truncate("1h")).unique().collect()
        spans: dict[date, list[datetime]] = {}
        for hour in hours["timestamp"].drop_nulls().sort():
            spans.setdefault(calendar.session_date(hour), []).append(hour)
        return [(day, held[0], held[-1] + HOUR) for day, held in sorted(spans.items())]

    def session(self, session_date: date, begin: datetime, end: datetime) -> Mapped:
        """Return the rows whose quotes lie in [begin, end), as a session's."""
        at = self._time("timestamp")
        raw = self._scan.filter(at.is_between(begin, end, closed="left")).collect()
        notes: Counter[str] = Counter(dict(self._notes(raw, session_date)))
        rows = raw.lazy().select(self._columns()).with_columns(session_date=session_date)
        none = [pl.when(pl.col(name) != 0).then(pl.col(name)).name.keep() for name in ZERO_IS_NONE]
        rows = rows.with_columns(none).with_columns(round_at="timestamp", contract=OCC_SYMBOL)
        told = pl.col("iv").is_not_null()
        rows = rows.with_columns(
            *(pl.when(told).then(name).alias(name) for name in GREEK_COLUMNS[1:5]),
            greeks=pl.when(told).then(pl.lit(VENDOR)).otherwise(pl.lit(MISSING)),
            greeks_at=pl.when(told).then("timestamp"),
            data_type=pl.lit(self._map.data_type),
        )
        return Mapped(rows.collect(), notes)

    def _columns(self) -> list[pl.Expr]:
        """Return what each column of a batch is made from; null for what the file lacks."""
        theirs, schema = self._map.columns, OPTION_SNAPSHOTS.schema
        found = {name: pl.lit(None, schema[name]) for name in schema}
        found |= {name: pl.col(theirs[name]) for name in theirs}
        numbers = [name for name in theirs if schema[name] == pl.Float64]
        found |= {name: found[name].cast(pl.Float64).fill_nan(None) for name in numbers}
        found["symbol"] = found["symbol"].cast(pl.String)
        found["right"] = found["right"].cast(pl.String).str.slice(0, 1).str.to_uppercase()
        found["expiry"] = found["expiry"].cast(pl.Date)
        found["timestamp"] = self._time("timestamp")
        found["received_at"] = self._time("received_at" if "received_at" in theirs else "timestamp")
        if self._map.open_interest_of == "same_close":
            found["open_interest"] = pl.lit(None, pl.Float64)
        return [each.alias(name) for name, each in found.items()]

    def _time(self, name: str) -> pl.Expr:
        column = pl.col(self._map.columns[name])
        kind = self._scan.collect_schema()[self._map.columns[name]]
        if kind == pl.String:
            column = column.str.to_datetime(time_unit="us")
        if self._map.time_zone is not None:
            column = column.dt.replace_time_zone(self._map.time_zone)
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us").alias(name)

    def _notes(self, raw: pl.DataFrame, session_date: date) -> Iterator[tuple[str, int]]:
        theirs = self._map.columns
        for name in ZERO_IS_NONE:
            if name in theirs:
                zeros = raw.filter(pl.col(theirs[name]) == 0).height
                yield f"{name} is 0: taken as none", zeros
        if "open_interest" in theirs:
            told = raw[theirs["open_interest"]].count()
            if self._map.open_interest_of == "same_close":
                yield "open interest of the same close, not known at the quote: left out", told
            else:
                yield "open interest of the close before: kept as such", told
        if "iv" in theirs:
            known = raw.filter(pl.col(theirs["iv"]) != 0).height
            yield "volatility of the vendor: kept, statistics compute their own", known
        stated = self._map.stated_session
        if stated is not None:
            moved = raw.filter(pl.col(stated).cast(pl.Date) != session_date).height
            yield "quoted in another session than the file says: filed under the quote's", moved
