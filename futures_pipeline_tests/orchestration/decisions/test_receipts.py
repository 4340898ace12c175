"""Stored rows computed again from their receipts: equal, whatever came later."""

import random
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.api.deciding.again import recomputed
from futures_pipeline.api.deciding.moments import moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.receipts import decoded, differences
from futures_pipeline.orchestration.decisions.assets import SAID_TABLES, said
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.maintenance import maintain
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS
from futures_pipeline_tests.market_lake import (
    MINUTE,
    add,
    market,
    random_night,
    session_bars,
    sessions,
    snapshots_of,
)
from futures_pipeline_tests.orchestration.decisions.conftest import DAY, At, local

STOPS = ((4, 30), (9, 25), (9, 47), (11, 5), (13, 30))


def run(at: At, moment: datetime) -> None:
    """Say what is due at a moment, as a run of the job does."""
    for table in SAID_TABLES:
        said(at(moment), table, DAY, "run")


def coming(lake: Lake, closes: "pl.Series", first: int, last: int) -> None:
    """Bring in some minutes of the session, as ingestion does while it lasts."""
    bars = session_bars(DAY, closes.to_numpy())
    opens_at = bars["ts_start"].min()
    since, until = opens_at + MINUTE * first, opens_at + MINUTE * last
    part = bars.filter(pl.col("ts_start").is_between(since, until, closed="left"))
    add(lake, BARS_1M.name, part)
    add(lake, FUTURES_SNAPSHOTS.name, snapshots_of(part))


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("earlier")
    market(made, sessions(DAY, 26)[:-1])
    return made


@pytest.fixture
def data(earlier: Path, tmp_path: Path) -> Path:
    """A lake without its last session, which comes in the course of the test."""
    return Path(shutil.copytree(earlier, tmp_path, dirs_exist_ok=True))


def test_two_hundred_rows_again_after_compaction_and_later_data(data: Path, at: At) -> None:
    """Rows said at five moments of a day, while bars came, were revised and were gathered."""
    lake, closes = Lake(data / "lake"), pl.Series(random_night(99, 5_900.0, 1_380))
    before = 0
    for hour, minute in STOPS:
        minutes = (hour + 6) * 60 + minute
        coming(lake, closes, before, minutes)
        run(at, local(hour, minute))
        before = minutes
    coming(lake, closes, before, 1_380)
    revise(lake)
    maintain(lake, date(2025, 3, 20), datetime.now(UTC))

    store = Store(lake, at(local(17)).settings)
    rows = [row for table in SAID_TABLES for row in lake.read(table.name).iter_rows(named=True)]
    chosen = random.Random(7).sample([row for row in rows if row["symbol"] in ("SPY", "ES")], 200)
    unequal = {row["id"]: found for row in chosen if (found := recomputed(store, row).differences)}
    assert unequal == {}
    assert {decoded(row["receipt"]).table for row in chosen} == {t.name for t in SAID_TABLES}
    versions = {decoded(row["receipt"]).versions["bars_1m"] for row in chosen}
    assert len(versions) == len(STOPS)


def revise(lake: Lake) -> None:
    """Let history give every third minute of the last two sessions another price."""
    days = sessions(DAY, 2)
    opened = lake.open_or_create(BARS_1M.name)
    rows = opened.read(days)
    third = pl.col("ts_start").dt.minute() % 3 == 2
    moved = pl.when(third).then(pl.col("close") + 1.0).otherwise("close")
    higher = pl.max_horizontal("high", moved)
    opened.replace(days, rows.with_columns(close=moved, high=higher), {}, Once("history", 1))


def test_a_row_computed_from_todays_versions_differs(data: Path, at: At) -> None:
    """What the receipt protects from: the same moment read from revised bars is another."""
    lake, closes = Lake(data / "lake"), pl.Series(random_night(99, 5_900.0, 1_380))
    coming(lake, closes, 0, 1_380)
    run(at, local(10))
    stored = lake.read("futures_signals").filter(symbol="SPY").row(0, named=True)
    revise(lake)
    store = Store(lake, at(local(17)).settings)
    now = moment_of(Sources(store), "SPY", stored["timestamp"]).signal().row
    changed = {found.column for found in differences(stored, now)}
    assert {"volatility", "z"} <= changed
    assert recomputed(store, stored).differences == []


def test_what_was_said_stands(data: Path, at: At) -> None:
    """A rerun after a revision, and with other settings, leaves every row as it was."""
    lake, closes = Lake(data / "lake"), pl.Series(random_night(99, 5_900.0, 1_380))
    coming(lake, closes, 0, 1_380)
    run(at, local(10))
    before = {table.name: lake.read(table.name) for table in SAID_TABLES}
    revise(lake)
    run(at, local(10, 4))
    for name, rows in before.items():
        assert lake.read(name).equals(rows)
