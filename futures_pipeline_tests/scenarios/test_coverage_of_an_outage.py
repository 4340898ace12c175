"""A gateway that goes away for minutes: bars are healed, the missing snapshots have their cause."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from futures_pipeline.commands.inspecting.coverage import coverage
from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    Simulator,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

START = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)  # 10:00 New York
SPEED = 60.0
OUTAGE_SECONDS = 300


def shown(simulator: Simulator, data: Path) -> str:
    """Return what ``futures-pipeline coverage`` prints at this moment of the market."""
    variables = {**simulator.variables, "COLUMNS": "160"}
    answer = CliRunner().invoke(coverage, ["--data", str(data)], env=variables)
    assert answer.exception is None, answer.exception
    return answer.output


def numbers(output: str, stream: str) -> list[int]:
    """Return the minutes expected, received, with and without a cause of a stream."""
    (line,) = [line.split() for line in output.splitlines() if line.strip().startswith(stream)]
    expected, received, _, explained, unexplained = (part.replace(",", "") for part in line[2:7])
    return [int(part) for part in (expected, received, explained, unexplained)]


def gap_at_the_gateway(output: str) -> bool:
    return "nothing answered at the gateway's address" in output


def test_every_minute_of_an_outage_is_healed_or_explained(data: Path) -> None:
    with simulated(START, SPEED, "ES,VIX") as simulator:
        variables = {
            **simulator.variables,
            "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0",
        }
        collector = CollectorProcess(data, variables)
        try:
            wait_until(lambda: collector.log.count("round_finished") >= 3, 60, "three rounds")
            simulator.command(command="fault", name="restart", seconds=OUTAGE_SECONDS)
            wait_until(lambda: "session_lost" in collector.log, 30, "the loss is noticed")

            def healed() -> bool:
                output = shown(simulator, data)
                expected, received, *_ = numbers(output, "ESH5 bars")
                return gap_at_the_gateway(output) and received == expected

            wait_until(healed, 90, "the gap is judged and its bars are there")
        finally:
            assert collector.interrupt() == 0
        output = shown(simulator, data)

    for stream in ("ESH5 bars", "VIX bars", "ESH5 snapshots", "VIX snapshots"):
        expected, received, explained, unexplained = numbers(output, stream)
        assert (stream, unexplained) == (stream, 0)
        assert expected == received + explained
    assert gap_at_the_gateway(output)
