"""The job says what is due, once, and its checks speak up for what needs a person."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.decisions.assets import SAID_TABLES
from futures_pipeline.orchestration.decisions.automation import DECISIONS_JOB
from futures_pipeline.orchestration.decisions.checks import SAID_CHECKS
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import TABLES
from futures_pipeline_tests.market_lake import CALENDAR, whole
from futures_pipeline_tests.orchestration.decisions.conftest import DAY, At, local, settings_at

CHECKS = {check.check_name: check for check in SAID_CHECKS}


def run(workbench: Workbench, day: date = DAY) -> dg.ExecuteInProcessResult:
    job = build_defs(workbench.settings).resolve_job_def(DECISIONS_JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, partition_key=str(day), run_config=QUIET)


def test_a_run_says_what_is_due_of_the_session(at: At, data: Path) -> None:
    """At 09:35 New York: 23 nights, two signals, three decisions, 187 bars of SPY."""
    result = run(at(local(9, 35)))
    assert result.success
    lake = Lake(data / "lake")
    rows = {table.name: lake.read(table.name) for table in SAID_TABLES}
    spy = {name: of.filter(pl.col("symbol").is_in(["SPY", "ES"])) for name, of in rows.items()}
    assert {name: of.height for name, of in spy.items()} == {
        "premarket_signals": 23,
        "futures_signals": 2,
        "entry_decisions": 3,
        "regime_warnings": 187,
    }
    assert spy["entry_decisions"]["timestamp"].to_list() == [
        local(9, 25),
        local(9, 30),
        local(9, 35),
    ]
    assert spy["premarket_signals"]["is_final"].sum() == 1
    assert rows["futures_signals"].filter(symbol="QQQ")["reason"].unique().to_list() == ["no_price"]
    told = [event.step_materialization_data.materialization
            for event in result.get_asset_materialization_events()]  # fmt: skip
    shown = {each.asset_key.to_user_string(): each.metadata for each in told}
    assert "futures-pipeline receipt" in str(shown["entry_decisions"]["says"].value)
    assert "chart" in shown["futures_signals"]
    assert shown["regime_warnings"]["new_rows"].value == 187
    results = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert {name for name, each in results.items() if not each.passed} == {
        "futures_signals_available",  # QQQ is collected, and not in this lake
        "premarket_signals_available",
        "premarket_signals_before_the_open",  # it was said at 09:36
    }
    assert "QQQ" in str(results["futures_signals_available"].description)


def test_before_the_session_nothing_is_due(at: At, data: Path) -> None:
    assert run(at(new_york(DAY - timedelta(days=1), 17, 30))).success
    assert Lake(data / "lake").read("regime_warnings").is_empty()


def said_rows(table: str, *rows: dict[str, Any]) -> pl.DataFrame:
    schema = TABLES[table].schema
    frame = pl.DataFrame([{"session_date": DAY, **row} for row in rows])
    return whole(frame.cast({name: schema[name] for name in frame.columns}), table)


FAULTS = [
    ("entry_decisions_rules_sound", {"errors": "CheapCallsEntry", "reason": "TypeError"}, False),
    ("entry_decisions_rules_sound", {"errors": None, "reason": "nothing matched"}, True),
    ("regime_warnings_calm", {"level": "warning", "drawdown": 2.6, "cusum": 9.0}, False),
    ("regime_warnings_calm", {"level": "watch", "drawdown": 2.1, "cusum": 1.0}, True),
    ("futures_signals_available", {"reason": "bars_at_fault: ESH5 one price"}, False),
    ("futures_signals_available", {"signal": "hold"}, True),
    ("premarket_signals_before_the_open", {"is_final": True, "computed_at": local(9, 30)}, True),
    (
        "premarket_signals_before_the_open",
        {"is_final": True, "computed_at": local(9, 30) + timedelta(seconds=1)},
        False,
    ),
    (
        "premarket_signals_before_the_open",
        {"is_final": True, "computed_at": datetime(2025, 6, 1, tzinfo=UTC)},
        True,
    ),
]


@pytest.mark.parametrize(("name", "row", "passes"), FAULTS)
def test_a_check_fails_where_it_should(name: str, row: dict[str, Any], passes: bool) -> None:
    check = CHECKS[name]
    rows = said_rows(check.table.name, {"symbol": "SPY", "timestamp": local(10)} | row)
    result = check.result(rows, [DAY], CALENDAR)
    assert result.passed is passes
    assert passes or "SPY 2025-02-20 15:00 UTC" in str(result.description)


def test_a_failed_rule_is_an_error_and_what_is_over_needs_nobody() -> None:
    assert CHECKS["entry_decisions_rules_sound"].severity is dg.AssetCheckSeverity.ERROR
    rows = said_rows(
        "futures_signals",
        {"symbol": "SPY", "timestamp": local(10), "reason": "no_price"},
        {"symbol": "SPY", "timestamp": local(11), "reason": None},
    )
    assert CHECKS["futures_signals_available"].result(rows, [DAY], CALENDAR).passed


def test_a_back_fill_says_the_whole_session(data: Path) -> None:
    """Asked for by hand a week later, the day has all of its moments."""
    workbench = Workbench(settings_at(data, datetime(2025, 2, 27, 15, 0, tzinfo=UTC)))
    assert run(workbench).success
    lake = Lake(data / "lake")
    counts = {
        table.name: lake.read(table.name).filter(pl.col("symbol").is_in(["SPY", "ES"])).height
        for table in SAID_TABLES
    }
    assert counts == {
        "premarket_signals": 23,
        "futures_signals": 78,
        "entry_decisions": 79,
        "regime_warnings": 276,
    }
