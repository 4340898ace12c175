"""``import-options`` and ``derive-options`` on the recorded chains: what is done is shown."""

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from futures_pipeline.api import get_derived_statistics
from futures_pipeline.commands.cli import cli
from futures_pipeline.domain.errors import ConfigurationError, PipelineError
from futures_pipeline_tests.analytics.recorded import RECORDED

MAPS = Path(__file__).parents[1] / "storage" / "option_maps"
MANY_EXPIRIES = RECORDED / "etf_option_chain_eod_2026_08.parquet"
SAME_DAY = RECORDED / "spy_0dte_chain_5min_2026.parquet"
# Stands still, after all that is recorded.
CLOCK = "2026-10-01T12:00:00+00:00@4000000000.0*1"
CELL = re.compile(r"\s*[│┃]\s*")


def run(*arguments: object) -> Result:
    environment = {"FUTURES_PIPELINE_CLOCK": CLOCK, "COLUMNS": "180"}
    answer = CliRunner().invoke(cli, [str(it) for it in arguments], env=environment)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    sys.stdout.write(answer.stdout)  # shown by pytest -s
    return answer


def cells(output: str) -> dict[str, list[str]]:
    """Return the cells of each line of a table, by the first."""
    lines = (CELL.split(line.strip())[1:-1] for line in output.splitlines() if "│" in line)
    return {line[0]: line[1:] for line in lines}


def recorded(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"no recorded market data at {path}")
    return path


@pytest.fixture(scope="module")
def many_expiries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The chains up to 90 days, imported."""
    file = recorded(MANY_EXPIRIES)
    data = tmp_path_factory.mktemp("chains")
    mapped = ("--map", MAPS / "many_expiries.toml", "--data", data)
    return data, run("import-options", file, *mapped)


def test_quotes_of_the_next_session_and_open_interest_are_told(
    many_expiries: tuple[Path, Result],
) -> None:
    said = cells(many_expiries[1].stdout)
    assert said["2026-08-17"] == ["13,668", "13,668", "0", "0", "0", "0"]
    assert said["quoted in another session than the file says"] == [
        "73,763",
        "filed under the quote's",
    ]
    assert said["open interest of the close before"] == ["73,521", "kept as such"]
    assert said["bid is 0"] == ["6,132", "taken as none"]
    assert said["iv is 0"] == ["2", "taken as none"]
    assert "Stored 73,763 rows." in many_expiries[1].stdout


def test_statistics_of_each_day_are_printed(many_expiries: tuple[Path, Result]) -> None:
    """Six days were quoted, one session between them was not; none is of the close."""
    data, _ = many_expiries
    answer = run("derive-options", "--data", data)
    lines = answer.stdout.splitlines()
    days = [line.split() for line in lines if line.startswith(" 2026-")]
    reasons = [CELL.split(line.strip())[1:-1] for line in lines if "│" in line]
    assert [line[2] for line in days] == ["early"] * 6 * 3
    spy = {line[0]: line for line in days if line[1] == "SPY"}
    assert ["SPY", "expires_within_7_days", "4,916"] in reasons
    assert "Stored 21 rows of 7 sessions; 3 of them" in answer.stdout
    found = get_derived_statistics("SPY", data=data)
    assert found["date"].is_sorted()
    assert found.height == 7
    known = found.drop_nulls("iv_atm_30d")
    assert known.height == 6
    assert set(known["greeks_source"]) == {"computed"}
    # QUANT_SPEC 10: within 0.8 points of VIX's closes of the days, 14.6 to 16.1.
    assert known["vix_chain"].is_between(13.5, 17).all()
    assert (known["iv_atm_30d"] * 100 < known["vix_chain"]).all()
    assert spy["2026-08-13"][4] == f"{known['iv_atm_30d'][0]:.2%}"


def test_a_second_import_finds_all_stored(many_expiries: tuple[Path, Result]) -> None:
    data, _ = many_expiries
    mapped = ("--map", MAPS / "many_expiries.toml", "--data", data)
    answer = run("import-options", MANY_EXPIRIES, *mapped)
    assert cells(answer.stdout)["2026-08-17"] == ["13,668", "0", "0", "13,668", "0", "0"]
    assert "Nothing was stored: 73,763 rows were before, 0 are refused." in answer.stdout


def test_a_dry_run_counts_duplicates_crossed_rows_and_zeros(tmp_path: Path) -> None:
    """The 4 crossed rows, 2,904 repeated ones and 42,479 without a volatility of README."""
    mapped = ("--map", MAPS / "same_day.toml", "--data", tmp_path / "data")
    answer = run("import-options", recorded(SAME_DAY), *mapped, "--dry-run")
    said = cells(answer.stdout)
    assert said["2026-08-20"] == ["13,296", "13,140", "0", "0", "152", "4"]
    assert said["refused: quote_not_crossed"] == ["4", "the rule: bid is not above ask"]
    assert said["repeated"] == ["2,904", "one row an option and moment is kept"]
    assert said["iv is 0"] == ["42,479", "taken as none"]
    assert said["bid is 0"] == ["69,534", "taken as none"]
    assert "Dry run: 249,802 rows would be stored; nothing was written." in answer.stdout
    assert not (tmp_path / "data").exists()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--map: .* must be readable"):
        run("import-options", "x.parquet", "--map", tmp_path / "no.toml", "--data", tmp_path)
    with pytest.raises(PipelineError, match=r"no NYSE session that is over .* import option"):
        run("derive-options", "--data", tmp_path)
