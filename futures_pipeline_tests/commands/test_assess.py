"""``futures-pipeline assess``: the verdicts first, the numbers after, and what is at fault."""

import doctest
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from futures_pipeline.api.analysis import (
    assess_predictive_value,
    calculate_correlation,
    calculate_lead_lag,
)
from futures_pipeline.commands.cli import COMMANDS
from futures_pipeline.commands.deciding import assess_tables
from futures_pipeline.commands.deciding.assess import assess
from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline_tests.pair_lake import (
    CLOCK,
    fill,
    planted_bars,
    recorded_bars,
    recorded_lake,
    regular_days,
)

DAYS = regular_days(16)
IN_PROGRESS = "Data collection in progress. Analysis available after 7 days."

Assess = Callable[..., Result]


@pytest.fixture
def run() -> Assess:
    def asked(data: Path, *arguments: str, columns: int = 160) -> Result:
        environment = {"FUTURES_PIPELINE_CLOCK": CLOCK, "COLUMNS": str(columns)}
        answer = CliRunner().invoke(assess, ["--data", str(data), *arguments], env=environment)
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer

    return asked


@pytest.fixture(scope="module")
def half_a_minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen sessions of SPY half a minute after ES."""
    return fill(tmp_path_factory.mktemp("half"), planted_bars(1, 30, DAYS))


def cells(output: str, start: str) -> list[str]:
    """The words of the first line that begins with ``start``."""
    return next(line.split() for line in output.splitlines() if line.split()[:1] == [start])


def test_the_verdicts_come_first(half_a_minute: Path, run: Assess) -> None:
    answer = run(half_a_minute, "ES", "SPY")
    title, _, lead, value = answer.stdout.splitlines()[:4]
    assert answer.exit_code == 0
    assert title == (
        f"ES and SPY, 16 sessions from {DAYS[0]} to {DAYS[-1]}, NYSE hours, one-minute bars"
    )
    assert lead.startswith("FUTURES_LEAD: ES leads SPY by ")
    assert "shortest lead that shows" in lead
    assert value.split(":")[0] in ("USEFUL", "NOT_USEFUL", "INCONCLUSIVE")


def test_the_planted_lead_is_printed_with_its_error_and_the_placebo(
    half_a_minute: Path, run: Assess
) -> None:
    output = run(half_a_minute, "es", "spy").stdout
    lead = cells(output, "Lead")
    assert float(lead[1]) == pytest.approx(30.0, abs=3 * float(lead[5]))
    assert float(lead[5]) < 2.0
    at_one = cells(output, "+1")
    assert float(at_one[1]) == pytest.approx(0.49, abs=0.05)
    low, high = float(at_one[5]), float(at_one[7])  # of the placebo
    assert -0.1 < low < 0.0 < high < 0.1
    more, low, high = (float(at_one[place]) for place in (8, 9, 11))
    assert -0.4 < low < 0.0 < high < 0.4 < more
    largest = output.split("the largest of all correlations is below ")[1]
    assert 0.03 < float(largest.split()[0]) < 0.08
    assert "ES explains SPY p <0.0001" in output
    assert cells(output, "Minutes")[4:] == ["ES", "none;", "SPY", "none"]


def test_fewer_days_are_looked_at_when_asked(half_a_minute: Path, run: Assess) -> None:
    output = run(half_a_minute, "ES", "SPY", "--days", "8").stdout
    assert output.startswith(f"ES and SPY, 8 sessions from {DAYS[-8]} to {DAYS[-1]}")
    assert cells(output, "because")[1:] == ["fewer", "than", "15", "sessions"] * 4


def test_under_seven_sessions_it_says_how_many_are_missing(
    half_a_minute: Path, run: Assess, tmp_path: Path
) -> None:
    few = run(half_a_minute, "ES", "SPY", "--days", "5").stdout.splitlines()
    assert few == [
        IN_PROGRESS,
        "ES and SPY: 5 of the 7 sessions needed are stored; collect 2 more.",
    ]
    assert run(tmp_path, "NQ", "QQQ").stdout.splitlines()[0] == IN_PROGRESS
    assert list(tmp_path.iterdir()) == []


def test_bars_that_are_named_wrong_are_told_and_not_analysed(tmp_path: Path, run: Assess) -> None:
    late = pl.when(pl.col("symbol") == "SPY").then(timedelta(minutes=1)).otherwise(timedelta())
    bars = planted_bars(1, 0, DAYS[:9]).with_columns(pl.col("ts_start", "ts_end") + late)
    answer = run(fill(tmp_path, bars), "ES", "SPY")
    assert answer.exit_code == 1
    assert answer.stdout.startswith("BAR_LABEL_FAULT: ES and SPY: the correlation is 0.9")
    assert len(answer.stdout.splitlines()) == 1


def test_wrong_symbols_are_refused(tmp_path: Path, run: Assess) -> None:
    with pytest.raises(UnknownSymbol, match="'GLD' is not known"):
        run(tmp_path, "ES", "GLD")
    with pytest.raises(ConfigurationError, match="pair: 'ES-ES' is not allowed"):
        run(tmp_path, "ES", "ES")


def test_it_is_listed_and_fits_a_terminal(half_a_minute: Path, run: Assess) -> None:
    assert "assess" in COMMANDS
    tables = run(half_a_minute, "ES", "SPY", columns=80).stdout.split("Granger")[1]
    assert max(len(line) for line in tables.splitlines()[1:]) <= 80
    assert "…" not in tables


def test_recorded_es_and_spy(tmp_path_factory: pytest.TempPathFactory, run: Assess) -> None:
    recorded = recorded_lake(tmp_path_factory)
    output = run(recorded, "ES", "SPY").stdout
    assert output.startswith("ES and SPY, 60 sessions from 2024-12-12 to 2025-04-02")
    lead, value = output.splitlines()[2:4]
    assert lead.split(":")[0] in ("NO_DETECTABLE_LEAD", "NO_EXPLOITABLE_LEAD")
    assert value.startswith("NOT_USEFUL: ")
    assert float(cells(output, "Correlation")[4]) == pytest.approx(0.994, abs=0.003)
    assert "about 736 sessions to conclusion" in value
    assert "SPY none" not in " ".join(cells(output, "Minutes"))
    assert calculate_correlation("ES", "SPY", 60, data=recorded) == pytest.approx(0.994, abs=0.003)
    by_lead = calculate_lead_lag("ES", "SPY", 60, data=recorded)
    assert by_lead[0] > 0.98
    assert max(abs(by_lead[lead]) for lead in (5, 15, 30, 60)) < 0.03
    assert assess_predictive_value("ES", "SPY", 60, data=recorded)["verdict_code"] == 0.0


def test_recorded_bars_that_are_named_by_their_end(tmp_path: Path, run: Assess) -> None:
    """QQQ was recorded by the end of its bars and is read so; SPY is read by the start."""
    legs = [
        recorded_bars("etf_vix_1m_2019_02_endlabel", symbol, minutes)
        for symbol, minutes in (("QQQ", -1), ("SPY", 0))
    ]
    answer = run(fill(tmp_path, *legs), "QQQ", "SPY")
    assert answer.exit_code == 1
    assert "when the bars of SPY are named by their end and read as starts" in answer.stdout


def test_doctests() -> None:
    found = doctest.testmod(assess_tables)
    assert found.attempted
    assert not found.failed
