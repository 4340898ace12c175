"""The doctor names what is wrong with a gateway, and leaves nothing behind."""

import re
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from futures_pipeline_tests.scenarios.conftest import (
    CollectorProcess,
    Simulator,
    environment,
    simulated,
    wait_until,
)

pytestmark = pytest.mark.scenario

OPEN = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
SATURDAY = datetime(2025, 1, 18, 15, 0, tzinfo=UTC)
SYMBOLS = "ES,SPY,VIX"
CAN_WORK, CANNOT_WORK, WRONG_SETTINGS = 0, 1, 2
# Market time at this speed makes the wait for a five-second bar short.
SPEED = 5.0


class Told:
    """What a started command prints until it ends, and how it ends."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.text, errors = child.communicate(timeout=120)
        assert errors == ""
        self.status = child.returncode

    def line(self, subject: str) -> str:
        """Return the one line about a subject."""
        (found,) = re.findall(rf"^(?:OK|WARN|FAIL) +{subject}  .*$", self.text, re.MULTILINE)
        return str(found)


def start(data: Path, variables: dict[str, str]) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "futures_pipeline", "doctor", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(variables),
    )


def doctor(data: Path, variables: dict[str, str]) -> Told:
    """Run the command to its end."""
    return Told(start(data, variables))


def wrong(simulator: Simulator, name: str, **parameters: Any) -> None:
    """Start a fault."""
    assert simulator.command(command="fault", name=name, **parameters)["ok"]


def test_a_gateway_in_order_is_told_to_be_and_gets_everything_back(data: Path) -> None:
    with simulated(OPEN, SPEED, SYMBOLS) as simulator:
        options_on = {"FUTURES_PIPELINE_COLLECTION_OPTION_INTERVAL_SECONDS": "300"}
        told = doctor(data, {**simulator.variables, **options_on})
        after = simulator.command(command="stats")

    assert told.status == CAN_WORK
    assert "FAIL" not in told.text
    assert "front month ESH5, expires 2025-03-21, next roll session 2025-03-17" in told.text
    for symbol in SYMBOLS.split(","):
        assert "OK    " in told.line(f"{symbol} contract")
        assert "live: " in told.line(f"{symbol} quotes")
        assert "live: a bar came" in told.line(f"{symbol} five-second bars")
        assert "permitted, 29 bars" in told.line(f"{symbol} one-minute history")
    assert re.search(r"\d+ expiries, \d+ strikes", told.line("SPY option chains"))
    assert "0 of 60 history slots, 6 of 100 lines, 3 of 60" in told.line("pacing plan")
    assert "options take turns on 84 free lines" in told.line("pacing plan")
    assert "agrees with the broker's" in told.line("clock")
    assert "DU1234567" not in told.text
    assert after["requests"]["1"] == after["requests"]["2"] == 3
    assert after["requests"]["50"] == after["requests"]["51"] == 3
    assert (after["lines_in_use"], after["clients"], after["violations"]) == (0, [], {})
    assert after["unsupported"] == {}


@pytest.mark.parametrize(
    ("override", "verdict", "found"),
    [
        ("ESM5", "OK  ", "front month ESM5, expires 2025-06-20, by collection.front_month"),
        ("ESZ4", "WARN", "collection.front_month names ESZ4, which leads no more"),
    ],
)
def test_an_override_that_has_expired_is_told(
    data: Path, override: str, verdict: str, found: str
) -> None:
    with simulated(OPEN, SPEED, "ES") as simulator:
        chosen = {"FUTURES_PIPELINE_COLLECTION_FRONT_MONTH": f"ES={override}"}
        told = doctor(data, {**simulator.variables, **chosen})

    assert told.line("ES contract").startswith(verdict)
    assert found in told.line("ES contract")


def test_a_running_collector_is_said_and_not_disturbed(data: Path) -> None:
    history = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0"}
    with simulated(OPEN, SPEED, SYMBOLS) as simulator:
        collector = CollectorProcess(data, {**simulator.variables, **history})
        try:
            wait_until(lambda: "round_finished" in collector.log, 30, "a round of the collector")
            held = simulator.command(command="stats")["lines_in_use"]
            told = doctor(data, {**simulator.variables, **history})
            after = simulator.command(command="stats")
        finally:
            collector.leave(10)

    assert told.status == CAN_WORK
    assert "one is running" in told.line("collector")
    assert after["lines_in_use"] == held > 0
    assert len(after["clients"]) == 1
    assert "session_lost" not in collector.log


@pytest.mark.parametrize(
    ("fault", "subject", "verdict", "words"),
    [
        ("354", "ES quotes", "FAIL", "none: .*\\(code 354\\) -> subscribe to this market's data"),
        ("10090", "ES quotes", "WARN", "live: .*\\(code 10090\\) -> some ticks"),
        ("10167", "ES quotes", "WARN", "delayed: .*\\(code 10167\\)"),
        ("420", "ES five-second bars", "FAIL", "\\(code 420\\) -> subscribe"),
        ("162_no_permission", "ES one-minute history", "FAIL", "\\(code 162\\) -> subscribe"),
        ("200", "ES contract", "FAIL", "\\(code 200\\) -> check the symbol"),
        ("silence", "ES quotes", "FAIL", "none, though the market is open"),
    ],
)
def test_a_fault_of_one_symbol_is_told_with_its_remedy(
    data: Path, fault: str, subject: str, verdict: str, words: str
) -> None:
    with simulated(OPEN, SPEED, "ES") as simulator:
        wrong(simulator, fault, symbol="ES")
        told = doctor(data, simulator.variables)
        after = simulator.command(command="stats")

    line = told.line(subject)
    assert line.startswith(verdict)
    assert re.search(words, line)
    assert told.status == (CANNOT_WORK if verdict == "FAIL" else CAN_WORK)
    assert (after["lines_in_use"], after["clients"]) == (0, [])


def test_another_login_of_the_user_is_told(data: Path) -> None:
    with simulated(OPEN, SPEED, "ES") as simulator:
        wrong(simulator, "10197")
        told = doctor(data, simulator.variables)

    assert told.line("ES quotes").startswith("FAIL")
    assert "(code 10197) -> log out of the other live session" in told.line("ES quotes")
    assert told.status == CANNOT_WORK


def test_clock_farm_and_client_id_are_told(data: Path) -> None:
    with simulated(OPEN, SPEED, "VIX") as simulator:
        wrong(simulator, "clock_skew", by=90.0)
        wrong(simulator, "2103_2104_alive", seconds=3600.0)
        wrong(simulator, "326", client_id=67)
        told = doctor(data, simulator.variables)

    assert re.search(r"WARN .*(8\d|90)\.\d s behind the broker", told.line("clock"))
    assert "68 for this probe" in told.line("client id")
    assert told.line("farm ushmds").startswith("OK")
    assert re.search(r"^WARN .*\(code 2103\) -> wait", told.line("farm usfarm"))
    assert "permitted" in told.line("VIX one-minute history")


def test_a_closed_market_is_no_failure(data: Path) -> None:
    with simulated(SATURDAY, 1.0, SYMBOLS) as simulator:
        told = doctor(data, simulator.variables)

    assert told.status == CAN_WORK
    assert "cannot judge quotes until 2025-01-19 18:00 New York (23:00 UTC)" in told.text
    assert "cannot judge quotes until 2025-01-21 04:00 New York (09:00 UTC)" in told.text
    assert "permitted, no trade" in told.line("ES one-minute history")


def test_a_connection_that_is_lost_meanwhile_is_told(data: Path) -> None:
    with simulated(OPEN, 1.0, "ES") as simulator:
        child = start(data, simulator.variables)
        wait_until(lambda: bool(simulator.command(command="stats")["subscriptions"]), 30, "a line")
        simulator.command(command="drop")
        told = Told(child)

    assert told.status == CANNOT_WORK
    assert re.search(r"^FAIL .*the connection was lost", told.line("ES data"))


def test_no_gateway(data: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

        told = doctor(data, {"FUTURES_PIPELINE_GATEWAY_PORT": str(port)})

    assert told.status == CANNOT_WORK
    assert f"127.0.0.1:{port}: nothing listens there -> start IB Gateway" in told.line("gateway")


def test_a_program_that_is_no_gateway(data: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        variables = {
            "FUTURES_PIPELINE_GATEWAY_PORT": str(mute.getsockname()[1]),
            "FUTURES_PIPELINE_GATEWAY_CONNECT_TIMEOUT_SECONDS": "1",
        }

        told = doctor(data, variables)

    assert told.status == CANNOT_WORK
    assert "did not answer as an IB Gateway within 1 s -> check the port" in told.line("gateway")


def test_wrong_settings(data: Path) -> None:
    told = doctor(data, {"FUTURES_PIPELINE_COLLECTION_SYMBOLS": "ES,XX"})

    assert told.status == WRONG_SETTINGS
    assert "XX" in told.line("settings")


def test_a_data_directory_that_cannot_be_used(data: Path) -> None:
    (data / "file").write_text("")

    told = doctor(data / "file", {"FUTURES_PIPELINE_GATEWAY_PORT": "9"})

    assert told.status == CANNOT_WORK
    assert told.line("data directory").startswith("FAIL")
