"""The warning as a state machine: one bar in, the next state out.

Two measures must agree. The drawdown is how far the last 48 bars have fallen from their top, in
units of what 48 bars usually do. The CUSUM adds up how much each bar fell beyond half its usual
size (Page 1954). Source: QUANT_SPEC 6.7, with the rates of false warnings.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple

from futures_pipeline.decisions.signals.words import clipped

DRAWDOWN_BARS = 48
CUSUM_SLACK, LARGEST_MOVE = 0.5, 4.0
CUSUM_BOUND = 8.0
COOLDOWN_BARS = 24
CALM_CUSUM = 4.0


class Level(StrEnum):
    """How serious it is. ``WATCH`` comes of noise most days: a colour, never a rule's input."""

    NORMAL = "normal"
    WATCH = "watch"
    WARNING = "warning"
    COLLAPSE = "collapse"

    @property
    def severity(self) -> int:
        return SEVERITY[self]

    @property
    def is_warning(self) -> bool:
        """Whether it stops entries: ``WARNING`` or worse."""
        return self in (Level.WARNING, Level.COLLAPSE)


SEVERITY: Mapping[Level, int] = {level: rank for rank, level in enumerate(Level)}


class Threshold(NamedTuple):
    """What a level takes; ``both``: of drawdown and CUSUM, else either."""

    drawdown: float
    cusum: float
    both: bool


THRESHOLDS: Mapping[Level, Threshold] = {
    Level.COLLAPSE: Threshold(4.0, CUSUM_BOUND, both=True),
    Level.WARNING: Threshold(2.5, CUSUM_BOUND, both=True),
    Level.WATCH: Threshold(2.0, 5.0, both=False),
}


class Bar(NamedTuple):
    """One five-minute bar: its contract, and its return over the usual size (None: unknown)."""

    contract: str
    z: float | None


@dataclass(frozen=True, slots=True)
class WarningState:
    """Everything that the next bar needs.

    ``recent``: the last 48 known returns in usual sizes, ascending. ``cooldown_bars``: how many
    bars must still end before a new ``WARNING`` may begin.
    """

    contract: str
    recent: tuple[float, ...] = ()
    cusum: float = 0.0
    level: Level = Level.NORMAL
    cooldown_bars: int = 0

    @property
    def drawdown(self) -> float:
        """The fall from the highest point of the last 48 bars, over the root of 48."""
        return drawdown_of(self.recent)


def after_bar(state: WarningState, bar: Bar) -> WarningState:
    """Return the state after a bar has ended.

    An unknown bar changes nothing but the cool-down. Another contract starts drawdown and
    CUSUM anew: its price says nothing of the old one's.
    """
    is_same = bar.contract == state.contract
    recent, cusum = (state.recent, state.cusum) if is_same else ((), 0.0)
    cooldown = max(0, state.cooldown_bars - 1)
    if bar.z is None:
        return WarningState(bar.contract, recent, cusum, state.level, cooldown)
    fallen = cusum - clipped(bar.z, -LARGEST_MOVE, LARGEST_MOVE) - CUSUM_SLACK
    cusum = clipped(fallen, 0.0, 2 * CUSUM_BOUND)
    recent = (*recent[1 - DRAWDOWN_BARS :], bar.z)
    level, cooldown = next_level(state.level, cooldown, drawdown_of(recent), cusum)
    return WarningState(bar.contract, recent, cusum, level, cooldown)


def drawdown_of(recent: Sequence[float]) -> float:
    """Return how far some bars (ascending) have fallen from their top, over the root of 48."""
    lowest = min(accumulate(reversed(recent)), default=0.0)
    return max(0.0, -lowest) / math.sqrt(DRAWDOWN_BARS)


def level_of(drawdown: float, cusum: float) -> Level:
    """Return the level that the two measures reach by themselves, without a past."""
    for level, need in THRESHOLDS.items():
        reached = (drawdown >= need.drawdown, cusum >= need.cusum)
        if all(reached) if need.both else any(reached):
            return level
    return Level.NORMAL


def encoded(state: WarningState) -> str:
    """Return a state as text that :func:`decoded` reads back to the last digit."""
    return json.dumps(asdict(state), separators=(",", ":"))


def decoded(text: str) -> WarningState:
    """Return the state that :func:`encoded` wrote.

    >>> state = after_bar(WarningState("ESH5"), Bar("ESH5", -0.1))
    >>> decoded(encoded(state)) == state
    True
    """
    found = json.loads(text)
    return WarningState(
        **found | {"recent": tuple(found["recent"]), "level": Level(found["level"])}
    )


def next_level(
    level: Level, cooldown_bars: int, drawdown: float, cusum: float
) -> tuple[Level, int]:
    """Return the level and the cool-down: up at once, down when both measures are calm.

    The cool-down after a warning holds back a new ``WARNING``, not a ``COLLAPSE``.
    """
    reached = level_of(drawdown, cusum)
    if reached.severity > level.severity:
        held_back = reached is Level.WARNING and cooldown_bars > 0
        return (Level.WATCH if held_back else reached), cooldown_bars
    if level is Level.NORMAL:
        return level, cooldown_bars
    if drawdown >= THRESHOLDS[level].drawdown / 2 or cusum >= CALM_CUSUM:
        return level, cooldown_bars
    return Level.NORMAL, COOLDOWN_BARS if level.is_warning else cooldown_bars
