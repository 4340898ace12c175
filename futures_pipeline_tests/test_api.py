"""The public door: what is stored comes out, and nothing stored gives nothing."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from futures_pipeline.api import (
    get_change_metrics,
    get_continuous_bars,
    get_historical_snapshots,
    get_latest_snapshots,
)
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import CHANGE_METRICS
from futures_pipeline_tests.stored import DAY, MINUTE, NOON, bar, change, snapshot, store


def test_nothing_stored_gives_nothing(tmp_path: Path) -> None:
    assert get_latest_snapshots(data=tmp_path) == {}
    assert get_change_metrics("ES", data=tmp_path) == {}
    history = get_historical_snapshots("ES", 4, data=tmp_path)
    assert history.is_empty()
    assert {"symbol", "timestamp", "last", "change_1h", "is_front_month"} <= set(history.columns)
    bars = get_continuous_bars("ES", 5, data=tmp_path)
    assert bars.is_empty()
    assert {"close", "adjusted_close", "log_return"} <= set(bars.columns)


def test_the_newest_row_of_the_front_month_is_the_latest(tmp_path: Path) -> None:
    later = NOON + timedelta(minutes=1)
    store(
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
    store(tmp_path, "futures_snapshots", [snapshot("ESH5", NOON, 5_600.0)])
    changes = [change("ESH5", NOON, 2.5), change("ESM5", NOON, 99.0)]
    store(tmp_path, CHANGE_METRICS.name, changes)

    assert get_latest_snapshots(data=tmp_path)["ES"]["change_1h"] == 2.5
    assert get_change_metrics("ES", data=tmp_path)["change_1h"] == 2.5


def test_history_reaches_back_from_the_newest_row(tmp_path: Path) -> None:
    ages = (0, 30, 60, 61, 600)
    rows = [snapshot("ESH5", NOON - timedelta(minutes=age), 5_600.0) for age in ages]
    store(tmp_path, "futures_snapshots", rows)

    history = get_historical_snapshots("ES", 1, data=tmp_path)

    assert history["timestamp"].to_list() == [
        NOON - timedelta(minutes=60),
        NOON - timedelta(minutes=30),
        NOON,
    ]


def test_a_symbol_without_recent_changes_is_found_further_back(tmp_path: Path) -> None:
    """Changes tell where to look first; NQ has none yet, and VIX last printed yesterday."""
    store(tmp_path, "futures_snapshots", [
        snapshot("ESH5", NOON, 5_600.0),
        snapshot("NQH5", NOON - timedelta(hours=3), 19_500.0, symbol="NQ"),
    ])  # fmt: skip
    yesterday = {"symbol": "VIX", "session_date": DAY - timedelta(days=1)}
    shut = NOON - timedelta(hours=20)
    store(tmp_path, "index_snapshots", [snapshot("VIX", shut, 21.0, **yesterday)])
    seen = [change("ESH5", NOON, 1.0), change("VIX", shut, 0.5, **yesterday)]
    store(tmp_path, CHANGE_METRICS.name, seen)

    latest = get_latest_snapshots(data=tmp_path)

    lasts = {symbol: row["last"] for symbol, row in latest.items()}
    assert lasts == {"ES": 5_600.0, "NQ": 19_500.0, "VIX": 21.0}


def test_the_data_type_is_shown(tmp_path: Path) -> None:
    rows = [
        snapshot("ESH5", NOON, 5_600.0),
        snapshot("ESH5", NOON + timedelta(minutes=1), 5_590.0, data_type="delayed"),
    ]
    store(tmp_path, "futures_snapshots", rows)

    latest = get_latest_snapshots(data=tmp_path)["ES"]

    assert (latest["last"], latest["data_type"]) == (5_590.0, "delayed")
    history = get_historical_snapshots("ES", 1, data=tmp_path)
    assert history["data_type"].to_list() == ["live", "delayed"]


def test_everything_can_be_read_as_it_was(tmp_path: Path) -> None:
    """By a version of a function's own table or by a time; other tables are of that moment."""
    for age, last in ((2, 5_600.0), (1, 5_601.0), (0, 5_602.0)):
        at = NOON - age * MINUTE
        time.sleep(0.002)  # commits are stamped to the millisecond
        store(tmp_path, "bars_1m", [bar("ESH5", at, last)])
        store(tmp_path, CHANGE_METRICS.name, [change("ESH5", at, last - 5_600.0)])
        store(tmp_path, "futures_snapshots", [snapshot("ESH5", at, last)])
    then = Lake(tmp_path / "lake").committed_at("futures_snapshots", 2)
    asks: list[Callable[..., float]] = [
        lambda **k: get_latest_snapshots(**k)["ES"]["last"],
        lambda **k: get_historical_snapshots("ES", 1, **k)["last"][-1],
        lambda **k: 5_600.0 + get_change_metrics("ES", **k)["change_1h"],
        lambda **k: get_continuous_bars("ES", 1, **k)["close"][-1],
    ]

    for ask in asks:
        assert ask(data=tmp_path) == 5_602.0
        assert ask(data=tmp_path, as_of=then) == 5_601.0
        assert ask(data=tmp_path, as_of=2) == 5_601.0
        with pytest.raises(PipelineError, match="version 9 is not kept"):
            ask(data=tmp_path, as_of=9)
    change_then = get_latest_snapshots(data=tmp_path, as_of=then)["ES"]["change_1h"]
    assert change_then == 1.0
    assert get_latest_snapshots(data=tmp_path, as_of=then - timedelta(days=1)) == {}
    with pytest.raises(PipelineError, match="a time with its zone"):
        get_latest_snapshots(data=tmp_path, as_of=then.replace(tzinfo=None))


@pytest.mark.parametrize("symbol", ["XX", "../lake"])
def test_an_unknown_symbol_is_an_error(tmp_path: Path, symbol: str) -> None:
    for ask in (
        lambda: get_change_metrics(symbol, data=tmp_path),
        lambda: get_historical_snapshots(symbol, 1, data=tmp_path),
        lambda: get_continuous_bars(symbol, 1, data=tmp_path),
    ):
        with pytest.raises(PipelineError, match="symbol"):
            ask()


def test_what_is_not_allowed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="'SPY' is not allowed; it must be a future: ES, NQ"):
        get_continuous_bars("SPY", 5, data=tmp_path)
    for sessions in (0, -3):
        with pytest.raises(PipelineError, match="sessions"):
            get_continuous_bars("ES", sessions, data=tmp_path)
    with pytest.raises(PipelineError, match="ratio, difference, none"):
        get_continuous_bars("ES", 5, method="panama", data=tmp_path)  # type: ignore[arg-type]
    for hours in (0.0, -1.0, float("nan")):
        with pytest.raises(PipelineError, match="hours"):
            get_historical_snapshots("ES", hours, data=tmp_path)
