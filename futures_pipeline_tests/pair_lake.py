"""A lake with the bars of a pair, brought in by the ingestion as a collector's rows are."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.schemas import LAKE_COLUMNS
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.analytics.markets import second_prices
from futures_pipeline_tests.analytics.recorded import RECORDED

MINUTE = timedelta(minutes=1)
# After everything that these lakes hold.
LATER = datetime(2025, 12, 1, 12, 0, tzinfo=UTC)
CALENDAR = calendar_for(LATER)
CLOCK = f"{LATER.isoformat()}@4000000000.0*1"  # anchored in 2096: it stands still
FIRST, LAST = date(2024, 12, 12), date(2025, 4, 2)
LEVELS = {
    **{"ES": 5_900.0, "SPY": 588.0, "NQ": 21_000.0, "QQQ": 510.0, "BTC/USDT": 95_000.0},
    **{"RTY": 2_250.0, "IWM": 223.0},
}
CONTRACTS = {"ES": "ESH5", "NQ": "NQH5", "RTY": "RTYH5"}
ROLL_FREE = date(2025, 1, 2)  # ESH5 leads until the middle of March
BATCH_SCHEMA = {name: kind for name, kind in BARS_1M.schema.items() if name not in LAKE_COLUMNS}


def regular_days(count: int, first: date = ROLL_FREE) -> list[date]:
    """Return the first NYSE days of full length from a date on."""
    days = CALENDAR.regular.between(first, first + timedelta(days=2 * count + 10))
    return [day.session_date for day in days if day.minutes == 390][:count]


def planted_bars(
    seed: int, lead_seconds: int, days: Sequence[date], legs: tuple[str, str] = ("ES", "SPY")
) -> pl.DataFrame:
    """Return regular hours of a pair whose second leg follows by a known time, in ticks."""
    random = np.random.default_rng(seed)
    parts = []
    for day in days:
        paths = second_prices(random, lead_seconds)
        opens_at = CALENDAR.regular.on(day).opens_at
        ends = pl.Series([opens_at + MINUTE * minute for minute in range(391)])
        for symbol, path in zip(legs, paths, strict=True):
            tick = UNIVERSE[symbol].tick_size
            closes = np.round(LEVELS[symbol] * np.exp(path[::60]) / tick) * tick
            parts.append(bars_of(symbol, CONTRACTS.get(symbol, symbol), ends, closes))
    return pl.concat(parts)


def bars_of(symbol: str, contract: str, ends: pl.Series, closes: "np.ndarray") -> pl.DataFrame:
    """Return bars that have only a close and trade 600 times a minute."""
    rows = pl.DataFrame({"ts_end": ends, "close": closes.round(2)})
    return as_batch(
        rows.with_columns(
            symbol=pl.lit(symbol),
            contract=pl.lit(contract),
            ts_start=pl.col("ts_end") - MINUTE,
            volume=1_000.0,
            trade_count=600,
        )
    )


def as_batch(rows: pl.DataFrame) -> pl.DataFrame:
    """Return bars in the columns that a collector hands over; prices but the close are it."""
    days = {at: CALENDAR.session_date(at) for at in rows["ts_start"].unique()}
    filled = rows.with_columns(
        session_date=pl.col("ts_start").replace_strict(days, return_dtype=pl.Date),
        source=pl.lit("history"),
        received_at=pl.col("ts_end"),
        con_id=pl.lit(1),
        **{name: pl.col("close") for name in ("open", "high", "low")},
    )
    missing = [name for name in BATCH_SCHEMA if name not in filled.columns]
    whole = filled.with_columns(pl.lit(None).alias(name) for name in missing)
    return whole.select(pl.col(name).cast(kind) for name, kind in BATCH_SCHEMA.items())


def recorded_bars(
    file: str,
    symbol: str,
    minutes_to_start: int = 0,
    days: tuple[date, date] = (date.min, date.max),
) -> pl.DataFrame:
    """Return recorded bars as a collector's, of some days from 13:00 to 21:30 UTC.

    These hold the hours of NYSE. A bar starts so many minutes after its label.
    """
    path = RECORDED / f"{file}.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market data at {path}")
    in_hours = pl.col("ts_utc").dt.time().is_between(time(13), time(21, 30))
    in_days = pl.col("ts_utc").dt.date().is_between(*days)
    rows = pl.read_parquet(path).filter(in_hours, in_days, symbol=symbol)
    contract = pl.col("contract") if "contract" in rows.columns else pl.lit(symbol)
    start = pl.col("ts_utc").cast(BARS_1M.schema["ts_start"]) + MINUTE * minutes_to_start
    named = rows.select(
        "symbol", "close", contract=contract, ts_start=start, volume=pl.col("volume").cast(float)
    )
    return as_batch(named.with_columns(ts_end=pl.col("ts_start") + MINUTE))


def fill(data: Path, *bars: pl.DataFrame) -> Path:
    """Spool bars and bring them into the lake of a data directory; returns the directory."""
    rows = pl.concat(bars)
    with closing(Spool(f"sqlite:///{data / 'collector.sqlite'}")) as spool:
        for (day,), of_day in rows.partition_by("session_date", as_dict=True).items():
            spool.append([NewBatch(BARS_1M.name, day, of_day)], LATER)
        symbols = [UNIVERSE[symbol] for symbol in rows["symbol"].unique()]
        ingestion = Ingestion(Lake(data / "lake"), spool, symbols, CALENDAR, "test")
        for day in rows["session_date"].unique().sort():
            report = ingest_partition(ingestion, BARS_1M, day, LATER)
            assert not report.refused, report
    return data


def recorded_lake(directories: pytest.TempPathFactory) -> Path:
    """Return the recorded sessions of ES and SPY, filled once a test run; only to be read.

    Skips without the files.
    """
    data = directories.getbasetemp() / "recorded-es-spy"
    if not data.exists():
        files = (("es_front_1m_2024_2025", "ES"), ("spy_1m_2024_2025", "SPY"))
        bars = [recorded_bars(file, symbol, days=(FIRST, LAST)) for file, symbol in files]
        data.mkdir()
        fill(data, *bars)
    return data
