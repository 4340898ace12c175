"""A lake with a planted pair, and jobs that work on it."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from futures_pipeline.api.pairs import Bars, held_sessions, last_shared, stored_bars
from futures_pipeline.api.store import Store
from futures_pipeline.config import AnalysisSettings, DagsterSettings, Settings
from futures_pipeline.orchestration.analysis.assets import (
    HEATMAP,
    LEADS,
    MATRIX,
    VALUE,
    analysis_assets,
)
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.partitions import session_partitions
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline_tests.pair_lake import CLOCK, LATER, fill, planted_bars, regular_days

SESSIONS = 24
DAYS = regular_days(SESSIONS)
NEWEST = DAYS[-1]
PAIR = ("ES", "SPY")

Run = Callable[..., dg.ExecuteInProcessResult]


def settings_of(data: Path, *pairs: str) -> Settings:
    """Settings on a data directory, with the clock long after all planted sessions."""
    return Settings(
        data=data,
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        analysis=AnalysisSettings(pairs=pairs or ("ES-SPY",)),
        clock_text=CLOCK,
    )


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of 24 sessions of ES and SPY without a lead; not to be written to."""
    return fill(tmp_path_factory.mktemp("planted"), planted_bars(1, 0, DAYS))


@pytest.fixture
def lake(planted: Path, tmp_path: Path) -> Path:
    """A copy of the planted lake."""
    return Path(shutil.copytree(planted, tmp_path / "data"))


@pytest.fixture
def workbench(lake: Path) -> Workbench:
    return Workbench(settings_of(lake))


@pytest.fixture(scope="session")
def bars(planted: Path) -> Bars:
    """All bars of the planted pair."""
    return all_bars(settings_of(planted))


def all_bars(settings: Settings) -> Bars:
    """All bars of ES and SPY of some lake."""
    store = Store(Workbench(settings).lake, settings)
    days = last_shared(held_sessions(store), PAIR, LATER.date(), 100)
    return stored_bars(store, PAIR, days)


def run_job(settings: Settings, job: str, day: date) -> dg.ExecuteInProcessResult:
    """Run a job on one session in this process."""
    with dg.DagsterInstance.ephemeral() as instance:
        return (
            build_defs(settings)
            .resolve_job_def(job)
            .execute_in_process(instance=instance, partition_key=str(day), raise_on_error=False)
        )


def assets_without_guards(settings: Settings) -> list[dg.AssetsDefinition]:
    """The daily assets alone."""
    calendar = Workbench(settings).calendar
    partitions = session_partitions(settings.dagster.first_session, calendar.globex)
    return [analysis_assets(each, partitions) for each in (MATRIX, HEATMAP, LEADS, VALUE)]
