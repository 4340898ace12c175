"""Reading recorded one-minute bars from Parquet: what is usable, and what is left out and why.

A file needs ``ts_utc`` (start of the bar, with a time zone), ``symbol``, ``open``, ``high``,
``low``, ``close`` and ``volume``; it may have ``bid``, ``ask``, ``bid_size``, ``ask_size`` and
``contract`` (``ESH5`` or ``202503``). Nothing is repaired: a row is taken as it is, or dropped
and counted.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from futures_pipeline.domain.contracts import front_month, parse_local_symbol
from futures_pipeline.domain.errors import RecordedDataError
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.simulator.market.universe import (
    FIXED_CON_IDS,
    calendar_at,
    futures_listing,
    rule_front_candidates,
)

PRICES = ("open", "high", "low", "close")
QUOTES = ("bid", "ask", "bid_size", "ask_size")
NEEDED = ("ts_utc", "symbol", *PRICES, "volume")
BAR_SECONDS = 60
CLOSURE_SECONDS = 3600  # a longer gap between bars says nothing about their length
FRONT_MONTH = -1  # stands for a future without contract until its session is known

log = logging.getLogger(__name__)


class _Unusable(Exception):
    """A file that is no one-minute bar file; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows that were left out of a file, or of a contract."""

    where: str
    reason: str
    rows: int


@dataclass(slots=True)
class Report:
    """Everything that was left out; also logged, as it is found."""

    skipped: list[Skipped] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def skip(self, file: Path, reason: str) -> None:
        log.warning("recorded_file_skipped file=%s reason=%s", file, reason)
        self.skipped.append(Skipped(str(file), reason))

    def drop(self, where: Path | str, reason: str, rows: int) -> None:
        if rows:
            log.warning("recorded_rows_dropped where=%s reason=%r rows=%d", where, reason, rows)
            self.dropped.append(Dropped(str(where), reason, rows))


def read_files(paths: Iterable[Path]) -> tuple[pl.DataFrame, Report]:
    """Return the usable rows of all files and what was left out.

    Rows: ``con_id``, ``at`` (epoch seconds of the bar's start), prices and volume (null in a
    minute that was only quoted), quotes (null where unknown); sorted and unique by contract
    and minute.

    Raises:
        RecordedDataError: no file is usable.
    """
    frames, report = [], Report()
    for file in _files(paths):
        try:
            frames.append(_read(file, report))
        except _Unusable as unusable:
            report.skip(file, str(unusable))
    if not frames:
        reasons = "; ".join(f"{skip.file}: {skip.reason}" for skip in report.skipped)
        raise RecordedDataError(
            f"recorded data: no usable one-minute bar file ({reasons or 'no Parquet file found'})"
        )
    return _unique(pl.concat(frames), report), report


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise RecordedDataError(f"recorded data: {path} does not exist; check --recorded")
        found += sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return found


def _read(file: Path, report: Report) -> pl.DataFrame:
    try:
        raw = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _Unusable(f"cannot be read as Parquet ({str(error).splitlines()[0]})") from error
    _check_columns(raw)
    rows = _identified(_columns(raw), file, report)
    if rows.is_empty():
        known = ", ".join(UNIVERSE)
        seen = ", ".join(str(name) for name in raw["symbol"].unique().sort().head(5).to_list())
        raise _Unusable(f"holds no rows of {known}, only of {seen or 'nothing'}")
    _check_spacing(rows)
    valid = _valid(rows, file, report)
    if valid.is_empty():
        raise _Unusable("holds no row with possible values")
    return valid


def _check_columns(raw: pl.DataFrame) -> None:
    missing = [name for name in NEEDED if name not in raw.columns]
    if missing:
        raise _Unusable(f"lacks the columns {', '.join(missing)}")
    stamps = raw.schema["ts_utc"]
    if not isinstance(stamps, pl.Datetime):
        raise _Unusable(f"ts_utc is {stamps}, not a time with a time zone")
    if stamps.time_zone is None:
        raise _Unusable("ts_utc has no time zone (naive time stamps)")
    if raw.schema["symbol"] not in (pl.String, pl.Categorical):
        raise _Unusable(f"symbol is {raw.schema['symbol']}, not text")
    numbers = [name for name in (*PRICES, "volume", *QUOTES) if name in raw.columns]
    text = [name for name in numbers if not raw.schema[name].is_numeric()]
    if text:
        raise _Unusable(f"{', '.join(text)}: not numbers")
    if "bar_label" in raw.columns and (raw["bar_label"].cast(pl.String) == "end").any():
        raise _Unusable("bars are labelled by their end (bar_label), starts are needed")
    within = pl.col("ts_utc").dt.second().cast(pl.Int64) + pl.col("ts_utc").dt.nanosecond()
    if not raw.select((within == 0).all()).item():
        raise _Unusable("time stamps do not lie on whole minutes")


def _columns(raw: pl.DataFrame) -> pl.DataFrame:
    def optional(name: str, kind: type[pl.DataType]) -> pl.Expr:
        column = pl.col(name) if name in raw.columns else pl.lit(None)
        return column.cast(kind).alias(name)

    return raw.select(
        pl.col("ts_utc").dt.epoch("s").alias("at"),
        pl.col("symbol").cast(pl.String),
        optional("contract", pl.String),
        *(pl.col(name).cast(pl.Float64) for name in (*PRICES, "volume")),
        *(optional(name, pl.Float64) for name in QUOTES),
    ).drop_nulls(["at", "symbol"])


def _identified(rows: pl.DataFrame, file: Path, report: Report) -> pl.DataFrame:
    """Return the rows with their contract's id; others are dropped and counted."""
    names = rows.group_by("symbol", "contract").agg(pl.col("at").min())
    ids = [_con_id(*name) for name in names.iter_rows()]
    known = names.drop("at").with_columns(pl.Series("con_id", ids, dtype=pl.Int64))
    joined = rows.join(known, on=["symbol", "contract"], how="left", nulls_equal=True)
    spread = joined["symbol"].str.contains("-", literal=True) | (
        joined["contract"].fill_null("").str.contains("-", literal=True)
    )
    report.drop(file, "calendar spreads", int((joined["con_id"].is_null() & spread).sum()))
    report.drop(file, "unknown contracts", int((joined["con_id"].is_null() & ~spread).sum()))
    joined = joined.filter(pl.col("con_id").is_not_null())
    return _with_front_months(joined).drop("symbol", "contract")


def _con_id(symbol: str, contract: str | None, first_at: int) -> int | None:
    """Return the id of a symbol and contract as a file names them, None when unknown."""
    if symbol in FIXED_CON_IDS:
        return FIXED_CON_IDS[symbol]
    near = datetime.fromtimestamp(first_at, UTC)
    calendar = calendar_at(near)
    if contract is None and symbol in UNIVERSE:
        return FRONT_MONTH
    month = _contract_month(symbol, contract, near)
    known = month is not None and calendar.regular.sessions[0].session_date.year <= month[1]
    listing = futures_listing(*month, calendar.regular) if month and known else None
    return listing.con_id if listing else None


def _contract_month(
    symbol: str, contract: str | None, near: datetime
) -> tuple[str, int, int] | None:
    """Return (symbol, year, month) from ``ES`` and ``ESH5`` or ``202503``, or from ``ESH5``."""
    if contract is not None and len(contract) == 6 and contract.isdecimal():
        return symbol, int(contract[:4]), int(contract[4:])
    named = parse_local_symbol(contract or symbol, near.date())
    return named if named and (contract is None or named[0] == symbol) else None


def _with_front_months(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the calendar's front month where a future names no contract."""
    unnamed = rows.filter(pl.col("con_id") == FRONT_MONTH).select("symbol", "at")
    if unnamed.is_empty():
        return rows
    last_at = int(rows["at"].to_numpy().max())
    calendar = calendar_at(datetime.fromtimestamp(last_at, UTC))
    hours = unnamed.select("symbol", (pl.col("at") // 3600).alias("hour")).unique()
    fronts = [_front(symbol, hour * 3600, calendar) for symbol, hour in hours.iter_rows()]
    table = hours.with_columns(pl.Series("front", fronts, dtype=pl.Int64))
    return (
        rows.with_columns((pl.col("at") // 3600).alias("hour"))
        .join(table, on=["symbol", "hour"], how="left")
        .with_columns(
            pl.when(pl.col("con_id") == FRONT_MONTH)
            .then(pl.col("front"))
            .otherwise(pl.col("con_id"))
            .alias("con_id")
        )
        .drop("hour", "front")
    )


def _front(symbol: str, at: int, calendar: TradingCalendar) -> int:
    day = calendar.session_date(datetime.fromtimestamp(at, UTC))
    return front_month(rule_front_candidates(symbol, day, calendar), day, calendar.globex).con_id


def _check_spacing(rows: pl.DataFrame) -> None:
    """Refuse bars longer than a minute, judged by the contract that trades most often."""
    spacing = (
        rows.unique(["con_id", "at"])
        .sort("con_id", "at")
        .with_columns(pl.col("at").diff().over("con_id").alias("seconds"))
        .filter(pl.col("seconds") < CLOSURE_SECONDS)
        .group_by("con_id")
        .agg(pl.col("seconds").median())
    )
    usual = spacing["seconds"].min()
    if isinstance(usual, int | float) and usual > BAR_SECONDS:
        raise _Unusable(f"bars are usually {usual:g} seconds apart, one minute is needed")


def _valid(rows: pl.DataFrame, file: Path, report: Report) -> pl.DataFrame:
    """Drop and count the rows whose values cannot be true."""
    index = pl.col("con_id").is_in(
        [FIXED_CON_IDS[name] for name in FIXED_CON_IDS if UNIVERSE[name].kind is Kind.INDEX]
    )
    rows = rows.with_columns(
        pl.when(index).then(pl.col("volume").fill_null(0.0)).otherwise(pl.col("volume"))
    )
    quoted_only = pl.all_horizontal(pl.col(name).is_null() for name in PRICES)
    has_quote = pl.col("bid").is_not_null() | pl.col("ask").is_not_null()
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in (*PRICES, "volume"))
    possible = pl.all_horizontal(
        *((pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(True) for name in PRICES),
        *(
            (pl.col(name).is_finite() & (pl.col(name) >= 0)).fill_null(True)
            for name in ("volume", *QUOTES)
        ),
    )
    inside = (pl.col("high") >= pl.max_horizontal("open", "close", "low")) & (
        pl.col("low") <= pl.min_horizontal("open", "close")
    )
    good = possible & ((quoted_only & has_quote) | (whole & inside))
    kept = rows.filter(good.fill_null(False))
    report.drop(file, "missing, negative or contradictory values", len(rows) - len(kept))
    return kept.with_columns(pl.when(quoted_only).then(None).otherwise("volume").alias("volume"))


def _unique(rows: pl.DataFrame, report: Report) -> pl.DataFrame:
    """Keep one row for each contract and minute: a bar before a mere quote, else the first."""
    ordered = rows.sort(
        "con_id", "at", pl.col("close").is_null(), maintain_order=True
    ).with_columns((pl.struct("con_id", "at").rle_id()).alias("key"))
    values = pl.struct(*PRICES, "volume")
    repeated = pl.col("key") == pl.col("key").shift()
    differs = repeated & pl.col("close").is_not_null() & (values != values.shift())
    conflicts = int(ordered.select(differs.fill_null(False).sum()).item())
    report.drop("all files", "another bar of the same contract and minute came first", conflicts)
    return ordered.unique("key", keep="first", maintain_order=True).drop("key")


def columns_of(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return float columns with NaN for null."""
    return rows.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in names)
