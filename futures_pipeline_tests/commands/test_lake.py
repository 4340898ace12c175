"""``futures-pipeline lake``: what it lists and shows, and how it refuses and repairs."""

from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from futures_pipeline.commands.inspecting.lake import lake as command
from futures_pipeline.commands.running.pipeline import heal_lake
from futures_pipeline.config import Settings
from futures_pipeline.domain.errors import ConfigurationError, LakeError, PipelineError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.lake.commit_log import commit_name
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import BARS_1M, QUARANTINE
from futures_pipeline_tests.storage.killed_ingester import next_batch
from futures_pipeline_tests.storage.rows import AT, CALENDAR, SESSION

COMMITS = 3


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory with some bars and refused rows."""
    spool = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    ingestion = Ingestion(
        Lake(tmp_path / "lake"), spool, tuple(UNIVERSE.values()), CALENDAR, "run-1"
    )
    for number in range(COMMITS):
        spool.append([next_batch(number)], AT)
        ingest_partition(ingestion, BARS_1M, SESSION, AT)
    spool.close()
    return tmp_path


def call(data: Path, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(command, ["--data", str(data), *arguments])


def line(result: Result, start: str) -> list[str]:
    """Return the cells of the table row that begins with a text."""
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in result.output.splitlines()]
    (found,) = [row for row in rows if row and row[0] == start]
    return found


def test_lists_rows_sessions_files_and_versions(data: Path) -> None:
    cells = line(call(data), BARS_1M.name)

    assert cells[1:4] == ["6", "1", "1"]
    assert cells[5] == f"0 to {COMMITS}"
    assert cells[-1] == "log as committed"
    assert line(call(data), "change_metrics")[-1] == "empty"


def test_lists_a_damaged_table_as_damaged(data: Path) -> None:
    (data / "lake" / BARS_1M.name / "_delta_log" / commit_name(COMMITS)).write_bytes(b"")

    assert "lake repair" in str(call(data).exception)


def test_shows_the_last_rows_now_and_as_of_a_version(data: Path) -> None:
    assert f"6 rows of {SESSION}; version 3" in call(data, "show", BARS_1M.name).output
    shown = call(data, "show", BARS_1M.name, "--as-of", "1", "--session", str(SESSION)).output
    assert f"2 rows of {SESSION}; version 1" in shown
    assert "5900.5" in shown


def test_lists_versions_with_their_runs(data: Path) -> None:
    cells = line(call(data, "versions", BARS_1M.name), "2")

    assert cells[2:] == ["1", "4", "1", "run-1"]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("show", "nothing"), ConfigurationError, "one that is stored: bars_1m, quarantine"),
        (("show", BARS_1M.name, "--as-of", "noon"), ConfigurationError, "a version such as 12"),
        (("show", BARS_1M.name, "--as-of", "2001-01-01"), ConfigurationError, "when bars_1m was"),
        (("show", BARS_1M.name, "--as-of", "99"), LakeError, "newest version is 3"),
        (("show", BARS_1M.name, "--session", "x"), ConfigurationError, "a date such as"),
        (("show", "lead_lag"), LakeError, "no row was ever stored"),
    ],
)
def test_refuses_what_is_not_there(
    data: Path, arguments: tuple[str, ...], error: type[PipelineError], says: str
) -> None:
    refused = call(data, *arguments).exception

    assert isinstance(refused, error)
    assert says in str(refused)


def test_scrub_names_the_damage_and_rebuilds_it(data: Path) -> None:
    assert "none not as committed" in call(data, "scrub").output
    table = Lake(data / "lake").open(BARS_1M.name)
    assert table is not None
    file = table.root / table.data_files()[0].path
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    found = call(data, "scrub")
    assert isinstance(found.exception, PipelineError)
    assert file.name in found.output.replace("\n", "")
    assert (
        f"rebuilt {SESSION} from the spool: 6 of 6 rows" in call(data, "scrub", "--rebuild").output
    )
    assert "none not as committed" in call(data, "scrub").output


def test_repair_says_what_it_did(data: Path) -> None:
    assert "Nothing to repair" in call(data, "repair").output
    (data / "lake" / BARS_1M.name / "_delta_log" / commit_name(COMMITS)).write_bytes(b"")

    said = call(data, "repair").output.replace("\n", " ")
    assert "went back from version 3 to 2" in said
    assert "Nothing to repair" in call(data, "repair").output


def test_maintain_prints_before_and_after(data: Path) -> None:
    shown = call(data, "maintain")

    assert line(shown, QUARANTINE.name)[1] == "3 → 1"
    assert "old batches" in shown.output


def test_a_pipeline_starts_on_a_whole_lake(data: Path) -> None:
    (data / "lake" / BARS_1M.name / "_delta_log" / commit_name(COMMITS)).write_bytes(b"")
    shown = Console(width=200, record=True, file=StringIO())

    for _ in range(2):
        heal_lake(Settings(data=data), shown)

    said = shown.export_text().splitlines()
    assert len(said) == 1, "nothing is said of a lake that is whole"
    assert said[0].startswith("bars_1m: commit 3 was not whole: went back from version 3 to 2")
    assert line(call(data), BARS_1M.name)[-1] == "log as committed"
