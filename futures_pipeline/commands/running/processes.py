"""Child processes that start together, log to files and stop together."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from futures_pipeline.domain.errors import PipelineError

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


class Interrupted(BaseException):
    """The user asked to stop; like KeyboardInterrupt, no handler of errors may take it."""


class Processes:
    """A context that owns its children: leaving it stops every one, last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._vital: set[str] = set()

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for name in reversed(list(self._running)):
            self.stop(name)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        is_vital: bool = True,
    ) -> None:
        """Start a child in a process group of its own; its output goes to ``NAME.log``.

        ``is_vital``: whether everything has to end when it ends by itself.
        """
        if is_vital:
            self._vital.add(name)
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def start_until_ready(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> dict[str, Any]:
        """Start a child and return the JSON object of its first line of output."""
        with self._log(name).open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self._running[name] = child
        self._vital.add(name)
        assert child.stdout is not None
        if not select.select([child.stdout], [], [], READY_SECONDS)[0]:
            raise PipelineError(
                f"{name} was not ready within {READY_SECONDS:g} s (log: {self._log(name)})"
            )
        line = child.stdout.readline()
        if not line:
            child.wait(READY_SECONDS)
            raise self.failure(name)
        ready: dict[str, Any] = json.loads(line)
        return ready

    def check(self) -> None:
        """Raise PipelineError if a vital child has ended by itself."""
        for name, child in self._running.items():
            if name in self._vital and child.poll() is not None:
                raise self.failure(name)

    def failure(self, name: str) -> PipelineError:
        """Return the error that tells how a child ended."""
        status = self._running[name].poll()
        if status is not None and status < 0:
            killer = signal.Signals(-status).name
            return PipelineError(f"{name} was ended by {killer} (log: {self._log(name)})")
        lines = self._log(name).read_text(errors="replace").strip().splitlines()
        last = lines[-1].removeprefix("futures-pipeline: ") if lines else "it said nothing"
        return PipelineError(f"{name} ended with status {status}: {last} (log: {self._log(name)})")

    def stop(self, name: str) -> int:
        """Ask a child to stop, insist if it does not, and return its exit status."""
        child = self._running.pop(name)
        status = child.poll()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if status is not None:
                break
            _signal_group(child.pid, number)
            status = _wait(child, STOP_SECONDS)
        _signal_group(child.pid, signal.SIGKILL)
        if child.stdout is not None:
            child.stdout.close()
        return child.wait()

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this installation."""
    # -P: a file in the user's folder must not stand in for a library of ours.
    return [sys.executable, "-P", "-m", module, *arguments]


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.poll() is not None:
            return child.returncode
        time.sleep(0.05)
    return None


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _interrupt(number: int, frame: FrameType | None) -> None:
    del frame
    raise Interrupted(signal.Signals(number).name)
