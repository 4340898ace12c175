"""Real processes for the scenarios: the simulator and the collector."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from futures_pipeline.domain.clock import ReplayClock
from futures_pipeline.storage.spool import Spool

READY_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Simulator:
    """A running gateway simulator: its ports, and the variables its clients need."""

    port: int
    control_port: int
    variables: dict[str, str]
    pid: int

    def command(self, **request: Any) -> dict[str, Any]:
        """Send one command to the control port and return its acknowledgement."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=10) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
        return answer


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with only these variables of ours."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FUTURES_PIPELINE_")}
    return {**inherited, **variables}


@contextmanager
def simulated(start: datetime, speed: float, symbols: str, *options: str) -> Iterator[Simulator]:
    """Run a simulator whose market time starts now at ``start``."""
    clock = ReplayClock(start, time(), speed)
    variables = {
        "FUTURES_PIPELINE_CLOCK": str(clock),
        "FUTURES_PIPELINE_COLLECTION_SYMBOLS": symbols,
        "FUTURES_PIPELINE_COLLECTION_OPTION_INTERVAL_SECONDS": "0",
        "FUTURES_PIPELINE_BINANCE_ENABLED": "false",
        "FUTURES_PIPELINE_FEED_PORT": "0",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "futures_pipeline.simulator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(variables),
    )
    assert child.stdout is not None
    try:
        assert select.select([child.stdout], [], [], READY_SECONDS)[0], "the simulator is mute"
        ready = json.loads(child.stdout.readline())
        port = {"FUTURES_PIPELINE_GATEWAY_PORT": str(ready["port"])}
        yield Simulator(ready["port"], ready["control_port"], {**variables, **port}, child.pid)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(READY_SECONDS)
        child.stdout.close()


class CollectorProcess:
    """The real collector on a data directory."""

    def __init__(self, data: Path, variables: dict[str, str]) -> None:
        self.data = data
        self._log = (data / "collector.log").open("ab")
        self._child = subprocess.Popen(
            [sys.executable, "-m", "futures_pipeline", "collect", "--data", str(data)],
            stdout=self._log,
            stderr=self._log,
            env=environment(variables),
        )

    def kill(self) -> None:
        """End it at once, as a power cut of the process."""
        self._child.kill()
        self._child.wait()
        self._log.close()

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit status."""
        self._child.send_signal(signal.SIGINT)
        status = self._child.wait(READY_SECONDS)
        self._log.close()
        return status

    def leave(self, seconds: float) -> None:
        """Make sure that it has ended: Ctrl-C, and after ``seconds`` at once."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        if self.wait(seconds) is None:
            self._child.kill()
            self._child.wait()
        self._log.close()

    def wait(self, seconds: float) -> int | None:
        """Return the exit status if it ends within ``seconds``."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log(self) -> str:
        return (self.data / "collector.log").read_text()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll a condition of another process; fail naming ``what`` after ``seconds``."""
    pause = select.poll()
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not within {seconds} s: {what}"
        pause.poll(int(POLL_SECONDS * 1000))


def history_ended(spool: Spool) -> bool:
    """Return whether back-fill requests exist and every one has ended."""
    counts = {
        status: n
        for (kind, status), n in spool.request_counts().items()
        if kind in ("backfill", "repair")
    }
    return bool(counts) and not (counts.get("pending") or counts.get("running"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return an empty data directory."""
    return tmp_path
