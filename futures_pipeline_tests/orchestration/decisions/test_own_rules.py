"""A user's rule: the file that the documentation shows, and one that raises."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from futures_pipeline.alerting import Severity
from futures_pipeline.commands.cli import cli
from futures_pipeline.decisions.engine import DecisionEngine
from futures_pipeline.decisions.rules import entries
from futures_pipeline.orchestration.decisions.assets import said_asset
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.partitions import session_partitions
from futures_pipeline.orchestration.sensors.alerts import failed_checks
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import ENTRY_DECISIONS
from futures_pipeline_tests.decisions.builders import line, options
from futures_pipeline_tests.orchestration.decisions.conftest import DAY, At, local

DOCUMENT = Path(__file__).parents[3] / "docs" / "rules.md"
# A slip of the pen, as users make it.
SLIP = ("context.vix)", "context.vix_of_tomorrow)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are rules like those of ``entries``."""
    before = set(sys.modules)
    monkeypatch.setattr(entries, "__path__", [*entries.__path__, str(tmp_path)])
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def documented() -> str:
    """Return the rule of the documentation."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def test_the_documented_file_is_a_rule(folder: Path) -> None:
    (folder / "cheap_calls.py").write_text(documented(), encoding="utf-8")
    decision = DecisionEngine().evaluate(options(iv_rank=9.0, vix=17.5))
    assert decision.reason == "CheapCallsEntry: calls are cheap at VIX 17.5"
    assert len(decision.trace) == 12
    held = line(DecisionEngine().evaluate(options(iv_rank=9.0, vix=18.0)), "CheapCallsEntry")
    assert held.note == "VIX < 18 fails: it is 18, 0 away"


def test_a_rule_that_raises_is_in_the_trace_and_alarms(folder: Path, at: At, data: Path) -> None:
    """The others decide, the check fails as an error, and so an alert is due."""
    (folder / "cheap_calls.py").write_text(documented().replace(*SLIP), encoding="utf-8")
    workbench = at(local(9, 35))
    asset = said_asset(ENTRY_DECISIONS, session_partitions(DAY, workbench.calendar.globex))
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [asset],
            partition_key=str(DAY),
            instance=instance,
            resources={"workbench": workbench},
            run_config=QUIET,
        )
        (alarm,) = failed_checks(instance, asset.check_keys)

    assert (alarm.severity, alarm.title) == (Severity.ERROR, "entry_decisions: rules sound")
    assert "SPY 2025-02-20 14:25 UTC: rules failed: CheapCallsEntry; " in alarm.says
    rows = Lake(data / "lake").read(ENTRY_DECISIONS.name).filter(symbol="SPY").sort("timestamp")
    assert rows["errors"].to_list() == ["CheapCallsEntry"] * 3
    assert rows["reason"][0].startswith("CheapCallsEntry failed with AttributeError: ")
    explained = CliRunner().invoke(cli, ["explain", rows["id"][0], "--data", str(data)])
    assert "has no attribute" in " ".join(explained.stdout.replace("\u2502", " ").split())
