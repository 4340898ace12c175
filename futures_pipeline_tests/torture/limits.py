"""Full disks, files that may not grow, no more open files: one sentence, and no harm."""

import random
import resource
from pathlib import Path

from futures_pipeline_tests.torture.disks import MountRefused, grow, tmpfs
from futures_pipeline_tests.torture.outcome import NOTHING, Outcome, Tick
from futures_pipeline_tests.torture.truth import Account
from futures_pipeline_tests.torture.workers import Settled, call, fill, settle, starve

COMMITS = 120
# More than are open; the spool alone takes three.
HANDLES = (3, 30)
ROOMY = 64 * 2**20


def full_disks(count: int, seed: int, directory: Path, tick: Tick) -> Outcome:
    """Ingest onto a disk that fills up, give it room, and go on."""
    dice, says, total = random.Random(seed), [], NOTHING
    try:
        for number in range(count):
            spool, disk = directory / f"full{number}", directory / f"disk{number}"
            spool.mkdir()
            with tmpfs(disk, dice.randrange(40_000, 600_000)):
                says.append(call(starve, spool, disk / "lake", {}, COMMITS))
                grow(disk, ROOMY)
                total += _rest(spool, disk / "lake")
            tick()
    except MountRefused as refused:
        return Outcome("disk full", 0, skipped=f"this machine does not mount: {refused}")
    return _outcome("disk full", count, total, says)


def small_files(count: int, seed: int, directory: Path, tick: Tick) -> Outcome:
    """Ingest while no file may grow beyond some size: data, commits, the list of digests."""
    dice = random.Random(seed)
    sizes = [dice.choice([700, 3_000, 6_500, 8_000, 12_000]) for _ in range(count)]
    limits = [{resource.RLIMIT_FSIZE: size + dice.randrange(500)} for size in sizes]
    return _limited("file size limit", limits, directory / "small", tick)


def few_handles(count: int, seed: int, directory: Path, tick: Tick) -> Outcome:
    """Ingest with few open files allowed: the limit is reached at any open there is."""
    dice = random.Random(seed)
    limits = [{resource.RLIMIT_NOFILE: dice.randrange(*HANDLES)} for _ in range(count)]
    return _limited("open files limit", limits, directory / "few", tick)


def _limited(name: str, limits: list[dict[int, int]], directory: Path, tick: Tick) -> Outcome:
    says, total = [], NOTHING
    for number, limit in enumerate(limits):
        spool = directory / str(number)
        spool.mkdir(parents=True)
        call(fill, spool, 3)
        says.append(call(starve, spool, spool / "lake", limit, COMMITS // 4))
        total += _rest(spool, spool / "lake")
        tick()
    return _outcome(name, len(limits), total, says)


def _rest(spool: Path, lake: Path) -> Account:
    settled: Settled = call(settle, spool, lake)
    return settled.account


def _outcome(name: str, count: int, total: Account, says: list[str]) -> Outcome:
    refusals = [sentence for sentence in says if sentence]
    fails = () if refusals else ("the limit was never reached",)
    return Outcome(name, count, total, f"refused {len(refusals)} times in one sentence", fails)
