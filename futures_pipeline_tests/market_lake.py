"""A lake with three months of a future, its ETF and VIX, written as ingestion leaves it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS, TABLES

CALENDAR = calendar_for(datetime(2025, 6, 1, tzinfo=UTC))
MINUTE = timedelta(minutes=1)
CONTRACT, EXPIRY = "ESH5", date(2025, 3, 21)
SCALE, LEVEL, VIX_LEVEL = 10.0, 5_900.0, 17.0
# The whole session's usual move, a fraction.
DAILY = 0.008


def sessions(last: date, count: int) -> list[date]:
    """Return the last Globex sessions up to a date, ascending."""
    before = CALENDAR.globex.before(last + timedelta(days=1), count)
    return [session.session_date for session in before]


def random_night(seed: int, level: float, minutes: int, daily: float = DAILY) -> "np.ndarray":
    """Return a session's closes, a random walk in ticks; ``daily``: its usual move, a fraction."""
    steps = np.random.default_rng(seed).normal(0.0, daily / np.sqrt(1_380), minutes)
    return np.round(level * np.exp(np.cumsum(steps)) * 4) / 4


def session_bars(day: date, closes: "np.ndarray", contract: str = CONTRACT) -> pl.DataFrame:
    """Return the bars of a session of all three; ``closes``: of the future, a minute each."""
    session = CALENDAR.globex.on(day)
    regular = CALENDAR.regular.on(day)
    starts = pl.Series([session.opens_at + MINUTE * m for m in range(len(closes))])
    future = _bars("ES", contract, day, starts, closes, EXPIRY)
    if regular is None:
        return future
    open_ = starts.is_between(regular.opens_at, regular.closes_at, closed="left").to_numpy()
    spot = np.round(closes[open_] / SCALE * 100) / 100
    vix = np.full(open_.sum(), VIX_LEVEL)
    in_hours = starts.filter(pl.Series(open_))
    return pl.concat(
        [
            future,
            _bars("SPY", "SPY", day, in_hours, spot, None),
            _bars("VIX", "VIX", day, in_hours, vix, None),
        ]
    )


def _bars(
    symbol: str,
    contract: str,
    day: date,
    starts: pl.Series,
    closes: "np.ndarray",
    expiry: date | None,
) -> pl.DataFrame:
    opens = np.concatenate([closes[:1], closes[:-1]])
    rows = pl.DataFrame({"ts_start": starts, "close": closes, "open": opens}).with_columns(
        symbol=pl.lit(symbol),
        contract=pl.lit(contract),
        expiry=pl.lit(expiry, pl.Date),
        session_date=pl.lit(day),
        ts_end=pl.col("ts_start") + MINUTE,
        high=pl.max_horizontal("open", "close"),
        low=pl.min_horizontal("open", "close"),
        volume=pl.lit(100.0),
        source=pl.lit("history"),
        received_at=pl.col("ts_start") + MINUTE,
        ingested_at=pl.col("ts_start") + 2 * MINUTE,
        spool_seq=pl.lit(1),
        con_id=pl.lit(1),
    )
    return whole(rows, BARS_1M.name)


def snapshots_of(bars: pl.DataFrame) -> pl.DataFrame:
    """Return live quotes of the future, a tick wide, at the end of each of its bars."""
    rows = bars.filter(symbol="ES").select(
        *("symbol", "contract", "con_id", "expiry", "session_date"),
        timestamp="ts_end",
        bid=pl.col("close"),
        ask=pl.col("close") + 0.25,
        last="close",
        last_at="ts_end",
        data_type=pl.lit("live"),
        received_at="ts_end",
        ingested_at=pl.col("ts_end") + MINUTE,
        spool_seq=pl.lit(1),
    )
    return whole(rows, FUTURES_SNAPSHOTS.name)


def whole(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return rows with all columns of a table, null where a test names none."""
    schema = TABLES[table].schema
    missing = [pl.lit(None, kind).alias(n) for n, kind in schema.items() if n not in rows.columns]
    shaped = rows.with_columns(missing).select(pl.col(n).cast(kind) for n, kind in schema.items())
    return shaped.sort(TABLES[table].order)


def add(lake: Lake, table: str, rows: pl.DataFrame) -> int:
    """Append rows; return the table's version."""
    opened = lake.open_or_create(table)
    opened.append(rows, Once("test", opened.version + 1), {})
    return opened.version


def planted(lake: Lake, table: str, *rows: dict[str, Any]) -> int:
    """Append rows that name the columns a test is about."""
    frame = pl.DataFrame(
        list(rows),
        schema_overrides={
            name: kind for name, kind in TABLES[table].schema.items() if name in rows[0]
        },
    )
    return add(lake, table, whole(frame, table))


def market(data: Path, days: Sequence[date], seed: int = 7, daily: float = DAILY) -> Lake:
    """Fill a lake with a random market; snapshots of the last session alone."""
    lake, level, parts = Lake(data / "lake"), LEVEL, []
    for number, day in enumerate(days):
        minutes = CALENDAR.globex.on(day).minutes
        closes = random_night(seed + number, level, minutes, daily)
        parts.append(session_bars(day, closes))
        level = closes[-1]
    add(lake, BARS_1M.name, pl.concat(parts))
    add(lake, FUTURES_SNAPSHOTS.name, snapshots_of(parts[-1]))
    return lake
