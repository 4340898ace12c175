"""Upkeep as Dagster runs it: figures before and after, repaired damage, forgotten runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.home import prepare_home
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.operations.run_history import EndedRun, forget_runs, to_forget
from futures_pipeline.orchestration.operations.upkeep import upkeep_schedule
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import FUTURES_SNAPSHOTS
from futures_pipeline_tests.orchestration.conftest import (
    TUESDAY,
    WEDNESDAY,
    Ingest,
    plant_quotes,
)

NOON = datetime(2025, 3, 3, 17, tzinfo=UTC)


def upkeep(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_defs(settings).resolve_job_def("upkeep")
    return job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    (event,) = result.asset_materializations_for_node(asset)
    return dict(event.metadata)


def test_maintenance_shows_before_and_after(
    settings: Settings, workbench: Workbench, ingest: Ingest, instance: dg.DagsterInstance
) -> None:
    for _ in range(4):
        plant_quotes(workbench, TUESDAY)
        ingest.only_raw(str(TUESDAY))
    before = workbench.lake.read(FUTURES_SNAPSHOTS.name)

    result = upkeep(settings, instance)

    assert result.success
    told = metadata(result, "lake_maintenance")
    tables = told["tables"]
    assert isinstance(tables, dg.TableMetadataValue)
    snapshots = next(r for r in tables.records if r.data["table"] == FUTURES_SNAPSHOTS.name)
    assert int(snapshots.data["files_after"]) == 1
    assert workbench.lake.read(FUTURES_SNAPSHOTS.name).equals(before)


def test_scrub_finds_a_flipped_bit_and_brings_the_rows_back(
    settings: Settings, workbench: Workbench, ingest: Ingest, instance: dg.DagsterInstance
) -> None:
    plant_quotes(workbench, WEDNESDAY)
    ingest.only_raw(str(WEDNESDAY))
    good = workbench.lake.read(FUTURES_SNAPSHOTS.name).drop("ingested_at")
    (path,) = (settings.lake_path / FUTURES_SNAPSHOTS.name).rglob("*.parquet")
    flipped = bytearray(path.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    path.write_bytes(flipped)

    result = upkeep(settings, instance)

    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 not as committed (futures_snapshots" in (check.description or "")
    assert "0 rows lost" in (check.description or "")
    healed = Workbench(settings).lake.read(FUTURES_SNAPSHOTS.name).drop("ingested_at")
    assert healed.equals(good)
    (again,) = upkeep(settings, instance).get_asset_check_evaluations()
    assert again.passed


def ended(name: str, first: str, last: str, days_ago: float, *, good: bool = True) -> EndedRun:
    return EndedRun(name, "ingest", first, last, NOON - timedelta(days=days_ago), good)


def test_what_a_later_run_made_needless_is_forgotten() -> None:
    runs = [
        ended("newest", "03", "03", 0.1),
        ended("young", "03", "03", 1),
        ended("old", "03", "03", 3),
        ended("failed", "03", "03", 3, good=False),
        ended("old failed", "03", "03", 31, good=False),
        ended("last of its session", "02", "02", 200),
        ended("range over both", "02", "03", 300),
        ended("range within", "02", "02", 301),
    ]
    assert to_forget(runs, NOON) == ["old", "old failed", "range within"]


def test_another_job_does_not_make_a_run_needless() -> None:
    other = EndedRun("other", "derive", "03", "03", NOON, True)
    assert to_forget([other, ended("old", "03", "03", 3)], NOON) == []


def test_forgotten_runs_leave_no_file_and_no_partition_is_lost(
    settings: Settings, workbench: Workbench, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    prepare_home(home, settings)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        ingest = Ingest(settings, instance)
        for _ in range(3):
            plant_quotes(workbench, WEDNESDAY)
            ingest.only_raw(str(WEDNESDAY))
        plant_quotes(workbench, TUESDAY)
        ingest.only_raw(str(TUESDAY))
        files = set((home / "history" / "runs").glob("*-*.db"))
        key = dg.AssetKey(FUTURES_SNAPSHOTS.name)
        partitions = instance.get_materialized_partitions(key)

        deleted, kept = forget_runs(instance, datetime.now(UTC) + timedelta(days=20))

        assert (deleted, kept) == (2, 2)
        assert len(files) == 4
        assert len(set((home / "history" / "runs").glob("*-*.db"))) == 2
        assert (
            instance.get_materialized_partitions(key) == partitions == {"2025-01-14", "2025-01-15"}
        )
        check = dg.AssetCheckKey(key, f"{FUTURES_SNAPSHOTS.name}_schema")
        history = instance.event_log_storage.get_asset_check_execution_history(check, limit=9)
        assert len(history) == 1


@pytest.mark.parametrize(("day", "asks"), [(15, True), (20, True), (9, True), (18, False)])
def test_upkeep_follows_every_session(settings: Settings, day: int, asks: bool) -> None:
    at = datetime(2025, 1, day, 22, 15, tzinfo=UTC)
    context = dg.build_schedule_context(
        scheduled_execution_time=at, resources={"workbench": Workbench(settings)}
    )
    assert isinstance(upkeep_schedule(context), dg.RunRequest) == asks
