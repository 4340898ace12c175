"""kill -9 at random moments, one writer or two, start-up and upkeep included."""

import random
import signal
import time
from pathlib import Path

from futures_pipeline_tests.torture.outcome import NOTHING, Outcome, Tick
from futures_pipeline_tests.torture.workers import Settled, call, fill, settle, start, work

# A directory takes this many kills; then its rows are counted and the next is begun.
KILLS_A_LAKE = 50
LONGEST_SECONDS = 0.4
# One cycle of four has two writers on one lake.
TWO_WRITERS = 0.25


def kills(count: int, seed: int, directory: Path, tick: Tick) -> Outcome:
    """Kill writers ``count`` times and count rows."""
    dice = random.Random(seed)
    total, back, batches, crashed, done = NOTHING, 0, 0, 0, 0
    while done < count:
        lake = directory / f"kills{done}"
        lake.mkdir()
        for cycle in range(min(KILLS_A_LAKE, count - done)):
            is_doubled = cycle > 0 and dice.random() < TWO_WRITERS
            crashed += _kill_once(lake, dice, 2 if is_doubled else 1)
            if cycle == 0:  # only a sole writer may make the spool's tables
                call(fill, lake, 1)
            done += 1
            tick()
        settled: Settled = call(settle, lake, lake / "lake")
        total, back = total + settled.account, back + settled.steps_back
        batches += settled.batches
    fails = [f"{back} commits were taken back after kills, which tear nothing"] if back else []
    fails += [f"{crashed} writers ended before they were killed"] if crashed else []
    return Outcome("kill -9", count, total, f"{batches:,} batches", tuple(fails))


def _kill_once(lake: Path, dice: random.Random, writers: int) -> int:
    """Kill some writers; return how many had ended by themselves."""
    victims = [start(work, lake, dice.randrange(2**32), None) for _ in range(writers)]
    for victim in victims:
        time.sleep(dice.uniform(0.0, LONGEST_SECONDS))
        victim.kill()
    for victim in victims:
        victim.join()
    return sum(victim.exitcode != -signal.SIGKILL for victim in victims)
