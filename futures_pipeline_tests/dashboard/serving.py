"""The real dashboard process on a port of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from futures_pipeline_tests.dashboard.filled import standing_clock

READY_SECONDS = 60.0


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard."""

    port: int
    log: Path
    pid: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def served(data: Path, at: datetime, feed_port: int) -> Iterator[Dashboard]:
    """Run the dashboard's command until the context is left."""
    port, log = free_port(), data.parent / "dashboard.log"
    ours = {
        "FUTURES_PIPELINE_DATA": str(data),
        "FUTURES_PIPELINE_CLOCK": standing_clock(at),
        "FUTURES_PIPELINE_DASHBOARD_PORT": str(port),
        "FUTURES_PIPELINE_FEED_PORT": str(feed_port),
    }
    with log.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "futures_pipeline", "dashboard"],
            env={**os.environ, **ours},
            stdout=file,
            stderr=file,
        )
    try:
        until = time.monotonic() + READY_SECONDS
        while not _answers(port):
            assert child.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield Dashboard(port, log, child.pid)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(READY_SECONDS)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
