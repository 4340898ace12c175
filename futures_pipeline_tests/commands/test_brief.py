"""``futures-pipeline brief``: prints the archived page, makes it anew, and says when it cannot."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from futures_pipeline.commands.deciding.brief import brief, newest_day
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.decisions.brief.mornings import AS_OF, DAY


def run(data: Path, *options: str, now: object = AS_OF) -> Result:
    variables = {"FUTURES_PIPELINE_CLOCK": f"{now.isoformat()}@4000000000.0*1"}
    arguments = ["--data", str(data), *options]
    return CliRunner().invoke(brief, arguments, env=variables, catch_exceptions=True)


def test_a_brief_is_made_kept_and_printed(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    made = run(tmp_path, "--again")
    assert made.exit_code == 0, made.exception
    assert made.stdout.startswith("Morning brief, Friday 2026-11-20\nAs of 09:25 New York")
    assert "Data grade F" in made.stdout
    assert run(tmp_path).stdout == made.stdout
    assert run(tmp_path, "--day", str(DAY)).stdout == made.stdout
    page = run(tmp_path, "--html").stdout
    assert page == (tmp_path / "briefs" / f"{DAY}.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")


@pytest.mark.parametrize("options", [(), ("--day", "2026-11-19")])
def test_without_a_brief_it_says_how_to_make_one(tmp_path: Path, options: tuple[str, ...]) -> None:
    error = run(tmp_path, *options).exception
    assert isinstance(error, DataDirectoryError)
    assert "futures-pipeline brief --again" in str(error)


def test_of_a_directory_that_holds_nothing_none_is_made(tmp_path: Path) -> None:
    error = run(tmp_path / "misspelt", "--again").exception
    assert isinstance(error, DataDirectoryError)
    assert not (tmp_path / "misspelt").exists()


def test_a_saturday_has_none(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    error = run(tmp_path, "--again", "--day", "2026-11-14").exception
    assert isinstance(error, ConfigurationError)
    assert "a day on which NYSE trades" in str(error)


def test_the_newest_day_is_one_whose_moment_has_passed() -> None:
    assert newest_day(AS_OF) == DAY
    assert newest_day(AS_OF - timedelta(seconds=1)) == DAY - timedelta(days=1)
    assert newest_day(new_york(DAY + timedelta(days=2), 12)) == DAY  # a Sunday
