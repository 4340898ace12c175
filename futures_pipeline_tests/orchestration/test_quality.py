"""The checks of whole series as Dagster runs them: what they name, and what they stop."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from futures_pipeline.config import BinanceSettings, DagsterSettings, Settings
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.quality.schedule import quality_schedule
from futures_pipeline.orchestration.quality.series import pair_checks
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import BARS_1M, CRYPTO_SNAPSHOTS
from futures_pipeline_tests.analytics.recorded import RECORDED
from futures_pipeline_tests.orchestration.conftest import (
    MINUTE,
    NOW,
    WEDNESDAY,
    Ingest,
    plant_bars,
    plant_rounds,
)
from futures_pipeline_tests.storage.rows import bar, frame, snapshot

OPEN = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)


def plant_pair(workbench: Workbench, late_minutes: int) -> None:
    """Put a day of ES and SPY that move as one into the spool, SPY's bars labelled late."""
    moves = np.random.default_rng(5).normal(scale=2e-4, size=390).cumsum()
    rows: list[dict[str, Any]] = []
    for symbol, base, late in (("ES", 5900.0, 0), ("SPY", 588.0, late_minutes)):
        for number, move in enumerate(moves):
            close = base * float(np.exp(move))
            start = OPEN + MINUTE * (number + late)
            prices = {"open": close, "close": close, "high": close + 0.5, "low": close - 0.5}
            rows.append(bar(symbol, ts_start=start, wap=None, **prices))
    workbench.spool.append([NewBatch(BARS_1M.name, WEDNESDAY, frame(rows, BARS_1M))], NOW)


@pytest.fixture
def look(settings: Settings, instance: dg.DagsterInstance) -> "Look":
    return Look(settings, instance)


class Look:
    """Runs job ``quality``."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings, self.instance = settings, instance

    def __call__(self) -> dict[str, dg.AssetCheckEvaluation]:
        job = build_defs(self.settings).resolve_job_def("quality")
        result = job.execute_in_process(
            instance=self.instance, run_config=QUIET, raise_on_error=False
        )
        return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_a_pair_in_step_passes(workbench: Workbench, ingest: Ingest, look: Look) -> None:
    plant_pair(workbench, late_minutes=0)
    ingest(str(WEDNESDAY))

    found = look()
    assert found["bars_1m_in_step"].passed
    assert found["bars_1m_in_step"].description == "session 2025-01-15: all good"
    assert found["bars_1m_pairs_correlate"].passed


def test_bars_labelled_by_their_end_are_named_and_are_an_error(
    workbench: Workbench, ingest: Ingest, look: Look
) -> None:
    plant_pair(workbench, late_minutes=1)
    ingest(str(WEDNESDAY))

    found = look()["bars_1m_in_step"]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert "ES-SPY correlation 1.0 when ES is taken 1 min earlier" in (found.description or "")
    assert not look()["bars_1m_named_by_start"].passed


def test_recorded_bars_with_end_labels_are_named_when_nothing_says_so(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """A recording whose own note on its labels was lost, from the spool to the check."""
    path = RECORDED / "etf_vix_1m_2019_02_endlabel.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market data at {path}")
    day = date(2019, 2, 13)
    recorded = pl.read_parquet(path).filter(pl.col("symbol") == "SPY")
    on_day = recorded.filter(pl.col("ts_utc").dt.date() == day).rename({"ts_utc": "ts_start"})
    names = ("ts_start", "open", "high", "low", "close", "volume")
    rows = [bar("SPY", wap=None, session_date=day, **row)
            for row in on_day.select(names).iter_rows(named=True)]  # fmt: skip
    then = {
        "clock_text": "2019-02-13T22:10:00+00:00@4000000000.0*1",
        "dagster": DagsterSettings(first_session=day),
    }
    workbench = Workbench(settings.model_copy(update=then))
    workbench.spool.append([NewBatch(BARS_1M.name, day, frame(rows, BARS_1M))], NOW)
    Ingest(workbench.settings, instance).only_raw(str(day))

    found = Look(workbench.settings, instance)()["bars_1m_named_by_start"]

    assert workbench.lake.read(BARS_1M.name).height == len(rows) == 390
    assert (found.passed, found.severity, found.blocking) == (
        False, dg.AssetCheckSeverity.ERROR, True
    )  # fmt: skip
    assert "SPY" in (found.description or "")
    workbench.spool.close()


def test_what_depends_on_a_failed_pair_check_does_not_start(
    workbench: Workbench, ingest: Ingest, instance: dg.DagsterInstance
) -> None:
    """The way every job of statistics and decisions is guarded."""
    plant_pair(workbench, late_minutes=1)
    ingest(str(WEDNESDAY))

    @dg.asset(deps=[BARS_1M.name])
    def decision() -> None:
        raise AssertionError("it ran")

    defs = dg.Definitions(
        assets=[dg.AssetSpec(BARS_1M.name), dg.AssetSpec("futures_snapshots"), decision],
        asset_checks=[pair_checks],
        jobs=[
            dg.define_asset_job(
                "decide",
                dg.AssetSelection.assets(decision) | dg.AssetSelection.checks(pair_checks),
            )
        ],
        resources={"workbench": workbench},
        executor=dg.in_process_executor,
    )
    result = defs.resolve_job_def("decide").execute_in_process(
        instance=instance, run_config=QUIET, raise_on_error=False
    )
    assert not result.success
    assert result.get_asset_materialization_events() == []


def test_a_table_that_stopped_is_stale_by_open_time(
    workbench: Workbench, ingest: Ingest, look: Look
) -> None:
    """Rows end with Wednesday's session at 22:00 UTC; the clock stands at Thursday 12:00 UTC."""
    plant_bars(workbench, [WEDNESDAY], every=1)
    plant_rounds(workbench, [WEDNESDAY])
    ingest(str(WEDNESDAY))

    found = look()
    futures = found["futures_snapshots_fresh"]
    assert (futures.passed, futures.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "ES newest row 2025-01-15 21:59 UTC, 780 min" in (futures.description or "")
    index = found["index_snapshots_fresh"]
    assert index.passed, "VIX has been shut since its newest row"


@pytest.mark.parametrize(
    ("last_session", "at"),
    [
        pytest.param(date(2025, 1, 17), "2025-01-19T15:00", id="a quiet Sunday"),
        pytest.param(date(2025, 4, 17), "2025-04-18T15:00", id="Good Friday"),
        pytest.param(WEDNESDAY, "2025-01-15T22:55", id="the daily pause"),
    ],
)
def test_a_closed_market_is_fresh(
    settings: Settings, instance: dg.DagsterInstance, last_session: date, at: str
) -> None:
    clock = {"clock_text": f"{at}:00+00:00@4000000000.0*1"}
    closed = settings.model_copy(update=clock)
    workbench = Workbench(closed)
    plant_bars(workbench, [last_session], every=1)
    plant_rounds(workbench, [last_session])
    Ingest(closed, instance).only_raw(str(last_session))

    found = Look(closed, instance)()
    fresh = {name: one.passed for name, one in found.items() if name.endswith("_fresh")}
    assert {"futures_snapshots_fresh", "index_snapshots_fresh", "bars_1m_fresh"} <= fresh.keys()
    assert all(fresh.values()), fresh
    workbench.spool.close()


@pytest.mark.parametrize(
    ("at", "asks"),
    [
        pytest.param("2025-01-15T15:00:00+00:00", True, id="open"),
        pytest.param("2025-01-15T22:15:00+00:00", True, id="once after the close"),
        pytest.param("2025-01-15T22:30:00+00:00", False, id="maintenance"),
        pytest.param("2025-01-18T15:00:00+00:00", False, id="Saturday"),
        pytest.param("2025-12-25T15:00:00+00:00", False, id="Christmas"),
    ],
)
def test_series_are_looked_at_while_rows_may_come(settings: Settings, at: str, asks: bool) -> None:
    clock = {"clock_text": f"{at}@4000000000.0*1"}
    workbench = Workbench(settings.model_copy(update=clock))
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime.now(UTC), resources={"workbench": workbench}
    )
    assert isinstance(quality_schedule(context), dg.RunRequest) == asks


def test_every_check_says_what_it_promises(settings: Settings) -> None:
    specs = [
        spec for defined in build_defs(settings).asset_checks or [] for spec in defined.check_specs
    ]
    assert len(specs) >= 11
    assert all(spec.description for spec in specs)
    blocking = {spec.name for spec in specs if spec.blocking}
    assert "bars_1m_in_step" in blocking
    assert not any(name.endswith("_fresh") for name in blocking)


def test_bars_of_etfs_count_in_regular_hours(
    workbench: Workbench, ingest: Ingest, settings: Settings, instance: dg.DagsterInstance
) -> None:
    """After the close an ETF may go without a trade for long; nobody is woken up for it."""
    plant_bars(workbench, [WEDNESDAY], every=1, lost={"SPY": (OPEN + MINUTE * 390, NOW)})
    ingest(str(WEDNESDAY))
    evening = settings.model_copy(update={"clock_text": "2025-01-15T22:00:00+00:00@4000000000.0*1"})
    assert Look(evening, instance)()["bars_1m_fresh"].passed


def test_a_pair_of_currencies_is_not_excused_by_the_daily_pause(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    pause = {
        "clock_text": "2025-01-15T22:55:00+00:00@4000000000.0*1",
        "binance": BinanceSettings(symbols=("BTC/USDT",)),
    }
    workbench = Workbench(settings.model_copy(update=pause))
    row = snapshot("BTC/USDT", session_date=WEDNESDAY, timestamp=OPEN + MINUTE * 449)
    batch = NewBatch(CRYPTO_SNAPSHOTS.name, WEDNESDAY, frame([row], CRYPTO_SNAPSHOTS))
    workbench.spool.append([batch], NOW)
    Ingest(workbench.settings, instance).only_raw(str(WEDNESDAY))

    found = Look(workbench.settings, instance)()["crypto_snapshots_fresh"]
    assert not found.passed
    assert "BTC/USDT newest row 2025-01-15 21:59 UTC" in (found.description or "")
    workbench.spool.close()
