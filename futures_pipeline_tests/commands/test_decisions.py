"""``receipt``, ``explain`` and ``replay`` on a lake of a month whose last day was decided live."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from futures_pipeline.commands.cli import COMMANDS, cli
from futures_pipeline.commands.deciding.explain import condition_text
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.orchestration.decisions.assets import SAID_TABLES, said
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline_tests.market_lake import market, sessions
from futures_pipeline_tests.orchestration.decisions.conftest import DAY, local, settings_at

CLOCK = "2025-02-20T22:30:00+00:00@4000000000.0*1"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("decided")
    market(made, sessions(DAY, 26))
    workbench = Workbench(settings_at(made, local(9, 42)))
    for table in SAID_TABLES:
        said(workbench, table, DAY, "run")
    return made


def call(data: Path, *arguments: str) -> Result:
    environment = {"FUTURES_PIPELINE_CLOCK": CLOCK, "COLUMNS": "160"}
    answer = CliRunner().invoke(cli, [*arguments, "--data", str(data)], env=environment)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer


def newest_id(data: Path, table: str, symbol: str = "SPY") -> str:
    return str(Lake(data / "lake").read(table).filter(symbol=symbol)["id"][-1])


@pytest.mark.parametrize(
    ("table", "symbol"),
    [("futures_signals", "SPY"), ("regime_warnings", "ES"), ("entry_decisions", "SPY")],
)
def test_a_receipt_that_holds(data: Path, table: str, symbol: str) -> None:
    answer = call(data, "receipt", newest_id(data, table, symbol))
    lines = answer.stdout.splitlines()
    assert (answer.exit_code, lines[-1]) == (0, "EQUAL")
    assert lines[0].startswith(f"{table}: {symbol} as of 2025-02-20 14:40 UTC, computed at")
    assert "bars_1m 1" in lines[1]
    assert lines[4] == "Minutes     ESH5 940 of 940" + (", SPY 10 of 10" if symbol == "SPY" else "")
    assert lines[6].endswith("computed again by the same")


def test_a_receipt_that_does_not(data: Path) -> None:
    """A stored row that nobody computed shows as a table of what differs."""
    lake, forged = Lake(data / "lake"), "0123456789abcdef"
    opened = lake.open_or_create("futures_signals")
    row = opened.read([DAY]).filter(symbol="SPY").tail(1)
    told = {"id": forged, "signal": "strong_buy"}
    other = row.with_columns(
        *(pl.lit(value).alias(name) for name, value in told.items()),
        confidence=0.99,
        timestamp=pl.lit(local(15)),
    )
    opened.append(other.cast(opened.table.schema), Once("forger", 1), {})
    answer = call(data, "receipt", forged)
    assert answer.exit_code == 1
    assert "EQUAL" not in answer.stdout
    for shown in ("DIFFERENT", "confidence", "0.99", "strong_buy"):
        assert shown in answer.stdout


def test_an_id_that_nobody_has(data: Path) -> None:
    for command in ("receipt", "explain"):
        with pytest.raises(ConfigurationError, match="the id of a row of futures_signals"):
            call(data, command, "feed" * 4)


def test_every_rule_is_explained(data: Path) -> None:
    answer = call(data, "explain", newest_id(data, "entry_decisions"))
    assert answer.exit_code == 0
    assert answer.stdout.startswith("SPY as of 2025-02-20 14:40 UTC: ")
    for rule in ("PremarketSurgeEntry", "FuturesMomentumEntry", "EnhancedNeutralLowIVEntry"):
        assert rule in answer.stdout
    assert "IV rank >= 50: not known" in answer.stdout
    with pytest.raises(ConfigurationError, match="the id of a row of entry_decisions"):
        call(data, "explain", newest_id(data, "futures_signals"))


def test_a_condition_says_what_it_takes() -> None:
    told = {"condition": "regime is not crisis", "value": "crisis", "distance": None}
    assert condition_text(told) == "regime is not crisis: it is crisis"


def test_two_sessions_replayed(data: Path) -> None:
    """158 moments; the gate is on here, so that futures act in the comparison alone."""
    answer = call(data, "replay", "--from", "2025-02-19", "--to", "2025-02-20", "--symbols", "spy")
    assert answer.exit_code == 0
    assert "158 moments of 2 sessions, 2025-02-19 to 2025-02-20" in answer.stdout
    assert "no rule failed" in answer.stdout
    assert "With futures" in answer.stdout
    assert "Deciding sessions" in answer.stderr


def test_a_replay_of_nothing_says_so(data: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="dates with an NYSE day between; stored are 2025-01-"
    ):
        call(data, "replay", "--from", "2020-01-01", "--to", "2020-02-01")
    with pytest.raises(ConfigurationError, match="of SPY, QQQ, IWM"):
        call(
            data,
            "replay",
            "--from",
            str(date(2025, 2, 20)),
            "--to",
            "2025-02-20",
            "--symbols",
            "ES",
        )


def test_the_commands_are_listed() -> None:
    assert {"receipt", "explain", "replay"} <= set(COMMANDS)
