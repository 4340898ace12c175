"""Ctrl-C ends a command whenever it comes, also while modules are loaded."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

WITHIN_SECONDS = 20.0
# Nothing listens on port 1, so the collector would try for minutes.
VARIABLES = {
    "FUTURES_PIPELINE_GATEWAY_PORT": "1",
    "FUTURES_PIPELINE_GATEWAY_CONNECT_ATTEMPTS": "100",
    "FUTURES_PIPELINE_FEED_PORT": "0",
    "FUTURES_PIPELINE_BINANCE_ENABLED": "false",
}


def has_loaded(child: subprocess.Popen[bytes], library: str) -> bool:
    """Return whether a process has a library in its memory."""
    assert child.poll() is None, "it has ended"
    return library in Path(f"/proc/{child.pid}/maps").read_text()


@pytest.mark.parametrize("library", ["pydantic_core", "polars"])
def test_a_collector_that_is_still_loading_ends(tmp_path: Path, library: str) -> None:
    """polars takes the signal over when it is imported, and passes it on."""
    child = subprocess.Popen(
        [sys.executable, "-m", "futures_pipeline", "collect", "--data", str(tmp_path)],
        env={**os.environ, **VARIABLES},
        stderr=subprocess.DEVNULL,
    )
    pause, until = select.poll(), monotonic() + WITHIN_SECONDS
    try:
        while not has_loaded(child, library):
            assert monotonic() < until
            pause.poll(10)
        child.send_signal(signal.SIGINT)
        assert child.wait(WITHIN_SECONDS) in (0, 1, 130)
    finally:
        child.kill()
        child.wait()
