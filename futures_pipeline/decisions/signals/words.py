"""The words and numbers that all signals share."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    """Which way a signal or an entry leans; the words are those of the outlook."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"

    @property
    def sign(self) -> int:
        return {"bullish": 1, "bearish": -1, "neutral": 0}[self.value]


class Signal(StrEnum):
    """How strongly the futures moved, against what they usually do."""

    STRONG_BUY = "strong_buy"
    BUY = "buy"
    HOLD = "hold"
    SELL = "sell"
    STRONG_SELL = "strong_sell"

    @property
    def sign(self) -> int:
        return {"buy": 1, "hold": 0, "sell": -1}[self.value.removeprefix("strong_")]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """In place of a signal that cannot be computed; ``reason`` says why."""

    symbol: str
    futures_symbol: str
    timestamp: datetime
    reason: str


def direction_of(value: float) -> Direction:
    """Return which way a signed number points; zero is neutral."""
    if value == 0.0:
        return Direction.NEUTRAL
    return Direction.BULLISH if value > 0 else Direction.BEARISH


def within_normal(z: float) -> float:
    """Return the probability that a standard normal value is nearer to 0 than ``z``.

    >>> round(within_normal(1.96), 3)
    0.95
    """
    return math.erf(abs(z) / math.sqrt(2))


def clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
