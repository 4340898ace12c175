"""What doctor says of this machine, and how it ends."""

from pathlib import Path

import pytest
from rich.console import Console

from futures_pipeline.collection.findings import Finding, Verdict
from futures_pipeline.commands.inspecting.doctor import (
    CANNOT_WORK,
    Report,
    collector_finding,
    directory_finding,
    space_finding,
)
from futures_pipeline.commands.options import sole_user


def test_a_directory_is_made_and_found_writable(tmp_path: Path) -> None:
    line = directory_finding(tmp_path / "new")

    assert "new is writable" in line.found
    assert (tmp_path / "new").is_dir()


def test_a_directory_that_cannot_be_made_must_be_fixed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    line = directory_finding(file / "data")

    assert line.verdict is Verdict.FAIL
    assert "--data" in line.remedy


@pytest.mark.parametrize(
    ("free_bytes", "verdict"),
    [(0.9e9, Verdict.FAIL), (1e9, Verdict.WARN), (9.9e9, Verdict.WARN), (10e9, Verdict.OK)],
)
def test_little_space_is_told(free_bytes: float, verdict: Verdict) -> None:
    assert space_finding("data directory", "data is writable", free_bytes).verdict is verdict


def test_a_running_collector_is_fine_and_said(tmp_path: Path) -> None:
    with sole_user(tmp_path, "collector"):
        running = collector_finding(tmp_path)
    idle = collector_finding(tmp_path)

    assert (running.verdict, idle.verdict) == (Verdict.OK, Verdict.OK)
    assert running.found.startswith("one is running")
    assert idle.found.startswith("none runs")


def test_a_line_keeps_brackets_and_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(Console(width=40))

    report.tell(Finding("ES quotes", Verdict.FAIL, "none: [red] words", "act " * 30, 354))

    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("FAIL  ES quotes")
    assert "none: [red] words (code 354) -> act act" in line


@pytest.mark.parametrize(
    ("verdicts", "status", "words"),
    [
        ([Verdict.OK], 0, "The collector can work."),
        ([Verdict.OK, Verdict.WARN], 0, "1 to look at"),
        ([Verdict.FAIL, Verdict.WARN, Verdict.FAIL], CANNOT_WORK, "2 to fix first"),
    ],
)
def test_the_conclusion(
    verdicts: list[Verdict], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(Console())
    for verdict in verdicts:
        report.tell(Finding("a check", verdict, "found"))

    assert report.conclude() == status
    assert words in capsys.readouterr().out
