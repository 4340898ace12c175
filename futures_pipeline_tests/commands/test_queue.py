"""``futures-pipeline queue`` tells what waits and what failed, in words a person can act on."""

import doctest
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from futures_pipeline.collection.broker.codes import CODES
from futures_pipeline.commands.inspecting import queue as queue_module
from futures_pipeline.commands.inspecting.queue import queue
from futures_pipeline.commands.inspecting.remedies import (
    ELSE,
    FOR_CAUSE,
    FOR_ERROR_KIND,
    for_error_kind,
)
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.storage.spool import NewRequest, Spool

NOW = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)  # 09:30 New York
WINDOW = {
    "contract": "ESH5",
    "from": "2025-01-14T22:00:00+00:00",
    "to": "2025-01-15T22:00:00+00:00",
}

Show = Callable[..., str]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """Run the command on the test's directory and return what it prints."""

    def run(*arguments: str, columns: int = 160) -> str:
        clock = f"{NOW.isoformat()}@4000000000.0*1"  # anchored in 2096: it stands at NOW
        answer = CliRunner().invoke(
            queue,
            ["--data", str(tmp_path), *arguments],
            env={"FUTURES_PIPELINE_CLOCK": clock, "COLUMNS": str(columns)},
        )
        if answer.exception is not None:
            raise answer.exception
        return answer.output

    return run


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    yield opened
    opened.close()


def failed(spool: Spool, error: tuple[str, str], status: str, *, seconds: float = 0) -> int:
    """Put in a request of ES that meets an error, and is tried again after some seconds."""
    made = NOW - timedelta(minutes=5)
    spool.enqueue([NewRequest("backfill", "ES", 50, WINDOW)], made)
    (claimed,) = spool.claim(["backfill"], 1, made)
    spool.put_back(claimed.id, status, error, (NOW, NOW + timedelta(seconds=seconds)))
    return claimed.id


def line_with(output: str, text: str) -> str:
    (line,) = [line for line in output.splitlines() if text in line]
    return line


def test_a_waiting_request_tells_its_window_turn_error_and_remedy(spool: Spool, show: Show) -> None:
    failed(spool, ("competing_session", "10197 No market data"), "pending", seconds=200)

    output = show()

    assert "backfill ES" in output
    assert "ESH5, Tue 14 Jan 17:00 to Wed 15 Jan 17:00" in output
    assert "waits, priority 50" in output
    assert "1 attempt, next in 3 min 20 s (Wed 09:33:20)" in output
    assert "competing_session: 10197 No market data" in output
    assert "Do: log out of the other live session" in output
    assert "The oldest waiting request was made 5 min ago." in output


def test_counts_are_by_kind_and_status(spool: Spool, show: Show) -> None:
    for status in ("pending", "failed", "failed", "dead"):
        failed(spool, ("timed_out", "nothing within 60 s"), status, seconds=900)
    spool.enqueue([NewRequest("snapshot", "ES", 0)] * 3, NOW)
    spool.claim(["snapshot"], 2, NOW)

    output = show()

    assert line_with(output, "Kind").split() == ["Kind", "waits", "runs", "failed", "dead", "done"]
    assert line_with(output, " backfill  ").split() == ["backfill", "1", "2", "1"]
    assert line_with(output, " snapshot  ").split() == ["snapshot", "1", "2"]


def test_a_due_request_is_tried_at_once_and_a_running_one_tells_since_when(
    spool: Spool, show: Show
) -> None:
    spool.enqueue([NewRequest("snapshot", "ES", 0)] * 2, NOW - timedelta(seconds=9))
    spool.claim(["snapshot"], 1, NOW - timedelta(seconds=7))

    output = show()

    assert "runs, priority 0" in output
    assert "1 attempt, since 7 s" in output
    assert "0 attempts, next at once" in output


def test_failures_that_are_alike_are_one_line(spool: Spool, show: Show) -> None:
    for second in range(30):
        at = NOW - timedelta(minutes=30 - second)
        spool.enqueue([NewRequest("snapshot", "ES", 0)], at)
        (claimed,) = spool.claim(["snapshot"], 1, at)
        spool.put_back(claimed.id, "failed", ("stale_stream", "stale_stream"), (at, at))

    output = show()

    assert output.count("stale_stream") == 1
    assert "30 times alike" in output
    assert "ended Wed 09:29:00" in output  # the last of them
    assert show("--all").count("stale_stream") == 30


def test_a_long_queue_is_cut_and_says_so(spool: Spool, show: Show) -> None:
    spool.enqueue([NewRequest("backfill", "ES", 50, WINDOW)] * 1_000, NOW)

    output = show()

    assert output.count("backfill ES") == 20
    assert "980 more are listed with --all." in output
    assert show("--all").count("backfill ES") == 1_000


def test_what_is_done_is_listed_with_all_only(spool: Spool, show: Show) -> None:
    spool.enqueue([NewRequest("backfill", "ES", 50, WINDOW)], NOW)
    (claimed,) = spool.claim(["backfill"], 1, NOW)
    spool.finish([claimed.id], [], NOW)

    assert "Nothing waits and nothing failed." in show()
    assert "done, priority 50" in show("--all")


def test_one_kind_alone(spool: Spool, show: Show) -> None:
    failed(spool, ("timed_out", "nothing"), "failed")
    spool.enqueue([NewRequest("option_chain", "SPY", 5, {"round_at": NOW.isoformat()})], NOW)

    output = show("--kind", "option_chain")

    assert "round of Wed 09:30:00" in output
    assert "timed_out" not in output
    with pytest.raises(PipelineError, match=r"--kind: 'x' .* queue: backfill, option_chain"):
        show("--kind", "x")


def test_a_directory_without_a_database_is_left_as_it_is(show: Show, tmp_path: Path) -> None:
    assert "no collector has run there" in " ".join(show().split())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_queue(spool: Spool, show: Show) -> None:
    assert spool.last_request("x") == 0
    assert show() == "The queue is empty.\n"


def test_the_brokers_words_are_shown_as_they_are(spool: Spool, show: Show) -> None:
    """Square brackets are the screen library's own language."""
    failed(spool, ("code_999", "[bold]gone[/red] [link=x]"), "dead")
    assert "[bold]gone[/red] [link=x]" in show()


def test_it_fits_a_narrow_terminal(spool: Spool, show: Show) -> None:
    failed(spool, ("no_such_contract", "200 No security definition has been found"), "dead")
    failed(spool, ("pacing", "162 pacing violation"), "pending", seconds=4000)

    output = show(columns=80)

    assert max(len(line) for line in output.splitlines()) <= 80
    assert "…" not in output


def test_every_cause_and_every_kind_of_error_has_a_remedy() -> None:
    assert set(FOR_CAUSE) == set(Cause)
    for found in CODES.values():
        assert for_error_kind(found.kind) == (found.remedy or for_error_kind(found.kind))
    for kind in FOR_ERROR_KIND:
        assert for_error_kind(kind) not in ("", ELSE)
    assert for_error_kind("upstream_lost") == FOR_CAUSE[Cause.UPSTREAM_LOST]
    assert for_error_kind("code_123") == ELSE


def test_doctests() -> None:
    found = doctest.testmod(queue_module)
    assert found.attempted
    assert not found.failed
