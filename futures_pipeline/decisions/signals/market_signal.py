"""What the futures say of their ETF, from three price changes on one scale.

Source: QUANT_SPEC 6.1 to 6.4. On a random walk the signal is other than hold 62 % of the time:
it describes what happened and is no evidence of what will.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from futures_pipeline.decisions.signals.basis import Basis
from futures_pipeline.decisions.signals.volatility import Volatility
from futures_pipeline.decisions.signals.words import (
    Direction,
    Signal,
    Unavailable,
    within_normal,
)

SESSION_HOURS = 23.0
WEIGHTS: Mapping[str, float] = MappingProxyType({"1h": 0.2, "4h": 0.6, "daily": 0.2})
VOTE_AT, VOTES_TO_LEAN = 0.25, 2
STRONG_AT, SIGNAL_AT = 1.5, 0.5
FULL_OBSERVATIONS = 30


@dataclass(frozen=True, slots=True)
class FuturesReading:
    """What a signal is computed from, of one contract, as known at ``timestamp``.

    ``price`` in index points; changes in points, None where unknown; ``elapsed_hours``:
    Globex-open hours since the anchor that ``change_daily`` starts from. ``volatility``: of a
    session. ``observations``: snapshots of the last 24 hours. ``predictive_value``: 0 to 1,
    0 without an assessment; it is shown, and changes nothing.
    """

    symbol: str
    futures_symbol: str
    timestamp: datetime
    price: float | None
    change_1h: float | None
    change_4h: float | None
    change_daily: float | None
    elapsed_hours: float
    volatility: Volatility
    observations: int
    spot_price: float | None
    basis: Basis | None
    predictive_value: float


@dataclass(frozen=True, slots=True)
class FuturesMarketSignal:
    """The futures' signal for an ETF.

    ``momentum``: the fraction that the weighted changes would make of a 23-hour session;
    ``z``: it over its usual size. ``confidence``: 0 to 1; below 1 for few observations, a
    quiet market, or changes that disagree. Changes and ``basis`` in index points.
    """

    symbol: str
    futures_symbol: str
    timestamp: datetime
    sentiment: Direction
    signal: Signal
    confidence: float
    futures_price: float
    spot_price: float | None
    basis: float | None
    change_1h: float | None
    change_4h: float | None
    change_daily: float | None
    momentum: float
    z: float
    volatility: float
    volatility_source: str
    observations: int
    predictive_value: float
    degraded: tuple[str, ...]
    reasoning: str


class Horizon(NamedTuple):
    """A known change as a fraction, over how many open hours, and its weight."""

    change: float
    hours: float
    weight: float


class Momentum(NamedTuple):
    """Weighted change for a session, over its usual size, and which way the parts vote."""

    value: float
    z: float
    votes: int


def market_signal(reading: FuturesReading) -> FuturesMarketSignal | Unavailable:
    """Return the signal, or why there is none; nothing is put in place of what is missing."""
    price, usual, source = reading.price, reading.volatility.value, reading.volatility.source
    known = horizons(reading)
    fault = _fault(reading, known)
    if price is None or usual is None or source is None or fault:
        why = fault or "no_price"
        return Unavailable(reading.symbol, reading.futures_symbol, reading.timestamp, why)
    found = momentum(list(known.values()), usual)
    sure = confidence(found, len(known), reading.observations)
    signal, sentiment = signal_of(found.z), sentiment_of(found.votes)
    return FuturesMarketSignal(
        symbol=reading.symbol,
        futures_symbol=reading.futures_symbol,
        timestamp=reading.timestamp,
        sentiment=sentiment,
        signal=signal,
        confidence=sure,
        futures_price=price,
        spot_price=reading.spot_price,
        basis=reading.basis.points if reading.basis else None,
        change_1h=reading.change_1h,
        change_4h=reading.change_4h,
        change_daily=reading.change_daily,
        momentum=found.value,
        z=found.z,
        volatility=usual,
        volatility_source=source,
        observations=reading.observations,
        predictive_value=reading.predictive_value,
        degraded=_degraded(reading, known),
        reasoning=_reasoning(reading, known, found, (sentiment, signal, sure)),
    )


def horizons(reading: FuturesReading) -> dict[str, Horizon]:
    """Return the known changes as fractions of the earlier price."""
    changes = {
        "1h": (reading.change_1h, 1.0),
        "4h": (reading.change_4h, 4.0),
        "daily": (reading.change_daily, max(1.0, reading.elapsed_hours)),
    }
    if reading.price is None:
        return {}
    return {
        name: Horizon(change / (reading.price - change), hours, WEIGHTS[name])
        for name, (change, hours) in changes.items()
        if change is not None
    }


def momentum(known: list[Horizon], usual_move: float) -> Momentum:
    """Return the momentum of some changes that all end now.

    Args:
        known: at least one; their weights are scaled to add up to one.
        usual_move: of a 23-hour session, a fraction, above 0.

    ``z`` has unit variance on a random walk, however the horizons overlap.
    """
    total = math.fsum(horizon.weight for horizon in known)
    parts = [horizon._replace(weight=horizon.weight / total) for horizon in known]
    value = math.fsum(h.weight * h.change * math.sqrt(SESSION_HOURS / h.hours) for h in parts)
    overlap = math.fsum(
        a.weight * b.weight * math.sqrt(min(a.hours, b.hours) / max(a.hours, b.hours))
        for a in parts
        for b in parts
    )
    votes = sum(_vote(h.change / (usual_move * math.sqrt(h.hours / SESSION_HOURS))) for h in parts)
    return Momentum(value, value / (math.sqrt(overlap) * usual_move), votes)


def confidence(found: Momentum, count: int, observations: int) -> float:
    """Return how sure the signal is, 0 to 1: enough data, all horizons agree, a large move."""
    agreement = abs(found.votes) / count
    enough = min(1.0, observations / FULL_OBSERVATIONS)
    return enough * (0.5 * agreement + 0.5 * within_normal(found.z))


def signal_of(z: float) -> Signal:
    """Return the signal for a momentum in units of its usual size."""
    if abs(z) < SIGNAL_AT:
        return Signal.HOLD
    if z > 0:
        return Signal.STRONG_BUY if z >= STRONG_AT else Signal.BUY
    return Signal.STRONG_SELL if z <= -STRONG_AT else Signal.SELL


def sentiment_of(votes: int) -> Direction:
    """Return which way at least two horizons lean, net."""
    if abs(votes) < VOTES_TO_LEAN:
        return Direction.NEUTRAL
    return Direction.BULLISH if votes > 0 else Direction.BEARISH


def _vote(z: float) -> int:
    return (z > VOTE_AT) - (z < -VOTE_AT)


def _fault(reading: FuturesReading, known: Mapping[str, Horizon]) -> str | None:
    if reading.price is None:
        return "no_price"
    if not known.keys() - {"daily"}:
        return "no_change_1h_or_4h"
    return reading.volatility.reason


def _degraded(reading: FuturesReading, known: Mapping[str, Horizon]) -> tuple[str, ...]:
    missing = [f"change_{name}" for name in WEIGHTS if name not in known]
    if reading.volatility.source != "history":
        missing.append("volatility_history")
    if reading.basis is None or reading.basis.points is None:
        missing.append("basis")
    return tuple(missing)


def _reasoning(
    reading: FuturesReading,
    known: Mapping[str, Horizon],
    found: Momentum,
    said: tuple[Direction, Signal, float],
) -> str:
    changes = {"1h": reading.change_1h, "4h": reading.change_4h, "daily": reading.change_daily}
    moved = ", ".join(f"{changes[name]:+.2f} ({name})" for name in known)
    sentiment, signal, sure = said
    return (
        f"{reading.futures_symbol} {reading.price:.2f}, {moved} points: momentum "
        f"{found.value:+.4f} a session, {found.z:+.2f} of its usual size; {sentiment} sentiment, "
        f"{signal.replace('_', ' ')}, confidence {sure:.2f} "
        f"({reading.observations} observations in 24 hours)"
    )
