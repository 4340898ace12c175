"""How often the warning is false, and how late it is when it is true. QUANT_SPEC 6.7.

Seeded nights; the bands are the specification's figures with four standard errors of the
number of nights simulated here.
"""

import math
from collections.abc import Iterable
from statistics import median

import numpy as np
import pytest

from futures_pipeline.decisions.early_warning.machine import Bar, Level, WarningState, after_bar

BARS = 276
NIGHTS = 600


def gaussian(rng: np.random.Generator) -> list[float]:
    return rng.standard_normal(BARS * NIGHTS).tolist()  # type: ignore[no-any-return]


def fat_tailed(rng: np.random.Generator) -> list[float]:
    """Student's t with 4 degrees of freedom, scaled to unit variance."""
    return (rng.standard_t(4, BARS * NIGHTS) / math.sqrt(2)).tolist()  # type: ignore[no-any-return]


def clustered(rng: np.random.Generator) -> list[float]:
    """What slow scaling leaves of changing volatility: GARCH(1, 1) with .10 and .85."""
    shocks, variance, found = rng.standard_normal(BARS * NIGHTS), 1.0, []
    for shock in shocks:
        move = math.sqrt(variance) * float(shock)
        variance = 0.05 + 0.10 * move**2 + 0.85 * variance
        found.append(move)
    return found


def begun(moves: Iterable[float], level: Level) -> int:
    """Return how often a level was entered from below it."""
    state, count = WarningState("ESH5"), 0
    for move in moves:
        before, state = state, after_bar(state, Bar("ESH5", move))
        count += before.level.severity < level.severity <= state.level.severity
    return count


@pytest.mark.parametrize(
    ("nights", "a_night"), [(gaussian, 0.013), (fat_tailed, 0.019), (clustered, 0.072)]
)
def test_false_warnings_a_night(nights: object, a_night: float) -> None:
    assert callable(nights)
    found = begun(nights(np.random.default_rng(20)), Level.WARNING) / NIGHTS
    assert abs(found - a_night) <= 4 * math.sqrt(a_night / NIGHTS)


def test_a_watch_comes_of_noise_on_most_days() -> None:
    found = begun(gaussian(np.random.default_rng(21)), Level.WATCH) / NIGHTS
    assert found == pytest.approx(0.85, abs=0.20)


@pytest.mark.parametrize(("drift", "minutes"), [(-1.0, 80), (-2.0, 35), (-3.0, 25)])
def test_median_delay_to_a_warning(drift: float, minutes: float) -> None:
    rng = np.random.default_rng(22)
    delays = []
    for _ in range(150):
        state, bars = WarningState("ESH5"), 0
        while not state.level.is_warning:
            state, bars = (
                after_bar(state, Bar("ESH5", drift + float(rng.standard_normal()))),
                bars + 1,
            )
        delays.append(5 * bars)
    assert median(delays) == pytest.approx(minutes, abs=10)
