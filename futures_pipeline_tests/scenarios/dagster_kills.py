"""Kill Dagster's processes at random while rows come in, and see what is left in the end.

``python -m futures_pipeline_tests.scenarios.dagster_kills --kills 200 --seed 1`` for more
than the scenario does.
"""

import argparse
import os
import random
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from unittest.mock import patch

import dagster as dg

from futures_pipeline.config import Settings, load_settings
from futures_pipeline.orchestration.hosting.home import (
    daemon_command,
    home_environment,
    prepare_home,
    webserver_command,
)
from futures_pipeline.orchestration.hosting.once import LakeProgress
from futures_pipeline.orchestration.sensors.runs import UNFINISHED
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import FUTURES_SNAPSHOTS
from futures_pipeline_tests.scenarios.conftest import environment, wait_until
from futures_pipeline_tests.storage.rows import frame, snapshot

DAYS = [date(2025, 1, day) for day in (10, 13, 14, 15)]
CLOCK = "2025-01-16T12:00:00+00:00@4000000000.0*1"
NOW = datetime(2025, 1, 16, 12, tzinfo=UTC)
ASSETS = (FUTURES_SNAPSHOTS.name, "bars_1m", "coverage", "change_metrics")
LEVEL_SECONDS, STUCK_SECONDS, ORPHAN_SECONDS = 420.0, 120.0, 60.0
# What to look for in the command line of a victim, and how often each is chosen.
VICTIMS: Mapping[str, tuple[str, int]] = {
    "run": ("multiprocessing.spawn", 10),
    "code server": ("dagster api grpc", 4),
    "daemon": ("dagster._daemon", 4),
    "webserver": ("hosting.webserver", 2),
}


@dataclass
class Outcome:
    """What the kills left behind."""

    kills: Counter[str] = field(default_factory=Counter)
    planted_rows: int = 0
    stored_rows: int = 0
    distinct_rows: int = 0
    missing_partitions: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    level_seconds: float = 0.0


class Victims:
    """Daemon and webserver of one home, started again when they are killed."""

    def __init__(self, settings: Settings, variables: dict[str, str]) -> None:
        self._home = settings.data / "dagster_home"
        self._log = (settings.data / "dagster.log").open("ab")
        self._environment = environment(variables)
        self._commands = {
            "daemon": daemon_command(self._home),
            "webserver": webserver_command(self._home, settings.dagster.port),
        }
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        for name in self._commands:
            self.start(name)

    def start(self, name: str) -> None:
        self._children[name] = subprocess.Popen(
            self._commands[name],
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def kill(self, name: str, chance: random.Random) -> bool:
        """Kill a process of this kind; False when there is none."""
        found = [pid for pid, says in self.alive().items() if VICTIMS[name][0] in says]
        if not found:
            return False
        os.kill(chance.choice(found), signal.SIGKILL)
        if name in self._children:
            self._children[name].wait()
            self.start(name)
        return True

    def alive(self) -> dict[int, str]:
        """Return the processes that work on this home, with their command lines."""
        marker, found = f"DAGSTER_HOME={self._home}\0".encode(), {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and marker in (entry / "environ").read_bytes() + b"\0":
                    says = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(entry.name)] = says
            except OSError:
                continue
        found.pop(os.getpid(), None)
        return {pid: says for pid, says in found.items() if says}

    def stop(self) -> list[str]:
        """Press Ctrl-C; return what is alive a minute later, and end that too."""
        for child in self._children.values():
            child.send_signal(signal.SIGINT)
        for child in self._children.values():
            child.wait(STUCK_SECONDS)
        deadline = monotonic() + ORPHAN_SECONDS
        while (left := self.alive()) and monotonic() < deadline:
            sleep(0.5)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self._log.close()
        return list(left.values())


def torture(data: Path, kills: int, seed: int, port: int) -> Outcome:
    """Plant rows and kill; return what is left when all has come to rest."""
    chance, outcome = random.Random(seed), Outcome()
    variables = {
        "FUTURES_PIPELINE_DATA": str(data),
        "FUTURES_PIPELINE_CLOCK": CLOCK,
        "FUTURES_PIPELINE_COLLECTION_SYMBOLS": "ES,SPY",
        "FUTURES_PIPELINE_DAGSTER_PORT": str(port),
        "FUTURES_PIPELINE_DAGSTER_FIRST_SESSION": "2025-01-02",
        "FUTURES_PIPELINE_DAGSTER_INGEST_INTERVAL_SECONDS": "1",
        **home_environment(data / "dagster_home"),
    }
    settings = load_settings(data=data, environment=variables)
    prepare_home(data / "dagster_home", settings)
    spool = Spool(settings.spool_url)
    victims = Victims(settings, variables)
    try:
        _plant(spool, outcome)
        wait_until(lambda: _is_at_work(victims), 120, "the first run has begun")
        while outcome.kills.total() < kills:
            _plant(spool, outcome)
            sleep(chance.uniform(0.0, 4.0))
            _kill_one(victims, chance, outcome)
        begun = monotonic()
        progress = LakeProgress(settings)
        is_level = _comparing(lambda: progress.sessions_done(spool.partitions()))
        wait_until(is_level, LEVEL_SECONDS, "the lake is level with the spool")
        outcome.level_seconds = monotonic() - begun
        with patch.dict(os.environ, variables), dg.DagsterInstance.get() as instance:
            at_rest = _at_rest(instance)
            wait_until(at_rest, STUCK_SECONDS, "no run is under way any more")
            _judge(instance, settings, outcome)
    finally:
        spool.close()
        outcome.orphans = victims.stop()
    return outcome


def _plant(spool: Spool, outcome: Outcome) -> None:
    """Put one new row of each session into the spool."""
    for day in DAYS:
        at = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
        at += timedelta(seconds=outcome.planted_rows)
        row = frame([snapshot("ES", session_date=day, timestamp=at)])
        spool.append([NewBatch(FUTURES_SNAPSHOTS.name, day, row)], NOW)
    outcome.planted_rows += len(DAYS)


def _is_at_work(victims: Victims) -> bool:
    return any(VICTIMS["run"][0] in says for says in victims.alive().values())


def _kill_one(victims: Victims, chance: random.Random, outcome: Outcome) -> None:
    names, weights = list(VICTIMS), [weight for _, weight in VICTIMS.values()]
    (name,) = chance.choices(names, weights)
    if victims.kill(name, chance):
        outcome.kills[name] += 1


def _comparing(done: Callable[[], tuple[int, int]]) -> Callable[[], bool]:
    def is_level() -> bool:
        sleep(0.5)
        have, want = done()
        return have == want

    return is_level


def _at_rest(instance: dg.DagsterInstance) -> Callable[[], bool]:
    def is_at_rest() -> bool:
        sleep(0.5)
        return not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1)

    return is_at_rest


def _judge(instance: dg.DagsterInstance, settings: Settings, outcome: Outcome) -> None:
    wanted = {str(day) for day in DAYS}
    for name in ASSETS:
        have = instance.get_materialized_partitions(dg.AssetKey(name))
        outcome.missing_partitions += [f"{name} {day}" for day in sorted(wanted - have)]
    rows = Lake(settings.lake_path).read(FUTURES_SNAPSHOTS.name)
    outcome.stored_rows = rows.height
    outcome.distinct_rows = rows.n_unique(["contract", "timestamp"])
    for run in instance.get_runs():
        outcome.runs[run.status.value] += 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the outcome; status 1 when something is left undone, lost or alive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=3999)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        outcome = torture(Path(directory), asked.kills, asked.seed, asked.port)
    print(outcome)  # noqa: T201 - it is what the command is for
    lost = outcome.planted_rows - outcome.distinct_rows
    doubled = outcome.stored_rows - outcome.distinct_rows
    return int(bool(lost or doubled or outcome.missing_partitions or outcome.orphans))


if __name__ == "__main__":
    raise SystemExit(main())
