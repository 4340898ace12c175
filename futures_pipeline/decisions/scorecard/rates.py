"""Rates with their intervals, and how many calls it takes to tell."""

import math
from typing import NamedTuple

from futures_pipeline.analytics.predictive_value.skill import wilson

# The smallest gain in the share of right calls worth knowing of: a rank correlation of 0.10.
SMALLEST_EDGE = 0.05
# Normal quantiles of 5 % one-sided and 80 % power.
POWER = 2.487
# How many calls show that edge four times in five, where the base rate is one half: the most
# that any base rate takes.
CALLS_NEEDED = math.ceil((POWER / SMALLEST_EDGE) ** 2 / 4)


class Rate(NamedTuple):
    """A share of ``n`` with its 95 % interval; None of none."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Difference(NamedTuple):
    """A share less another one, with its 95 % interval; None when either has no calls."""

    value: float | None
    low: float | None
    high: float | None


def rate(right: int, n: int) -> Rate:
    """Return a share with Wilson's interval.

    >>> [round(x, 4) for x in rate(81, 263)[1:3]], rate(0, 0)
    ([0.2553, 0.3662], Rate(value=None, low=None, high=None, n=0))
    """
    return Rate(right / n, *wilson(right, n), n) if n else Rate(None, None, None, 0)


def difference(first: Rate, second: Rate) -> Difference:
    """Return a difference of independent shares. Source: Newcombe 1998, method 10.

    >>> [round(x, 4) for x in difference(rate(56, 70), rate(48, 80))]
    [0.2, 0.0524, 0.3339]
    """
    a, low_a, high_a, _ = first
    b, low_b, high_b, _ = second
    if a is None or b is None or low_a is None or low_b is None:
        return Difference(None, None, None)
    if high_a is None or high_b is None:
        return Difference(None, None, None)
    return Difference(
        a - b,
        a - b - math.hypot(a - low_a, high_b - b),
        a - b + math.hypot(high_a - a, b - low_b),
    )


def looked_at(n: int) -> int:
    """Return how many of ``n`` calls a verdict is read from: 619, twice as many, and so on.

    Between these counts the verdict stands. One that were read anew every day would, sooner or
    later, find skill in a coin.

    >>> [looked_at(n) for n in (618, 619, 1237, 1238)]
    [0, 619, 619, 1238]
    """
    looks = n // CALLS_NEEDED
    return CALLS_NEEDED * 2 ** (looks.bit_length() - 1) if looks else 0
