"""A lead that is planted in the market comes out of the lake's tables: QUANT_SPEC 9.4.

Two leads from the simulator's socket on; more of them from bars that the ingestion brings in,
which takes a fifth of the time.
"""

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
from futures_pipeline_tests.pair_lake import CLOCK, fill, planted_bars, regular_days
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    history_ended,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

SESSIONS = 14
EVENING = datetime(2025, 2, 5, 22, 30, tzinfo=UTC)  # 17:30 New York, nothing is open
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def settings_of(data: Path, spot: str = "SPY") -> Settings:
    return Settings(
        data=data,
        collection=CollectionSettings(symbols=("ES", spot)),
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        analysis=AnalysisSettings(pairs=(f"ES-{spot}",)),
        clock_text=CLOCK,
    )


def run(settings: Settings, job: str, *keys: str) -> None:
    """Run a job of Dagster in this process."""
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
            )
        )
    assert result.success


def judged(settings: Settings, day: date) -> tuple[dict[str, object], pl.DataFrame, pl.DataFrame]:
    """Run the daily job and return verdict, profile and predictive value."""
    run(settings, DAILY_JOB, str(day))
    lake = Workbench(settings).lake
    verdict = lake.read(LEAD_LAG_VERDICTS.name).row(0, named=True)
    return verdict, lake.read(LEAD_LAG.name), lake.read(PREDICTIVE_VALUE.name)


@pytest.mark.parametrize("lead_seconds", [0, 30])
def test_from_the_brokers_socket_to_the_verdict(tmp_path: Path, lead_seconds: int) -> None:
    history = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": str(SESSIONS)}
    with simulated(EVENING, 60.0, "ES,SPY", "--lead-seconds", str(lead_seconds)) as simulator:
        collector = CollectorProcess(tmp_path, {**simulator.variables, **history})
        spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
        try:
            wait_until(lambda: history_ended(spool), 120, "the back-fill of all sessions")
        finally:
            collector.leave(20)
    days = sorted({part.session_date for part in spool.partitions() if part.table == "bars_1m"})
    spool.close()
    whole = days[-SESSIONS:]
    settings = settings_of(tmp_path)
    run(settings, INGEST_JOB, *map(str, whole))

    verdict, profile, _ = judged(settings, whole[-1])

    assert verdict["sessions"] >= SESSIONS - 2
    asymmetry = profile.filter(lead_minutes=1)["asymmetry"].item()
    if lead_seconds == 0:
        assert verdict["verdict"] == "NO_DETECTABLE_LEAD", verdict["sentence"]
        assert verdict["resolution_seconds"] < 3.0
        assert abs(asymmetry) < 4 * 0.004
        assert verdict["correlation"] > 0.95
    else:
        assert verdict["verdict"] == "FUTURES_LEAD", verdict["sentence"]
        assert verdict["lead_seconds"] == pytest.approx(30, abs=4 * verdict["lead_error_seconds"])
        assert asymmetry == pytest.approx(0.49, abs=0.06)


@pytest.mark.parametrize(
    ("spot", "lead_seconds", "correlation", "asymmetry", "peaks", "said"),
    [
        ("SPY", 0, 0.986, 0.0, {0}, "NO_DETECTABLE_LEAD"),
        ("SPY", 2, 0.9535, 0.0328, {0}, "NO_EXPLOITABLE_LEAD"),
        ("SPY", 30, 0.494, 0.490, {0, 1}, "FUTURES_LEAD"),
        # ES and SPY that far apart are a fault of the data, and nothing is said of them.
        ("QQQ", 420, 0.0, 0.0, {7}, "FUTURES_LEAD"),
    ],
)
def test_every_planted_lead_comes_out_of_the_lake(  # noqa: PLR0913 - one parameter a column
    tmp_path: Path,
    spot: str,
    lead_seconds: int,
    correlation: float,
    asymmetry: float,
    peaks: set[int],
    said: str,
) -> None:
    """Twenty sessions; ticks cost 0.005 of the correlation of mid prices."""
    days = regular_days(20)
    planted = planted_bars(1, lead_seconds, days, ("ES", spot))

    verdict, profile, value = judged(settings_of(fill(tmp_path, planted), spot), days[-1])

    assert verdict["verdict"] == said, verdict["sentence"]
    assert verdict["correlation"] == pytest.approx(correlation, abs=0.05)
    at_one = profile.filter(lead_minutes=1).row(0, named=True)
    error = at_one["asymmetry_error"]
    assert at_one["asymmetry"] == pytest.approx(asymmetry, abs=4 * error)
    highest = profile.drop_nulls("correlation").sort("correlation")["lead_minutes"][-1]
    assert highest in peaks
    by_horizon = dict(value.select("horizon_minutes", "verdict").iter_rows())
    assert (by_horizon[5] == "USEFUL") == (lead_seconds == 420)
