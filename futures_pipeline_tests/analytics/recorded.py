"""Recorded pairs of one-minute bars, as returns; a test skips where they are not there."""

import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.analytics.reference_prices import PRICE_SCHEMA
from futures_pipeline.analytics.returns.grid import grid_returns
from futures_pipeline.analytics.returns.pairs import front_returns, paired_returns
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline_tests.analytics.frames import all_hours

CALENDAR = load_calendar(date(2018, 12, 1), date(2025, 12, 31))
RECORDED = Path(
    os.environ.get("FUTURES_PIPELINE_RECORDED_DATA")
    or Path(__file__).resolve().parents[3] / "shared" / "data"
)


def recorded_closes(file: str, symbol: str, minutes_to_end: int) -> pl.DataFrame:
    """Return the closes of a file as prices; a bar ends so many minutes after its label."""
    path = RECORDED / f"{file}.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market data at {path}")
    bars = pl.read_parquet(path).filter(symbol=symbol)
    contract = "contract" if "contract" in bars.columns else "symbol"
    return bars.select(
        pl.col("symbol"),
        pl.col(contract).alias("contract"),
        timestamp=pl.col("ts_utc") + timedelta(minutes=minutes_to_end),
        price=pl.col("close"),
        price_source=pl.lit("bar_close"),
        price_reason=pl.lit(None, pl.String),
    ).select(pl.col(name).cast(dtype) for name, dtype in PRICE_SCHEMA.items())


def paired(legs: Sequence[pl.DataFrame], first: date, last: date, minutes: int = 1) -> pl.DataFrame:
    """Return the paired returns of two recorded legs between two dates."""
    days = [session.session_date for session in CALENDAR.globex.between(first, last)]
    # A coin's market never closes; the hours of Globex are all that a pair can use.
    hours = all_hours(CALENDAR) | {"BTCUSDT": CALENDAR.globex}
    returns = grid_returns(pl.concat(legs), hours, CALENDAR, days, minutes)
    symbols = [leg["symbol"][0] for leg in legs]
    futures = pl.col("contract") != pl.col("symbol")
    schedule = returns.filter(futures).select("symbol", "session_date", "contract").unique()
    return paired_returns(front_returns(returns, schedule), *symbols)
