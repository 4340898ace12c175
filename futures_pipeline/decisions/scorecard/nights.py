"""Past nights like this one, and what followed them: description, not evidence.

Twenty neighbours of a noisy number say little; the interval says how little.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median, pstdev

from futures_pipeline.decisions.scorecard.rates import Rate, rate

NEIGHBOURS = 20


@dataclass(frozen=True, slots=True)
class Night:
    """One night at 09:25 New York, and what the ETF did after the open.

    ``z``: the move since the last close over its usual size; ``persistence`` 0 to 1;
    ``vix`` points. ``first_half_hour`` and ``to_close``: log returns from the open, None
    while unknown.
    """

    session_date: date
    z: float
    persistence: float | None
    vix: float | None
    first_half_hour: float | None = None
    to_close: float | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A past night, and how far it is from tonight in standard deviations of past nights."""

    night: Night
    distance: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed some nights: the share that rose, and the middle move (a log return)."""

    rose: Rate
    middle: float | None


def nearest_nights(
    tonight: Night, past: Sequence[Night], count: int = NEIGHBOURS
) -> list[Neighbour]:
    """Return the earlier nights most like tonight, nearest first.

    Args:
        tonight: its own outcome is not read.
        past: nights of one symbol; those of tonight's date and later are left out.
        count: how many at most.

    Nights are compared by what both know of move, persistence and VIX: the root of the mean
    squared difference, each in standard deviations of the past nights.
    """
    earlier = [night for night in past if night.session_date < tonight.session_date]
    spreads = [_spread(values) for values in zip(*map(_features, earlier), strict=True)]
    neighbours = [Neighbour(night, _distance(tonight, night, spreads)) for night in earlier]
    return sorted(neighbours, key=lambda near: (near.distance, near.night.session_date))[:count]


def followed(moves: Sequence[float | None]) -> Followed:
    """Return what followed: of the known moves, how many rose (a zero did not), the middle.

    >>> followed([0.01, -0.02, None, 0.03]).rose.n
    3
    """
    known = [move for move in moves if move is not None]
    risen = sum(move > 0 for move in known)
    return Followed(rate(risen, len(known)), median(known) if known else None)


def _features(night: Night) -> tuple[float | None, ...]:
    return night.z, night.persistence, night.vix


def _spread(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return pstdev(known) if known else 0.0


def _distance(tonight: Night, night: Night, spreads: Sequence[float]) -> float:
    squares = [
        ((a - b) / spread) ** 2
        for a, b, spread in zip(_features(tonight), _features(night), spreads, strict=True)
        if a is not None and b is not None and spread > 0
    ]
    return math.sqrt(math.fsum(squares) / len(squares)) if squares else 0.0
