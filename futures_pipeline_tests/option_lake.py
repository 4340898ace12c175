"""A lake of options with a known truth: the simulator's surface at each close, and closes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS
from futures_pipeline_tests.analytics.options.chains import CALM, Truth, chain
from futures_pipeline_tests.stored import bar, store

CALENDAR = load_calendar(date(2024, 1, 2), date(2026, 12, 31))
LAST = date(2025, 3, 3)
# The clock stands at 18:05 New York of the last session, anchored in 2096.
CLOCK = f"{(new_york(LAST, 18) + timedelta(minutes=5)).isoformat()}@4000000000.0*1"


def regular_days(count: int, calendar: TradingCalendar = CALENDAR) -> list[date]:
    """Return the last sessions of NYSE up to the last."""
    earlier = calendar.regular.before(LAST, count - 1)
    return [*(session.session_date for session in earlier), LAST]


def closes_at(day: date) -> datetime:
    session = CALENDAR.regular.on(day)
    assert session is not None
    return session.closes_at


def plant_options(
    data: Path, day: date, truth: Truth | None = None, **values: pl.Expr | object
) -> None:
    """Store a chain seen three minutes before the close of a session."""
    at = closes_at(day) - timedelta(minutes=3)
    seen = replace(truth or Truth(variance=CALM), observed_at=at)
    rows = option_frame(chain(seen), day).with_columns(
        **{n: v if isinstance(v, pl.Expr) else pl.lit(v) for n, v in values.items()}
    )
    table = Lake(data / "lake").open_or_create(OPTION_SNAPSHOTS.name)
    once = Once(f"spool:{OPTION_SNAPSHOTS.name}:{day}", table.version + 1)
    table.append(rows.select(OPTION_SNAPSHOTS.names), once, {})


def option_frame(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return a chain with the columns that the lake has beside the statistics'."""
    missing: Mapping[str, object] = {
        "con_id": 7,
        "session_date": day,
        "bid_size": 10.0,
        "ask_size": 10.0,
        "last": None,
        "last_at": None,
        "greeks": "model",
        "data_type": "live",
        "spool_seq": 1,
    }
    filled = rows.with_columns(
        *(pl.lit(v, OPTION_SNAPSHOTS.schema[n]).alias(n) for n, v in missing.items()),
        greeks_at="timestamp",
        ingested_at="received_at",
    )
    return filled.select(pl.col(n).cast(kind) for n, kind in OPTION_SNAPSHOTS.schema.items())


def plant_closes(data: Path, closes: Mapping[str, Sequence[float]], days: Sequence[date]) -> None:
    """Store the last minute of each session's regular hours."""
    rows = [
        bar(symbol, closes_at(day), close, symbol=symbol, session_date=day)
        for symbol, values in closes.items()
        for day, close in zip(days, values, strict=True)
    ]
    store(data, "bars_1m", rows)
