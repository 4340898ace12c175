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
from zoneinfo import available_timezones

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

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
ZONED = r"(?:Z|[+-]\d\d:?\d\d)$"


class OptionMap(BaseModel):
    """What the columns of a file are.

    ``columns``: our name to the file's. ``time_zone``: of times without one; those that have
    one keep it.
    ``stated_session``: the file's own column of sessions, compared with that of the quote's
    time, which is the one that counts. ``open_interest_of``: the close it was counted at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str]
    time_zone: str | None = None
    stated_session: str | None = None
    data_type: Literal["live", "frozen", "delayed", "delayed_frozen"] = "delayed"
    open_interest_of: Literal["previous_close", "same_close"] = "previous_close"

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError("a time zone such as America/New_York")
        return value


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
        raise _readable(path.name, error) from error
    unknown = sorted(set(found.columns) - set(REQUIRED) - set(OPTIONAL))
    missing = [name for name in REQUIRED if name not in found.columns]
    if unknown or missing:
        allowed = f"{', '.join(REQUIRED)}, and any of {', '.join(OPTIONAL)}"
        raise ConfigurationError(f"{path.name} columns", unknown or sorted(found.columns), allowed)
    return found


def _readable(name: str, error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return ConfigurationError(name, "without " + key, f"a file with {key}")
    allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        allowed = f"one of {', '.join(OptionMap.model_fields)}, in this place"
    return ConfigurationError(f"{name} {key}", first["input"], allowed)


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
        self._scan, self._held = _opened(path)
        wanted = [*mapping.columns.values(), *filter(None, [mapping.stated_session])]
        missing = [name for name in wanted if name not in self._held]
        if missing:
            raise ConfigurationError(
                f"{path.name} columns", missing, f"among the file's: {', '.join(self._held)}"
            )
        for name in TIMES:
            if name in mapping.columns:
                self._check_time(name)

    def _check_time(self, name: str) -> None:
        """Refuse a column of which no value is a time, or whose zone nobody told."""
        column, kind = pl.col(self._map.columns[name]), self._held[self._map.columns[name]]
        if not isinstance(kind, pl.Datetime | pl.String):
            raise ConfigurationError(f"{self.path.name} {name}", kind, "a column of times")
        is_bare = isinstance(kind, pl.Datetime) and kind.time_zone is None
        if kind == pl.String:
            bare = ~column.str.contains(ZONED)
            is_bare = bool(self._scan.select(bare.any()).collect().item())
        if is_bare and self._map.time_zone is None:
            raise ConfigurationError(
                f"{self.path.name} {name}", str(kind), "a time with its zone; set time_zone"
            )
        known = self._scan.select(self._time(name).count(), column.first().alias("first"))
        count, first = known.collect().row(0)
        if not count:
            raise ConfigurationError(
                f"{self.path.name} {name}", first, "a time such as 2025-03-03 15:45:00"
            )

    def number(self) -> int:
        """Return a negative number that only this file has, in place of a spool batch's."""
        with self.path.open("rb") as file:
            return -int(hashlib.file_digest(file, "sha256").hexdigest()[:15], 16)

    def sessions(self, calendar: TradingCalendar) -> list[tuple[date, datetime, datetime]]:
        """Return the sessions that quotes are of, ascending, each with its span [from, to).

        A row without a readable time is looked at, and refused, with the first of them.

        Raises:
            CalendarError: a quote is from outside of the calendar.
        """
        hours = self._scan.select(self._time("timestamp").dt.truncate("1h")).unique().collect()
        spans: dict[date, list[datetime]] = {}
        for hour in hours["timestamp"].drop_nulls().sort():
            spans.setdefault(calendar.session_date(hour), []).append(hour)
        self._first = min(hour for held in spans.values() for hour in held)
        return [(day, held[0], held[-1] + HOUR) for day, held in sorted(spans.items())]

    def session(self, session_date: date, begin: datetime, end: datetime) -> Mapped:
        """Return the rows whose quotes lie in [begin, end), as a session's."""
        at = self._time("timestamp")
        is_timeless = at.is_null() & (begin == self._first)
        raw = self._scan.filter(at.is_between(begin, end, closed="left") | is_timeless).collect()
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
        found |= {name: _number(found[name]) for name in numbers}
        found["symbol"] = found["symbol"].cast(pl.String)
        found["right"] = found["right"].cast(pl.String).str.slice(0, 1).str.to_uppercase()
        found["expiry"] = _date(found["expiry"], self._held[theirs["expiry"]])
        found["timestamp"] = self._time("timestamp")
        found["received_at"] = self._time("received_at" if "received_at" in theirs else "timestamp")
        if self._map.open_interest_of == "same_close":
            found["open_interest"] = pl.lit(None, pl.Float64)
        return [each.alias(name) for name, each in found.items()]

    def _time(self, name: str) -> pl.Expr:
        """Return a column of times as UTC; null where it is none."""
        column, kind = pl.col(self._map.columns[name]), self._held[self._map.columns[name]]
        if kind == pl.String:
            is_zoned = column.str.contains(ZONED)
            zoned = pl.when(is_zoned).then(column).str
            bare = pl.when(~is_zoned).then(column).str
            at = pl.coalesce(
                zoned.to_datetime(time_unit="us", time_zone="UTC", strict=False),
                self._in_utc(bare.to_datetime(time_unit="us", strict=False)),
            )
        elif isinstance(kind, pl.Datetime) and kind.time_zone is None:
            at = self._in_utc(column)
        else:
            at = column.dt.convert_time_zone("UTC")
        return at.dt.cast_time_unit("us").alias(name)

    def _in_utc(self, bare: pl.Expr) -> pl.Expr:
        """Return times of the map's zone as UTC; null for those that the clocks skip or repeat."""
        zone = self._map.time_zone or "UTC"
        here = bare.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
        return here.dt.convert_time_zone("UTC")

    def _notes(self, raw: pl.DataFrame, session_date: date) -> Iterator[tuple[str, int]]:
        theirs = self._map.columns
        for name in ZERO_IS_NONE:
            if name in theirs:
                zeros = raw.filter(_number(pl.col(theirs[name])) == 0).height
                yield f"{name} is 0: taken as none", zeros
        if "open_interest" in theirs:
            told = raw[theirs["open_interest"]].count()
            if self._map.open_interest_of == "same_close":
                yield "open interest of the same close, not known at the quote: left out", told
            else:
                yield "open interest of the close before: kept as such", told
        if "iv" in theirs:
            known = raw.filter(_number(pl.col(theirs["iv"])) != 0).height
            yield "volatility of the vendor: kept, statistics compute their own", known
        stated = self._map.stated_session
        if stated is not None:
            day = _date(pl.col(stated), self._held[stated])
            moved = raw.filter(day != session_date).height
            yield "quoted in another session than the file says: filed under the quote's", moved


def _opened(path: Path) -> tuple[pl.LazyFrame, pl.Schema]:
    """Return a file and its columns.

    Raises:
        ConfigurationError: it is not what its name says.
    """
    scan = READERS[path.suffix](path)
    try:
        return scan, scan.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        says = str(error).partition("\n")[0]
        raise ConfigurationError(
            "FILES", str(path), f"a whole {path.suffix} file ({says})"
        ) from error


def _number(column: pl.Expr) -> pl.Expr:
    """Return a column as numbers, null where it is none."""
    return column.cast(pl.Float64, strict=False).fill_nan(None)


def _date(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return a column of dates, of text or of numbers such as 20250417 as dates, else null."""
    if kind.is_temporal():
        return column.cast(pl.Date)
    text = column.cast(pl.String)
    return pl.coalesce(
        text.str.to_date("%Y-%m-%d", strict=False), text.str.to_date("%Y%m%d", strict=False)
    )
