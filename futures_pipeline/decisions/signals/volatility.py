"""How far a price usually moves: over a session, and from the last close to a time of day.

Source: QUANT_SPEC 6.1 and 6.6.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DECAY = 0.94
LEAST_SESSIONS = 20
SESSIONS_IN_A_YEAR = 252
# Of a session's variance, what passes before 09:30 New York, 16.5 hours after the last anchor.
OVERNIGHT_SHARE, OVERNIGHT_HOURS = 0.30, 16.5
HISTORY = "history"
# The volatility index of each future; all others, and these where theirs is missing, use VIX.
OWN_INDEX: Mapping[str, str] = {"NQ": "VXN", "RTY": "RVX"}
COMMON_INDEX = "VIX"


@dataclass(frozen=True, slots=True)
class ImpliedVolatility:
    """The last known value of a volatility index, in points (16 is 16 % a year)."""

    index: str
    points: float


@dataclass(frozen=True, slots=True)
class Volatility:
    """A usual move, as a fraction of the price, and where it comes from.

    ``source``: ``history``, or the name of a volatility index. ``sessions``: how many of
    history are known. ``reason`` says why ``value`` is None.
    """

    value: float | None
    source: str | None
    sessions: int
    reason: str | None = None


def implied_volatility(
    futures_symbol: str, points: Mapping[str, float | None]
) -> ImpliedVolatility | None:
    """Return the index to fall back on: the future's own where known, else VIX.

    >>> implied_volatility("NQ", {"VIX": 16.0, "VXN": 21.0})
    ImpliedVolatility(index='VXN', points=21.0)
    """
    for index in (OWN_INDEX.get(futures_symbol, COMMON_INDEX), COMMON_INDEX):
        value = points.get(index)
        if value is not None and value > 0:
            return ImpliedVolatility(index, value)
    return None


def daily_volatility(
    returns: Sequence[float | None], implied: ImpliedVolatility | None
) -> Volatility:
    """Return the usual move of a 23-hour session.

    Args:
        returns: log returns between daily anchors of one contract each, ascending, None where
            unknown; none of them later than the moment asked about.
        implied: used below 20 known sessions, or where they did not move at all.
    """
    return _measured_or(returns, implied, share=1.0)


def overnight_volatility(
    moves: Sequence[float | None], implied: ImpliedVolatility | None, elapsed_hours: float
) -> Volatility:
    """Return the usual move from the anchor to one time of day.

    Args:
        moves: log moves of earlier sessions from their anchor to the same clock time,
            ascending, None where unknown.
        implied: used below 20 known sessions.
        elapsed_hours: Globex-open hours from the anchor to the moment.
    """
    part = min(max(elapsed_hours, 0.0), OVERNIGHT_HOURS) / OVERNIGHT_HOURS
    return _measured_or(moves, implied, share=OVERNIGHT_SHARE * part)


def weighted_deviation(returns: Sequence[float]) -> float:
    """Return the root of the mean square with weights that fade by 6 % a session.

    The weights add up to one, so a short history is not taken for a quiet one.

    >>> weighted_deviation([0.01, -0.01, 0.01])
    0.01
    """
    weights = [DECAY**age for age in range(len(returns))]
    squares = math.fsum(w * r * r for w, r in zip(weights, reversed(returns), strict=True))
    return math.sqrt(squares / math.fsum(weights))


def _measured_or(
    returns: Sequence[float | None], implied: ImpliedVolatility | None, share: float
) -> Volatility:
    """Return the deviation of history, else the implied one of ``share`` of a day's variance."""
    known = [value for value in returns if value is not None]
    if len(known) >= LEAST_SESSIONS and any(known):
        return Volatility(weighted_deviation(known), HISTORY, len(known))
    if implied is None:
        why = "flat" if len(known) >= LEAST_SESSIONS else f"{len(known)}_of_{LEAST_SESSIONS}"
        return Volatility(None, None, len(known), f"{why}_sessions_and_no_volatility_index")
    usual = implied.points / 100 / math.sqrt(SESSIONS_IN_A_YEAR) * math.sqrt(share)
    if usual == 0.0:
        return Volatility(None, None, len(known), "no_time_since_the_anchor")
    return Volatility(usual, implied.index, len(known))
