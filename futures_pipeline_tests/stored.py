"""A small lake for the tests of the public door: rows name what a test is about."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import TABLES

DAY = date(2025, 3, 13)
NOON = datetime(2025, 3, 13, 16, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def store(data: Path, table: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Append rows, filling the columns that a test does not name with null."""
    frame = pl.DataFrame(list(rows), schema_overrides=TABLES[table].schema)
    missing = {name: kind for name, kind in TABLES[table].schema.items() if name not in frame}
    whole = frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    opened = Lake(data / "lake").open_or_create(table)
    opened.append(whole, Once("test", opened.version + 1), {})


def snapshot(contract: str, at: datetime, last: float, **values: object) -> dict[str, object]:
    """Return the named columns of a live ES snapshot."""
    return {
        "symbol": "ES",
        "contract": contract,
        "session_date": DAY,
        "timestamp": at,
        "last": last,
        "data_type": "live",
        **values,
    }


def change(contract: str, at: datetime, change_1h: float, **values: object) -> dict[str, object]:
    """Return the named columns of a row of ``change_metrics`` of ES."""
    return {
        "symbol": "ES",
        "contract": contract,
        "session_date": DAY,
        "timestamp": at,
        "change_1h": change_1h,
        **values,
    }


def bar(contract: str, ends_at: datetime, close: float, **values: object) -> dict[str, object]:
    """Return the named columns of a minute bar of ES from history."""
    return {
        "symbol": "ES",
        "contract": contract,
        "session_date": DAY,
        "ts_start": ends_at - MINUTE,
        "ts_end": ends_at,
        **dict.fromkeys(("open", "high", "low", "close"), close),
        "volume": 1.0,
        "source": "history",
        **values,
    }
