"""What the jobs of the analysis store, show and stop."""

import base64
import re
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.analytics.predictive_value.assessment import IN_PROGRESS
from futures_pipeline.orchestration.analysis.automation import DAILY_JOB, ROLLING_JOB
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import ANALYSIS_TABLES
from futures_pipeline_tests.orchestration.analysis.conftest import (
    DAYS,
    NEWEST,
    assets_without_guards,
    run_job,
    settings_of,
)
from futures_pipeline_tests.pair_lake import MINUTE, fill, planted_bars


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, dg.MetadataValue]]:
    """What each table's page shows."""
    events = [event.materialization for event in result.get_asset_materialization_events()]
    return {event.asset_key.to_user_string(): dict(event.metadata) for event in events}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def stored(workbench: Workbench) -> dict[str, pl.DataFrame]:
    return {table.name: workbench.lake.read(table.name) for table in ANALYSIS_TABLES}


def end_labelled(bars: pl.DataFrame, symbol: str) -> pl.DataFrame:
    """The same bars, those of a symbol named by their end."""
    late = pl.when(pl.col("symbol") == symbol).then(MINUTE).otherwise(timedelta())
    return bars.with_columns(pl.col("ts_start", "ts_end") + late)


@dataclass(frozen=True)
class Ran:
    """Both jobs of one session, run once: what they stored, showed and checked."""

    data: Path
    rows: dict[str, pl.DataFrame]
    shown: dict[str, dict[str, dg.MetadataValue]]
    checks: dict[str, dg.AssetCheckEvaluation]


@pytest.fixture(scope="module")
def ran(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    data = Path(shutil.copytree(planted, tmp_path_factory.mktemp("ran") / "data"))
    results = [run_job(settings_of(data), job, NEWEST) for job in (ROLLING_JOB, DAILY_JOB)]
    assert all(result.success for result in results)
    return Ran(
        data,
        stored(Workbench(settings_of(data))),
        {name: values for result in results for name, values in metadata(result).items()},
        {name: found for result in results for name, found in checks(result).items()},
    )


def test_each_job_fills_its_tables_and_all_checks_pass(ran: Ran) -> None:
    assert all(found.passed for found in ran.checks.values()), ran.checks
    empty = {name for name, of_table in ran.rows.items() if of_table.is_empty()}
    assert empty == {"divergences", "spreads"}  # of an index pair
    assert ran.shown.keys() == ran.rows.keys()
    for name, of_table in ran.rows.items():
        assert ran.shown[name]["dagster/partition_row_count"].value == of_table.height
    verdict = ran.rows["lead_lag_verdicts"].row(0, named=True)
    assert verdict["verdict"] in ("NO_DETECTABLE_LEAD", "NO_EXPLOITABLE_LEAD")
    assert verdict["resolution_seconds"] < 2.0
    assert verdict["sessions"] == len(DAYS)


def test_the_verdict_is_the_first_thing_a_person_sees(ran: Ran) -> None:
    sentence = ran.rows["lead_lag_verdicts"]["sentence"].item()
    assert next(iter(ran.shown["lead_lag"])) == "verdict"
    assert ran.shown["lead_lag"]["verdict"].value == sentence
    assert "sessions)" in str(ran.shown["predictive_value"]["verdict"].value)


@pytest.mark.parametrize(
    "table",
    ["correlations", "lead_lag", "correlation_heatmap", "correlation_matrix", "predictive_value"],
)
def test_charts_are_small_pictures(ran: Ran, table: str) -> None:
    encoded = re.search(r"base64,(.*)\)", str(ran.shown[table]["chart"].value))
    assert encoded is not None
    picture = base64.b64decode(encoded[1])
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 50_000


def test_a_rerun_leaves_the_same_rows(ran: Ran, tmp_path: Path) -> None:
    settings = settings_of(Path(shutil.copytree(ran.data, tmp_path / "data")))
    for job in (ROLLING_JOB, DAILY_JOB):
        assert run_job(settings, job, NEWEST).success
    again = stored(Workbench(settings))
    assert all(again[name].equals(rows) for name, rows in ran.rows.items())


def test_under_seven_sessions_there_are_no_verdicts_and_the_warning(tmp_path: Path) -> None:
    settings = settings_of(fill(tmp_path, planted_bars(1, 0, DAYS[:6])))
    result = run_job(settings, DAILY_JOB, DAYS[5])
    assert result.success
    rows = stored(Workbench(settings))
    for name in ("lead_lag", "lead_lag_verdicts", "predictive_value"):
        assert rows[name].is_empty()
        assert metadata(result)[name]["verdict"].value == f"ES-SPY: {IN_PROGRESS}"


def test_bars_named_by_their_end_stop_what_depends_on_them(tmp_path: Path) -> None:
    """SPY is a minute late: that is told, and neither a lead nor its value is."""
    bars = end_labelled(planted_bars(1, 0, DAYS[:9]), "SPY")
    settings = settings_of(fill(tmp_path, bars))
    # Without the guards of the whole series, which stop the job before it starts.
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            assets_without_guards(settings),
            instance=instance,
            partition_key=str(DAYS[8]),
            resources={"workbench": Workbench(settings)},
            raise_on_error=False,
        )
    assert not result.success
    found = checks(result)["lead_lag_bar_labels"]
    assert not found.passed
    assert "when the bars of SPY are named by their end and read as starts" in found.description
    rows = stored(Workbench(settings))
    assert rows["lead_lag_verdicts"].select("verdict", "lead_seconds").rows() == [
        ("BAR_LABEL_FAULT", None)
    ]
    assert rows["predictive_value"].is_empty()


def test_the_guards_stop_the_daily_job_and_not_the_rolling_one(tmp_path: Path) -> None:
    bars = end_labelled(planted_bars(1, 0, DAYS[:9]), "SPY")
    settings = settings_of(fill(tmp_path, bars))
    daily = run_job(settings, DAILY_JOB, DAYS[8])
    assert not daily.success
    assert not checks(daily)["bars_1m_in_step"].passed
    assert "lead_lag" not in metadata(daily)
    rolling = run_job(settings, ROLLING_JOB, DAYS[8])
    assert rolling.success
    alarm = checks(rolling)["divergences_of_index_pairs"]
    assert (alarm.passed, alarm.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "ES-SPY 2025-01-" in alarm.description
