"""How well an ETF's options and trend suit an entry, and how large it should be.

Source: QUANT_SPEC 8.2.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from futures_pipeline.analytics.regimes import HIGHEST_FIFTH, LOWEST_FIFTH
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.signals.words import Direction, clipped

WEIGHTS: Mapping[str, float] = {
    "direction": 0.30,
    "iv": 0.30,
    "variance_premium": 0.15,
    "term": 0.15,
    "put_call": 0.10,
}
LEAST_WEIGHT, LEAST_CONFIDENCE = 0.65, 0.6
LEANING, FULL_LEANING = 0.25, 0.6
USUAL_VIX = 20.0


class View(NamedTuple):
    """What an entry bets on: a direction, and options being dear (``is_high``) or cheap."""

    direction: Direction
    is_high: bool


class Conviction(NamedTuple):
    """``confidence`` 0 to 1, None without any part; ``weight`` 0 to 1 of the parts known."""

    confidence: float | None
    weight: float
    parts: Mapping[str, float]


def conviction(context: DecisionContext, view: View) -> Conviction:
    """Return the conviction from the parts that are known."""
    scores = {
        "direction": _direction(context, view.direction),
        "iv": _iv(context, view.is_high),
        "variance_premium": _variance_premium(context, view.is_high),
        "term": _term(context.term_structure_slope, view.is_high),
        "put_call": _put_call(context.put_call_pctile_60, view.direction),
    }
    parts = {name: score for name, score in scores.items() if score is not None}
    weight = math.fsum(WEIGHTS[name] for name in parts)
    total = math.fsum(WEIGHTS[name] * score for name, score in parts.items())
    return Conviction(total / weight if parts else None, weight, parts)


def position_multiplier(confidence: float, vix: float | None) -> float:
    """Return the size for a confidence of 0.6 (half) to 1 (one and a quarter).

    VIX above 20 makes it smaller; an unknown one changes nothing and is listed as degraded.

    >>> round(position_multiplier(0.924375, None), 5), round(position_multiplier(0.924375, 28), 5)
    (1.1082, 0.79157)
    """
    size = 0.5 + 0.75 * (confidence - LEAST_CONFIDENCE) / (1.0 - LEAST_CONFIDENCE)
    return size if vix is None else size * min(1.0, USUAL_VIX / vix)


def contrarian_sign(percentile: float | None) -> int:
    """Return 1 where puts are bought unusually much, -1 where unusually little, else 0."""
    if percentile is None:
        return 0
    return (percentile >= HIGHEST_FIFTH) - (percentile <= LOWEST_FIFTH)


def outlook_score(context: DecisionContext) -> float | None:
    """Return what the outlook is read from, -1 to 1; None without a trend."""
    if context.trend_20d is None:
        return None
    slope = context.term_structure_slope or 0.0
    return (
        0.6 * clipped(context.trend_20d / 2, -1.0, 1.0)
        + 0.2 * contrarian_sign(context.put_call_pctile_60)
        + 0.2 * clipped(slope / 0.10, -1.0, 1.0)
    )


def _direction(context: DecisionContext, direction: Direction) -> float | None:
    score = outlook_score(context)
    if score is None:
        return None
    if direction is Direction.NEUTRAL:
        return clipped(1.0 - abs(score) / LEANING, 0.0, 1.0)
    return clipped(direction.sign * score / FULL_LEANING, 0.0, 1.0)


def _iv(context: DecisionContext, is_high: bool) -> float | None:
    ranks = (
        context.iv_rank_30d,
        context.iv_rank_60d,
        context.iv_rank_90d,
        context.iv_percentile_1y,
    )
    known = [rank for rank in ranks if rank is not None]
    if not known and context.iv_rank is not None:
        known = [context.iv_rank]
    if not known:
        return None
    average = math.fsum(known) / len(known)
    return clipped((average - 30 if is_high else 50 - average) / 40, 0.0, 1.0)


def _variance_premium(context: DecisionContext, is_high: bool) -> float | None:
    if context.iv_atm_30d is None or not context.volatility_20d:
        return None
    ratio = context.iv_atm_30d / context.volatility_20d
    return clipped((ratio - 1.0 if is_high else 1.1 - ratio) / 0.3, 0.0, 1.0)


def _term(slope: float | None, is_high: bool) -> float | None:
    if slope is None:
        return None
    return clipped((slope + 0.05) / 0.10 if is_high else (0.10 - slope) / 0.15, 0.0, 1.0)


def _put_call(percentile: float | None, direction: Direction) -> float | None:
    """Return 1 where the put-call ratio agrees, 0 where it opposes, else one half."""
    if percentile is None:
        return None
    return 0.5 + 0.5 * contrarian_sign(percentile) * direction.sign
