"""Collector and Dagster as child processes: started, watched, brought to an end."""

import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from futures_pipeline.commands.inspecting.lake import Journal, print_healed
from futures_pipeline.commands.running.processes import Processes, python_module
from futures_pipeline.config import Settings
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import ConfigurationError, PipelineError
from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.storage.repair import heal_logs
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import TABLES

ROUND = "bars"
HISTORY = ("backfill", "repair", "pair_bars")
LOOK_EVERY_SECONDS = 0.5
STATUS_EVERY_SECONDS = 10.0
LIVE_TIME = timedelta(minutes=5)
# How long the lake may stand still, and no run be under way, while the spool is ahead of it.
STUCK_SECONDS = 180.0


class Pipeline:
    """The running pipeline of one data directory; starts the collector at once."""

    def __init__(
        self,
        processes: Processes,
        settings: Settings,
        environment: Mapping[str, str],
        console: Console,
    ) -> None:
        from futures_pipeline.orchestration.hosting.home import home_environment, prepare_home

        self._processes = processes
        self._settings = settings
        self._console = console
        self._clock: Clock = settings.clock
        self._home = settings.data / "dagster_home"
        self._environment = {**environment, **home_environment(self._home)}
        heal_lake(settings, console)
        prepare_home(self._home, settings)
        os.environ.update(self._environment)  # Dagster's instance below is this process's too
        self._spool = Spool(settings.spool_url)
        self._rounds_before = self._spool.last_request(ROUND)
        self._processes.start("collector", self._command("collect"), self._environment)

    def watch(self) -> None:
        """Run with the Dagster UI until interrupted."""
        from futures_pipeline.orchestration.hosting.home import daemon_command, webserver_command

        port = free_port(self._settings.dagster.port)
        start = self._processes.start
        start("dagster-daemon", daemon_command(self._home), self._environment)
        start("dagster-webserver", webserver_command(self._home, port), self._environment)
        self._console.print(f"Dagster   http://127.0.0.1:{port} (ready in about ten seconds)")
        self._start_dashboard()
        self._console.print(f"Logs      {self._settings.data / 'logs'}")
        self._console.print("Ctrl-C stops everything.")
        with self._progress() as progress:
            self._until_history(progress)
            if not self._until_ingested(progress):
                self._console.print(self._stuck(), style="yellow")
        while True:
            self._console.print(self._status())
            self._sleep_checking(STATUS_EVERY_SECONDS)

    def _start_dashboard(self) -> None:
        """Start the pages where their extra is installed; nothing else depends on them."""
        if find_spec("streamlit") is None:
            self._console.print(
                "Dashboard not installed: pip install 'futures-pipeline[dashboard]'"
            )
            return
        port = free_port(self._settings.dashboard.port, "dashboard.port")
        environment = {**self._environment, "FUTURES_PIPELINE_DASHBOARD_PORT": str(port)}
        self._processes.start("dashboard", self._command("dashboard"), environment, is_vital=False)
        self._console.print(f"Dashboard http://127.0.0.1:{port} (live chart at /live)")

    def once(self) -> bool:
        """Collect, then ingest through the real sensor and daemon; return whether all is well.

        One after the other: loading Dagster takes a core for seconds, which at many market
        seconds a second would silence a stream for minutes.
        """
        from futures_pipeline.commands.running.summary import print_summary
        from futures_pipeline.orchestration.hosting.home import daemon_command
        from futures_pipeline.orchestration.hosting.once import (
            NEWEST,
            checks_of_runs,
            end_left_runs,
            materialize_all,
            worst_of,
        )

        begun = datetime.now(UTC)
        with self._progress() as progress:
            self._until_history(progress)
            self._until_live(progress)
            self._until_history(progress, "Repairs")
            collector = self._processes.stop("collector")
            daemon = daemon_command(self._home)
            self._processes.start("dagster-daemon", daemon, self._environment)
            if not self._until_ingested(progress):
                raise PipelineError(self._stuck())
            task = progress.add_task("Assets and checks", total=1)
            self._processes.stop("dagster-daemon")
            end_left_runs()
            sessions = sorted({part.session_date for part in self._spool.partitions()})
            last = materialize_all(self._settings, sessions[-NEWEST:])
            checks = worst_of([*checks_of_runs(begun), *last])
            progress.update(task, completed=1)
        refused = self._spool.refused_requests()
        return print_summary(self._console, self._settings, checks, refused) and collector == 0

    def _until_history(self, progress: Progress, title: str = "History requests") -> None:
        """Wait until the collector has planned its history and every request has ended.

        A round comes after the plan, so a new round proves that the plan is in the queue.
        """
        task = progress.add_task(title, total=None)
        while True:
            counts = self._spool.request_counts()
            asked = [(status, n) for (kind, status), n in counts.items() if kind in HISTORY]
            total = sum(n for _, n in asked)
            open_requests = sum(n for status, n in asked if status in ("pending", "running"))
            progress.update(task, total=total or None, completed=total - open_requests)
            planned = self._spool.last_request(ROUND) > self._rounds_before
            if planned and not open_requests:
                return
            self._sleep_checking(LOOK_EVERY_SECONDS)

    def _until_live(self, progress: Progress) -> None:
        """Wait until five market minutes have passed."""
        total = LIVE_TIME.total_seconds()
        task = progress.add_task("Live market seconds", total=int(total))
        started = self._clock.now()
        while (passed := (self._clock.now() - started).total_seconds()) < total:
            progress.update(task, completed=int(passed))
            self._sleep_checking(LOOK_EVERY_SECONDS)
        progress.update(task, completed=int(total))

    def _until_ingested(self, progress: Progress) -> bool:
        """Wait until the lake holds what the spool held when this began; False if it stops."""
        from futures_pipeline.orchestration.hosting.once import LakeProgress

        lake = LakeProgress(self._settings)
        wanted = self._spool.partitions()
        task = progress.add_task("Sessions in the lake", total=None)
        best, since = -1, time.monotonic()
        while True:
            done, total = lake.sessions_done(wanted)
            progress.update(task, completed=done, total=total)
            is_at_work = lake.is_at_work()
            if done == total and not is_at_work:
                return True
            if done > best or is_at_work:
                best, since = done, time.monotonic()
            if time.monotonic() - since > STUCK_SECONDS:
                return False
            self._sleep_checking(LOOK_EVERY_SECONDS)

    def _stuck(self) -> str:
        return (
            f"ingestion: for {STUCK_SECONDS:g} s no session was added to the lake and no run is "
            "under way, but some are missing; see the runs of job ingest in Dagster, or "
            f"dagster-daemon.log in {self._settings.data / 'logs'}"
        )

    def _status(self) -> str:
        rows: dict[str, int] = {}
        for part in self._spool.partitions():
            rows[part.table] = rows.get(part.table, 0) + part.rows
        counts = "  ".join(f"{table} {count:,}" for table, count in sorted(rows.items()))
        return f"{stamp(self._clock.now())}  rows collected: {counts or 'none yet'}"

    def _sleep_checking(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._processes.check()
            time.sleep(min(LOOK_EVERY_SECONDS, seconds))

    def _progress(self) -> Progress:
        columns: list[Any] = [
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ]
        return Progress(*columns, console=self._console)

    def _command(self, name: str) -> list[str]:
        return python_module("futures_pipeline", name)


def heal_lake(settings: Settings, console: Console) -> None:
    """Bring every table's log back to what is whole, as after a power cut, and say so."""
    with Journal(settings) as ingestion:
        healed = heal_logs(ingestion, TABLES, settings.clock.now())
    if healed:
        print_healed(console, healed)


def free_port(port: int, key: str = "dagster.port") -> int:
    """Return ``port`` if pages can be served on it; ``key`` names it in the settings.

    Raises:
        ConfigurationError: another program has it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                key, port, f"a port that no other program uses ({error.strerror})"
            ) from error
    return port


def stamp(at: datetime) -> str:
    """Return a time in UTC and New York, for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC ({at.astimezone(NEW_YORK):%H:%M} New York)"
