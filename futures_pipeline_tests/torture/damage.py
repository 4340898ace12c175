"""Flipped bits, torn, emptied and missing files: an answer is right, or it is an error."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.ingestion import ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.repair import heal
from futures_pipeline.storage.scrub import scrub
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import AT, SESSION
from futures_pipeline_tests.torture.outcome import NOTHING, Outcome, Tick
from futures_pipeline_tests.torture.truth import Account, account
from futures_pipeline_tests.torture.workers import NAMES, be_quiet, call, fill, opened

BATCHES = 12
CHECKPOINT_AT = 6


def damages(count: int, seed: int, directory: Path, tick: Tick) -> Outcome:
    """Damage one file of a lake ``count`` times, from the same sound lake; read, then repair."""
    dice, total, silent, found = random.Random(seed), NOTHING, 0, 0
    sound, tried = directory / "sound", directory / "tried"
    call(build, sound)
    files = sorted(
        path.relative_to(sound) for path in (sound / "lake").rglob("*") if path.is_file()
    )
    for _ in range(count):
        shutil.copytree(sound, tried)
        spoil(tried / dice.choice(files), dice)
        is_silent, is_found, rows = call(read_and_repair, tried)
        silent, found, total = silent + is_silent, found + is_found, total + rows
        shutil.rmtree(tried)
        tick()
    total = replace(total, wrong=total.wrong + silent)
    return Outcome("damaged file", count, total, f"{found} found, the others without effect")


def build(directory: Path) -> None:
    """Make a lake of several commits, a checkpoint among them."""
    directory.mkdir()
    for number in range(BATCHES):
        fill(directory, 1)
        ingestion = opened(directory, directory / "lake")
        ingest_partition(ingestion, BARS_1M, SESSION, AT)
        if number == CHECKPOINT_AT:
            for name in NAMES:
                ingestion.lake.open_or_create(name).checkpoint()
        ingestion.spool.close()


def spoil(path: Path, dice: random.Random) -> None:
    """Flip a bit of a file, or tear it, empty it or delete it."""
    data = bytearray(path.read_bytes())
    kind = dice.choice(["flip", "flip", "flip", "tear", "empty", "delete"])
    if kind == "delete":
        path.unlink()
    elif kind == "flip" and data:
        bit = dice.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(data))
    else:
        path.write_bytes(bytes(data[: dice.randrange(len(data) + 1) if kind == "tear" else 0]))


def read_and_repair(directory: Path) -> tuple[bool, bool, Account]:
    """Return whether a wrong answer came in silence, whether damage was found, and the rows."""
    be_quiet()
    ingestion = opened(directory, directory / "lake")
    try:
        is_silent = not account(ingestion.lake, ingestion.spool).is_even
        is_found = bool(scrub(Lake(directory / "lake"), NAMES).damages)
    except LakeError:
        is_silent, is_found = False, True
    heal(ingestion, NAMES, AT)
    ingest_partition(ingestion, BARS_1M, SESSION, AT)
    return is_silent, is_found, account(ingestion.lake, ingestion.spool)
