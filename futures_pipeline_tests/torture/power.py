"""Power cuts: the disk as it is while the writer stands still, mounted elsewhere.

What the writer's file system had not yet given to its disk, a file, is lost. The control
leaves the syncs out: then commits that were said to be durable must be lost, or this test
could not see such a loss.
"""

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from futures_pipeline_tests.torture.disks import MountRefused, mounted, new_image
from futures_pipeline_tests.torture.outcome import NOTHING, Outcome, Tick
from futures_pipeline_tests.torture.truth import Account
from futures_pipeline_tests.torture.workers import CHILDREN, Settled, call, settle, start, work

LONGEST_SECONDS = 0.8


@dataclass(frozen=True)
class _Cut:
    """What one cut left: rows, durable commits that were lost, acknowledged batches missing."""

    account: Account
    broken_commits: int
    missing_batches: int


def power_cuts(
    count: int, seed: int, directory: Path, tick: Tick, *, syncs: bool = True
) -> Outcome:
    """Cut the power ``count`` times and restart from what is on the disk each time."""
    name = "power cut" if syncs else "power cut, no fsync (control)"
    try:
        cuts = _cuts(count, random.Random(seed), directory / f"power-{syncs}", tick, syncs=syncs)
    except MountRefused as refused:
        return Outcome(name, 0, skipped=f"this machine does not mount: {refused}")
    total = sum((cut.account for cut in cuts), NOTHING)
    broken = sum(cut.broken_commits for cut in cuts)
    missing = sum(cut.missing_batches for cut in cuts)
    fails = [f"{missing} acknowledged batches are not in the spool"] if missing else []
    if syncs and broken:
        fails.append(f"{broken} commits said to be durable were lost")
    if not syncs and not broken:
        fails.append("no commit was lost without fsync, so a loss would not be seen")
    note = f"{broken} commits said to be durable were lost"
    return Outcome(name, count, total, note, tuple(fails))


def _cuts(
    count: int, dice: random.Random, directory: Path, tick: Tick, *, syncs: bool
) -> list[_Cut]:
    directory.mkdir()
    image, disk = directory / "disk", directory / "mounted"
    new_image(image)
    found = []
    with mounted(image, disk):
        receive, send = CHILDREN.Pipe(duplex=False)
        writer = start(work, disk, dice.randrange(2**32), send, syncs=syncs)
        receive.recv()
        try:
            for _ in range(count):
                time.sleep(dice.uniform(0.0, LONGEST_SECONDS))
                found.append(_cut(writer, receive, image, directory))
                tick()
        finally:
            writer.kill()
            writer.join()
    return found


def _cut(writer: BaseProcess, told: Connection, image: Path, directory: Path) -> _Cut:
    assert writer.pid is not None
    copy, disk = directory / "copy", directory / "restarted"
    os.kill(writer.pid, signal.SIGSTOP)
    acknowledged = 0
    while told.poll():
        acknowledged = told.recv()
    shutil.copyfile(image, copy)
    os.kill(writer.pid, signal.SIGCONT)
    with mounted(copy, disk):
        settled: Settled = call(settle, disk, disk / "lake")
    return _Cut(
        settled.account,
        settled.steps_back,
        max(0, acknowledged - settled.batches),
    )
