"""What the night says of the open: how far, how straight and how busily the future moved.

Source: QUANT_SPEC 6.6. One observation a day: it takes years to learn whether it is right.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from futures_pipeline.analytics.regimes import Regime
from futures_pipeline.decisions.signals.volatility import HISTORY, Volatility
from futures_pipeline.decisions.signals.words import (
    Direction,
    Unavailable,
    clipped,
    direction_of,
    within_normal,
)
from futures_pipeline.domain.sessions import NEW_YORK

FINAL_AT = time(9, 25)
MILD, SURGE, EXTREME = 1.0, 1.5, 2.5
LEAST_CONFIDENCE = 0.6
WEIGHTS = {"size": 0.5, "persistence": 0.25, "participation": 0.25}
# VIX below the first number, and what confidence is multiplied by; above 30, the last factor.
CALM = ((15.0, 1.05), (20.0, 1.0), (30.0, 0.9))
STORMY_FACTOR, UNKNOWN_VIX_FACTOR = 0.75, 0.8
UP_IN_STRESS, DOWN_IN_STRESS = 0.7, 1.1
STRESSED_REGIMES = (Regime.CRISIS, Regime.HIGH_VOLATILITY)


class Surge(StrEnum):
    """How unusual the night's move is, by its size over the usual one."""

    NONE = "none"
    MILD = "mild"
    SURGE = "surge"
    EXTREME = "extreme"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """VIX and its three-month form in points, and the ETF's regime; None is unknown."""

    vix: float | None
    vix3m: float | None
    regime: Regime | None


@dataclass(frozen=True, slots=True)
class PremarketReading:
    """One contract's night, from the last NYSE close (the anchor) to ``timestamp``.

    ``session_date``: the NYSE day about to open. Prices in index points; ``high`` and ``low``
    of the night. ``volume`` so far, ``usual_volume`` the median of 20 sessions at the same
    time, contracts. ``volatility``: of moves to this time of day. None is unknown.
    """

    symbol: str
    futures_symbol: str
    timestamp: datetime
    session_date: date
    price: float | None
    anchor_price: float | None
    high: float | None
    low: float | None
    volume: float | None
    usual_volume: float | None
    volatility: Volatility
    surroundings: Surroundings


@dataclass(frozen=True, slots=True)
class PremarketSignal:
    """The bias for the open, for entries from 09:30 to 10:00 New York of ``session_date``.

    ``move``: log, from the anchor; ``z``: over its usual size. ``persistence``: how much of
    the night's range the move kept (0 to 1). ``participation``: volume against the usual one,
    1 at twice as much. ``factor``: what VIX and stress make of the confidence.
    """

    symbol: str
    futures_symbol: str
    timestamp: datetime
    session_date: date
    bias: Direction
    surge: Surge
    confidence: float
    futures_price: float
    anchor_price: float
    change_points: float
    range_points: float | None
    move: float
    z: float
    volatility: float
    volatility_source: str
    persistence: float | None
    participation: float | None
    factor: float
    degraded: tuple[str, ...]
    reasoning: str

    @property
    def is_final(self) -> bool:
        """Whether it was computed at 09:25 New York or later."""
        return self.timestamp.astimezone(NEW_YORK).time() >= FINAL_AT


def premarket_signal(reading: PremarketReading) -> PremarketSignal | Unavailable:
    """Return the pre-market signal, or why there is none.

    A part that is unknown leaves its weight to the others and is named in ``degraded``.
    """
    price, anchor = reading.price, reading.anchor_price
    usual, source = reading.volatility.value, reading.volatility.source
    if price is None or anchor is None or usual is None or source is None:
        why = "no_price" if price is None else reading.volatility.reason or "no_anchor_price"
        return Unavailable(reading.symbol, reading.futures_symbol, reading.timestamp, why)
    move = math.log(price / anchor)
    z = move / usual
    kept, busy = persistence(move, reading.high, reading.low), participation(reading)
    factor = context_factor(move, reading.surroundings)
    sure = confidence(z, kept, busy, factor)
    bias = direction_of(z) if abs(z) >= MILD and sure >= LEAST_CONFIDENCE else Direction.NEUTRAL
    return PremarketSignal(
        symbol=reading.symbol,
        futures_symbol=reading.futures_symbol,
        timestamp=reading.timestamp,
        session_date=reading.session_date,
        bias=bias,
        surge=surge_of(z),
        confidence=sure,
        futures_price=price,
        anchor_price=anchor,
        change_points=price - anchor,
        range_points=_range_points(reading),
        move=move,
        z=z,
        volatility=usual,
        volatility_source=source,
        persistence=kept,
        participation=busy,
        factor=factor,
        degraded=_degraded(reading, kept, busy),
        reasoning=(
            f"{_moved(reading.futures_symbol, price - anchor, move)}, {z:+.2f} of a usual night "
            f"({surge_of(z)}): {bias} for the open, confidence {sure:.2f}"
        ),
    )


def surge_of(z: float) -> Surge:
    """Return the class of a night's move in units of the usual one."""
    for bound, surge in ((EXTREME, Surge.EXTREME), (SURGE, Surge.SURGE), (MILD, Surge.MILD)):
        if abs(z) >= bound:
            return surge
    return Surge.NONE


def confidence(
    z: float, persistence: float | None, participation: float | None, factor: float
) -> float:
    """Return how sure the bias is, 0 to 1.

    >>> round(confidence(1.8, 0.7, 0.6, 1.0), 5)
    0.78907
    """
    parts = {
        "size": within_normal(z),
        "persistence": persistence,
        "participation": participation,
    }
    known = {name: value for name, value in parts.items() if value is not None}
    weight = math.fsum(WEIGHTS[name] for name in known)
    score = math.fsum(WEIGHTS[name] * value for name, value in known.items()) / weight
    return clipped(factor * score, 0.0, 1.0)


def persistence(move: float, high: float | None, low: float | None) -> float | None:
    """Return the share of the night's range (of logs) that the move kept; 1 is all of it."""
    if high is None or low is None or high <= low:
        return None
    return min(1.0, abs(move) / math.log(high / low))


def participation(reading: PremarketReading) -> float | None:
    """Return the volume against the usual one at this time, 0 to 1; 1 is twice as much."""
    if reading.volume is None or not reading.usual_volume:
        return None
    return min(2.0, reading.volume / reading.usual_volume) / 2.0


def context_factor(move: float, around: Surroundings) -> float:
    """Return what confidence is multiplied by; stress trusts falls more and rises less.

    Stress is VIX above its three-month form, or a regime of crisis or high volatility. An
    unknown VIX costs a fifth.
    """
    factor = UNKNOWN_VIX_FACTOR if around.vix is None else _calm(around.vix)
    if not _is_stressed(around) or move == 0.0:
        return factor
    return factor * (UP_IN_STRESS if move > 0 else DOWN_IN_STRESS)


def _calm(vix: float) -> float:
    if vix > CALM[-1][0]:
        return STORMY_FACTOR
    return next((factor for bound, factor in CALM if vix < bound), CALM[-1][1])


def _is_stressed(around: Surroundings) -> bool:
    inverted = around.vix is not None and around.vix3m is not None and around.vix > around.vix3m
    return inverted or around.regime in STRESSED_REGIMES


def _moved(symbol: str, points: float, move: float) -> str:
    return f"{symbol} {points:+.2f} points ({100 * math.expm1(move):+.2f} %) since the last close"


def _range_points(reading: PremarketReading) -> float | None:
    return None if reading.high is None or reading.low is None else reading.high - reading.low


def _degraded(reading: PremarketReading, kept: float | None, busy: float | None) -> tuple[str, ...]:
    missing = {
        "overnight_range": kept is None,
        "volume": busy is None,
        "vix": reading.surroundings.vix is None,
        "vix3m": reading.surroundings.vix3m is None,
        "regime": reading.surroundings.regime in (None, Regime.UNKNOWN),
        "volatility_history": reading.volatility.source != HISTORY,
    }
    return tuple(name for name, is_missing in missing.items() if is_missing)
