"""What one pass for the command line says of its checks, and what it does with runs left over."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from futures_pipeline.orchestration.hosting.once import (
    CheckOutcome,
    checks_of_runs,
    end_left_runs,
    worst_of,
)
from futures_pipeline.orchestration.sensors.runs import UNFINISHED


def outcome(passed: bool, severity: str, says: str, asset: str = "bars_1m") -> CheckOutcome:
    return CheckOutcome(asset, "schema", passed, severity, says)


def test_a_failure_of_an_earlier_run_outlives_a_later_pass() -> None:
    failed, warned = outcome(False, "ERROR", "first"), outcome(False, "WARN", "second")
    assert worst_of([failed, warned, outcome(True, "ERROR", "third")]) == [failed]


def test_of_equals_the_newest_is_told_and_each_check_once() -> None:
    newest, other = outcome(True, "ERROR", "new"), outcome(True, "ERROR", "", "coverage")
    assert worst_of([outcome(True, "ERROR", "old"), other, newest]) == [newest, other]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance of Dagster of this test's own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")


def run_check(passed: bool) -> None:
    """Run an asset with one check."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("sound", asset="rows")])
    def rows() -> dg.MaterializeResult:  # type: ignore[type-arg]
        found = dg.AssetCheckResult(passed=passed, metadata={"says": f"passed: {passed}"})
        return dg.MaterializeResult(check_results=[found])

    with dg.DagsterInstance.get() as instance:
        assert dg.materialize([rows], instance=instance).success


@pytest.mark.usefixtures("home")
def test_checks_of_runs_since_a_time_are_told_oldest_first() -> None:
    run_check(passed=True)
    since = datetime.now(UTC)
    run_check(passed=False)
    run_check(passed=True)
    found = checks_of_runs(since)
    assert [(it.asset, it.check, it.passed) for it in found] == [
        ("rows", "sound", False),
        ("rows", "sound", True),
    ]


@pytest.mark.usefixtures("home")
def test_runs_that_a_stopped_daemon_left_are_ended() -> None:
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(dg.job(name="left")(lambda: None))
        instance.report_run_canceling(run)
    end_left_runs()
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELED  # type: ignore[union-attr]
