"""The public door: what is stored comes out, and nothing stored gives nothing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.api import (
    get_change_metrics,
    get_historical_snapshots,
    get_latest_snapshots,
)
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import CHANGE_METRICS, TABLES

DAY = date(2025, 3, 13)
NOON = datetime(2025, 3, 13, 16, tzinfo=UTC)


def stored(data: Path, table: str, rows: list[dict[str, object]]) -> None:
    """Append rows, filling the columns that a test does not name with null."""
    frame = pl.DataFrame(rows, schema_overrides=TABLES[table].schema)
    missing = {name: kind for name, kind in TABLES[table].schema.items() if name not in frame}
    whole = frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    opened = Lake(data / "lake").open_or_create(table)
    opened.append(whole, Once("test", opened.version + 1), {})


def snapshot(contract: str, at: datetime, last: float) -> dict[str, object]:
    """Return the named columns of an ES snapshot."""
    return {
        "symbol": "ES",
        "contract": contract,
        "session_date": DAY,
        "timestamp": at,
        "last": last,
    }


def test_nothing_stored_gives_nothing(tmp_path: Path) -> None:
    assert get_latest_snapshots(data=tmp_path) == {}
    assert get_change_metrics("ES", data=tmp_path) == {}
    history = get_historical_snapshots("ES", 4, data=tmp_path)
    assert history.is_empty()
    assert {"symbol", "timestamp", "last", "change_1h"} <= set(history.columns)


def test_the_newest_row_of_the_front_month_is_the_latest(tmp_path: Path) -> None:
    later = NOON + timedelta(minutes=1)
    stored(
        tmp_path,
        "futures_snapshots",
        [
            snapshot("ESH5", NOON, 5_600.0),
            snapshot("ESM5", later, 5_660.0),
            snapshot("ESH5", later, 5_601.0),
        ],
    )

    latest = get_latest_snapshots(data=tmp_path)

    assert list(latest) == ["ES"]
    assert (latest["ES"]["contract"], latest["ES"]["last"]) == ("ESH5", 5_601.0)
    assert latest["ES"]["change_1h"] is None


def test_changes_are_joined_by_contract_and_time(tmp_path: Path) -> None:
    stored(tmp_path, "futures_snapshots", [snapshot("ESH5", NOON, 5_600.0)])
    changes = [
        {"contract": "ESH5", "timestamp": NOON, "change_1h": 2.5},
        {"contract": "ESM5", "timestamp": NOON, "change_1h": 99.0},
    ]
    stored(
        tmp_path,
        CHANGE_METRICS.name,
        [{"symbol": "ES", "session_date": DAY, **change} for change in changes],
    )

    assert get_latest_snapshots(data=tmp_path)["ES"]["change_1h"] == 2.5
    assert get_change_metrics("ES", data=tmp_path)["change_1h"] == 2.5


def test_history_reaches_back_from_the_newest_row(tmp_path: Path) -> None:
    ages = (0, 30, 60, 61, 600)
    rows = [snapshot("ESH5", NOON - timedelta(minutes=age), 5_600.0) for age in ages]
    stored(tmp_path, "futures_snapshots", rows)

    history = get_historical_snapshots("ES", 1, data=tmp_path)

    assert history["timestamp"].to_list() == [
        NOON - timedelta(minutes=60),
        NOON - timedelta(minutes=30),
        NOON,
    ]


@pytest.mark.parametrize("symbol", ["XX", "../lake"])
def test_an_unknown_symbol_is_an_error(tmp_path: Path, symbol: str) -> None:
    with pytest.raises(PipelineError, match="symbol"):
        get_change_metrics(symbol, data=tmp_path)
