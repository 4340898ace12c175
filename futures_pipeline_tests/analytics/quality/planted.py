"""Sessions of bars and quotes with one planted fault each."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from futures_pipeline.analytics.quality import regular_hours
from futures_pipeline.domain.calendar import load_calendar

CALENDAR = load_calendar(date(2018, 12, 1), date(2025, 12, 31))
SESSION = date(2025, 1, 15)
OPEN = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOURS = regular_hours(CALENDAR.regular, [SESSION])
MINUTES = 390


def noise(seed: int, size: int = MINUTES) -> "np.ndarray[Any, Any]":
    return np.random.default_rng(seed).normal(scale=2e-4, size=size)


def bars(
    symbol: str, returns: "np.ndarray[Any, Any]", contract: str = "", start: datetime = OPEN
) -> pl.DataFrame:
    """Return a bar a minute from ``start`` whose closes follow ``returns``."""
    closes = 5000.0 * np.exp(np.cumsum(returns))
    starts = [start + MINUTE * n for n in range(len(closes))]
    return pl.DataFrame(
        {
            "session_date": [SESSION] * len(starts),
            "symbol": symbol,
            "contract": contract or symbol,
            "ts_start": starts,
            "ts_end": [at + MINUTE for at in starts],
            "high": closes + 0.5,
            "low": closes - 0.5,
            "close": closes,
            "volume": 100.0,
        },
        schema_overrides={
            "ts_start": pl.Datetime("us", "UTC"),
            "ts_end": pl.Datetime("us", "UTC"),
        },
    )


def quotes(symbol: str, minutes: range = range(1, MINUTES), **values: Any) -> pl.DataFrame:
    """Return a snapshot a minute, each a tick higher than the one before."""
    at = [OPEN + MINUTE * n for n in minutes]
    prices = [5000.0 + 0.25 * n for n in minutes]
    return pl.DataFrame(
        {
            "session_date": [SESSION] * len(at),
            "symbol": symbol,
            "contract": symbol,
            "timestamp": at,
            "bid": prices,
            "ask": [price + 0.25 for price in prices],
            "bid_size": 10.0,
            "ask_size": 10.0,
            "last": prices,
            "last_at": at,
            "volume": [100.0 * n for n in minutes],
        }
    ).with_columns(**values)
