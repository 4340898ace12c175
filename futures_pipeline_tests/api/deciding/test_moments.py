"""Signals from rows in the lake: nothing later is looked at, and what is missing is said."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.changes import change_metrics, market_hours, reference_prices
from futures_pipeline.api.deciding.moments import decided, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.receipts import NOT_COMPARED
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS
from futures_pipeline_tests.api.deciding.conftest import DAY, store_on
from futures_pipeline_tests.market_lake import (
    CALENDAR,
    MINUTE,
    add,
    random_night,
    session_bars,
    sessions,
)

NOON = new_york(DAY, 12)
FINAL = new_york(DAY, 9, 25)


def compared(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NOT_COMPARED}


def signal(store: Store, at: datetime = NOON) -> dict[str, Any]:
    return moment_of(Sources(store), "SPY", at).signal().row


def night(store: Store, at: datetime = FINAL) -> dict[str, Any]:
    return moment_of(Sources(store), "SPY", at).premarket().row


def only(lake: Lake, keep: pl.Expr, directory: Path) -> Lake:
    """Return another lake with some of the rows; ``keep`` reads a column ``at``."""
    made = Lake(directory / "lake")
    for table, at in ((BARS_1M, "ts_end"), (FUTURES_SNAPSHOTS, "timestamp")):
        rows = lake.read(table.name).with_columns(at=pl.col(at)).filter(keep).drop("at")
        add(made, table.name, rows)
    return made


def test_changes_are_those_of_change_metrics(store: Store, lake: Lake) -> None:
    """Read as of 60 random moments, they are the columns of the derived table."""
    days = sessions(DAY, 6)
    snapshots, bars = (lake.read(t.name, days) for t in (FUTURES_SNAPSHOTS, BARS_1M))
    prices = reference_prices(snapshots, bars, {"ES": 0.25, "SPY": 0.01, "VIX": 0.01})
    future = prices.filter(symbol="ES")
    hours = {"ES": market_hours("future", CALENDAR)}
    rows = change_metrics(future, hours, CALENDAR, [DAY]).filter(pl.col("price").is_not_null())
    changes = ("change_1h", "change_4h", "change_daily")
    for row in rows.sample(60, seed=3).iter_rows(named=True):
        said = signal(store, row["timestamp"])
        if row["timestamp"] < CALENDAR.globex.on(DAY).closes_at:
            found = {name: said[name] for name in (*changes, "futures_price", "observed_at")}
            wanted = {name: row[name] for name in changes} | {
                "futures_price": row["price"],
                "observed_at": row["timestamp"],
            }
            assert found == wanted


def test_nothing_later_is_looked_at(store: Store, lake: Lake, tmp_path: Path) -> None:
    """A lake that ends at the moment gives the same rows as one with the whole day."""
    for number, at in enumerate((FINAL, new_york(DAY, 9, 35), NOON)):
        then = store_on(only(lake, pl.col("at") <= at, tmp_path / str(number)))
        assert compared(signal(then, at)) == compared(signal(store, at))
        assert compared(night(then, at)) == compared(night(store, at))
        whole, ended = (decided(Sources(s), "SPY", at).row for s in (store, then))
        assert compared(ended) == compared(whole)


def test_a_day_of_signals_is_not_all_alike(store: Store) -> None:
    said = {signal(store, NOON + number * 30 * MINUTE)["z"] for number in range(8)}
    assert len(said) == 8


def test_a_receipt_names_what_was_read(store: Store) -> None:
    receipt = moment_of(Sources(store), "SPY", NOON).signal().row["receipt"]
    assert '"versions":{"bars_1m":1,"futures_snapshots":1,' in receipt
    assert '"contracts":["ESH5","SPY"]' in receipt
    assert '"coverage":{"ESH5":[1080,1080],"SPY":[150,150]}' in receipt
    assert '"data_types":{"ESH5":"live"}' in receipt


def test_an_old_price_is_none(lake: Lake, tmp_path: Path) -> None:
    store = store_on(only(lake, pl.col("at") <= NOON, tmp_path))
    assert signal(store, NOON + timedelta(minutes=5))["signal"] is not None
    stale = signal(store, NOON + timedelta(minutes=6))
    assert (stale["signal"], stale["reason"], stale["futures_price"]) == (None, "no_price", None)


def test_an_empty_lake_has_no_signal_and_a_decision_that_says_so(tmp_path: Path) -> None:
    store = store_on(Lake(tmp_path / "lake"))
    assert (signal(store)["reason"], night(store)["reason"]) == ("no_price", "no_price")
    row = decided(Sources(store), "SPY", NOON).row
    assert (row["action"], row["degraded"]) == (
        "hold",
        "futures,early_warning,options,iv_rank,vix",
    )


def test_without_the_etf_there_is_a_signal_without_basis(lake: Lake, tmp_path: Path) -> None:
    store = store_on(only(lake, pl.col("symbol") != "SPY", tmp_path))
    row = signal(store)
    assert row["signal"] is not None
    assert (row["basis"], row["basis_reason"], row["spot_price"]) == (None, "no_spot_price", None)
    assert row["degraded"] == "basis"


def test_without_history_vix_stands_in_and_without_vix_nothing(lake: Lake, tmp_path: Path) -> None:
    recent = pl.col("session_date").is_in(sessions(DAY, 3))
    short = store_on(only(lake, recent, tmp_path / "short"))
    assert signal(short)["volatility_source"] == "VIX"
    assert "volatility_history" in signal(short)["degraded"]
    no_vix = store_on(only(lake, recent & (pl.col("symbol") != "VIX"), tmp_path / "no_vix"))
    assert signal(no_vix)["reason"] == "1_of_20_sessions_and_no_volatility_index"


def test_delayed_prices_are_none(lake: Lake, tmp_path: Path) -> None:
    made = Lake(tmp_path / "lake")
    for table in (BARS_1M, FUTURES_SNAPSHOTS):
        rows = lake.read(table.name).with_columns(data_type=pl.lit("delayed"))
        add(made, table.name, rows)
    assert signal(store_on(made))["reason"] == "no_price"


@pytest.mark.parametrize(
    ("back", "says"), [(0, "ESH5 one price for 120 bars"), (1, "ES-SPY correlation 0.18")]
)
def test_bars_at_fault_stop_the_signal(lake: Lake, tmp_path: Path, back: int, says: str) -> None:
    """A future that stands still for two hours is at fault, today or on an earlier day."""
    day = sessions(DAY, 2)[-1 - back]
    still = pl.col("ts_end").is_between(new_york(day, 10), new_york(day, 11, 59))
    made = Lake(tmp_path / "lake")
    columns = [
        pl.when(still & (pl.col("symbol") == "ES"))
        .then(5_900.0)
        .otherwise(pl.col(name))
        .alias(name)
        for name in ("open", "high", "low", "close")
    ]
    add(made, BARS_1M.name, lake.read(BARS_1M.name).with_columns(columns))
    for row in (signal(store_on(made)), night(store_on(made), NOON)):
        assert row["reason"].startswith(f"bars_at_fault: {says}")
    assert "futures" in decided(Sources(store_on(made)), "SPY", NOON).row["degraded"]


def test_a_new_contract_is_measured_against_itself(tmp_path: Path) -> None:
    """At a roll the new contract's changes come from its own earlier prices, 50 points higher."""
    made, monday = Lake(tmp_path / "lake"), sessions(DAY.replace(month=3, day=17), 40)
    parts, level = [], 5_900.0
    for number, day in enumerate(monday):
        closes = random_night(number, level, CALENDAR.globex.on(day).minutes)
        level = float(closes[-1])
        parts.append(session_bars(day, closes))
        if number >= 28:
            following = session_bars(day, closes + 50.0, "ESM5").filter(symbol="ES")
            expiry = pl.lit(DAY.replace(month=6), pl.Date)
            parts.append(following.with_columns(expiry=expiry))
    bars = pl.concat(parts)
    add(made, BARS_1M.name, bars)
    rolled = store_on(made)
    before, after = (signal(rolled, new_york(day, 12)) for day in (monday[-2], monday[-1]))
    assert (before["contract"], after["contract"]) == ("ESH5", "ESM5")
    own = bars.filter(contract="ESM5").sort("ts_end")
    anchor = own.filter(pl.col("ts_end") <= new_york(monday[-2], 16))["close"][-1]
    now = own.filter(pl.col("ts_end") <= new_york(monday[-1], 12))["close"][-1]
    assert after["change_daily"] == now - anchor
    assert after["volatility_source"] == "history"


@pytest.mark.parametrize("symbol", ["ES", "VIX", "TSLA"])
def test_only_etfs_with_a_future_have_signals(store: Store, symbol: str) -> None:
    with pytest.raises(ConfigurationError, match="an ETF: SPY, QQQ, IWM"):
        moment_of(Sources(store), symbol, NOON)


def test_a_moment_has_a_zone(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="a time with its zone"):
        moment_of(Sources(store), "SPY", NOON.replace(tzinfo=None))


def test_the_night_is_read_from_the_last_close(store: Store, lake: Lake) -> None:
    """Range, move and volume of the night, counted by hand from the bars."""
    row = night(store)
    bars = lake.read(BARS_1M.name).filter(symbol="ES").sort("ts_end")
    close = CALENDAR.anchor(FINAL)
    since = bars.filter(pl.col("ts_end").is_between(close, FINAL, closed="right"))
    anchor = bars.filter(pl.col("ts_end") <= close)["close"][-1]
    assert row["anchor_price"] == anchor
    assert row["change_points"] == since["close"][-1] - anchor
    assert row["range_points"] == since["high"].max() - since["low"].min()
    assert row["move"] == pytest.approx(np.log(since["close"][-1] / anchor), abs=1e-12)
    assert row["participation"] == 0.5  # 100 contracts each minute, on every day
    assert (row["vix"], row["is_final"]) == (17.0, True)
