"""Leads that are planted in the market come out of the lake's tables: QUANT_SPEC 9.4.

All the way: the simulator's socket, the collector, the spool, the lake, the assets.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.config import AnalysisSettings, CollectionSettings, DagsterSettings, Settings
from futures_pipeline.orchestration.analysis.automation import DAILY_JOB
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.runs import run_request
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import LEAD_LAG, LEAD_LAG_VERDICTS, PREDICTIVE_VALUE
from futures_pipeline_tests.pair_lake import CLOCK, planted_bars, regular_days
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    history_ended,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

EVENING = datetime(2025, 2, 8, 1, 30, tzinfo=UTC)  # a Friday, all is shut: two quiet days
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
# Who follows ES by how many seconds. QQQ without NQ and IWM by half a minute only: index pairs
# that are further apart are a fault of the data, and nothing would be said of them.
FOLLOWERS = {"RTY": 0, "SPY": 2, "IWM": 30, "QQQ": 420}
GENERATED_SESSIONS, PLANTED_SESSIONS = 8, 15


def settings_of(data: Path, spots: Sequence[str]) -> Settings:
    return Settings(
        data=data,
        collection=CollectionSettings(symbols=("ES", *spots)),
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        analysis=AnalysisSettings(pairs=tuple(f"ES-{spot}" for spot in spots)),
        clock_text=CLOCK,
    )


def run(settings: Settings, job: str, *keys: str, only: Sequence[str] = ()) -> None:
    """Run a job of Dagster in this process, or some assets of it."""
    request = run_request(keys, spool_seq=0)
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_defs(settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                partition_key=request.partition_key,
                tags=request.tags,
                run_config=QUIET,
                asset_selection=[dg.AssetKey(name) for name in only] or None,
            )
        )
    assert result.success


def collected(data: Path, spots: Sequence[str], sessions: int, *options: str) -> Settings:
    """Collect so many sessions from a simulator and bring them into the lake."""
    history = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": str(sessions)}
    with simulated(EVENING, 600.0, ",".join(("ES", *spots)), *options) as simulator:
        collector = CollectorProcess(data, {**simulator.variables, **history})
        spool = Spool(f"sqlite:///{data / 'collector.sqlite'}")
        try:
            wait_until(lambda: history_ended(spool), 120, "the back-fill of all sessions")
        finally:
            collector.leave(20)
    days = sorted({part.session_date for part in spool.partitions() if part.table == "bars_1m"})
    spool.close()
    settings = settings_of(data, spots)
    run(settings, INGEST_JOB, *map(str, days[-sessions:]), only=["bars_1m"])
    tables = [table.name for table in (LEAD_LAG, LEAD_LAG_VERDICTS, PREDICTIVE_VALUE)]
    run(settings, DAILY_JOB, str(days[-1]), only=tables)
    return settings


def test_the_lead_of_the_generated_market_comes_out_of_the_lake(tmp_path: Path) -> None:
    settings = collected(tmp_path, ["SPY"], GENERATED_SESSIONS, "--lead-seconds", "30")
    lake = Workbench(settings).lake
    verdict = lake.read(LEAD_LAG_VERDICTS.name).row(0, named=True)
    assert verdict["sessions"] >= GENERATED_SESSIONS - 1
    assert verdict["verdict"] == "FUTURES_LEAD", verdict["sentence"]
    assert verdict["lead_seconds"] == pytest.approx(30, abs=4 * verdict["lead_error_seconds"])
    asymmetry = lake.read(LEAD_LAG.name).filter(lead_minutes=1)["asymmetry"].item()
    assert asymmetry == pytest.approx(0.49, abs=0.08)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pl.DataFrame]:
    """The tables of four pairs whose second leg follows by 0, 2, 30 and 420 seconds."""
    data = tmp_path_factory.mktemp("planted")
    days = [day for day in regular_days(40) if day <= EVENING.date()]
    parts = [planted_bars(1, lead, days, ("ES", spot)) for spot, lead in FOLLOWERS.items()]
    bars = pl.concat(parts).unique(["contract", "ts_start"], keep="first", maintain_order=True)
    columns = ("symbol", "contract", "open", "high", "low", "close", "volume")
    bars.select(pl.col("ts_start").alias("ts_utc"), *columns).write_parquet(data / "bars.parquet")
    options = ("--recorded", str(data / "bars.parquet"))
    whole = PLANTED_SESSIONS + 1  # NYSE stayed shut on 20 January
    lake = Workbench(collected(data, [*FOLLOWERS], whole, *options)).lake
    names = (LEAD_LAG.name, LEAD_LAG_VERDICTS.name, PREDICTIVE_VALUE.name)
    return {name: lake.read(name) for name in names}


@pytest.mark.parametrize(
    ("spot", "correlation", "asymmetry", "peaks", "said"),
    [
        ("RTY", 0.986, 0.0, {0}, {"NO_DETECTABLE_LEAD"}),
        # Replayed bars trade once a second, half of this lead: either may be said of it.
        ("SPY", 0.9535, 0.0328, {0}, {"NO_EXPLOITABLE_LEAD", "STALE_QUOTE_ARTEFACT"}),
        ("IWM", 0.494, 0.490, {0, 1}, {"FUTURES_LEAD"}),
        ("QQQ", 0.0, 0.0, {7}, {"FUTURES_LEAD"}),
    ],
)
def test_every_planted_lead_comes_out_of_the_lake(
    planted: Mapping[str, pl.DataFrame],
    spot: str,
    correlation: float,
    asymmetry: float,
    peaks: set[int],
    said: set[str],
) -> None:
    """Fifteen sessions; ticks cost 0.005 of the correlation of mid prices."""
    of_pair = {name: rows.filter(spot_symbol=spot) for name, rows in planted.items()}
    verdict = of_pair[LEAD_LAG_VERDICTS.name].row(0, named=True)
    profile = of_pair[LEAD_LAG.name]
    assert verdict["verdict"] in said, verdict["sentence"]
    assert verdict["sessions"] >= PLANTED_SESSIONS
    assert verdict["correlation"] == pytest.approx(correlation, abs=0.05)
    if FOLLOWERS[spot]:
        error = verdict["lead_error_seconds"] or 0.0
        assert verdict["lead_seconds"] == pytest.approx(FOLLOWERS[spot], abs=4 * error)
    else:
        assert verdict["resolution_seconds"] < 2.0
    at_one = profile.filter(lead_minutes=1).row(0, named=True)
    error = at_one["asymmetry_error"]
    assert at_one["asymmetry"] == pytest.approx(asymmetry, abs=4 * error)
    highest = profile.drop_nulls("correlation").sort("correlation")["lead_minutes"][-1]
    assert highest in peaks
    by_horizon = dict(
        of_pair[PREDICTIVE_VALUE.name].select("horizon_minutes", "verdict").iter_rows()
    )
    assert (by_horizon[5] == "USEFUL") == (FOLLOWERS[spot] == 420)
