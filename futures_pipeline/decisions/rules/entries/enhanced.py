"""The six entries that follow outlook, implied volatility and regime. Source: QUANT_SPEC 8.2."""

from collections.abc import Callable

from futures_pipeline.analytics.regimes import Regime
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.rules.conditions import (
    Condition,
    Quantity,
    above,
    at_least,
    at_most,
    below,
    none_of,
    one_of,
)
from futures_pipeline.decisions.rules.conviction import (
    LEAST_CONFIDENCE,
    LEAST_WEIGHT,
    View,
    conviction,
    position_multiplier,
)
from futures_pipeline.decisions.rules.quantities import (
    IV_RANK,
    OUTLOOK,
    REGIME,
    SLOPE,
    TREND_SIZE,
)
from futures_pipeline.decisions.rules.rule import Entry, Family, Rule
from futures_pipeline.decisions.rules.strategies import (
    BEAR_CALL_SPREAD,
    BULL_PUT_SPREAD,
    CALENDAR_SPREAD,
    IRON_CONDOR,
    LONG_CALL_SPREAD,
    LONG_PUT_SPREAD,
    Strategy,
)
from futures_pipeline.decisions.signals.words import Direction

HIGH, LOW = 50.0, 30.0
BULLISH, BEARISH, NEUTRAL = Direction.BULLISH, Direction.BEARISH, Direction.NEUTRAL
NO_CRISIS = none_of(REGIME, Regime.CRISIS)
NO_CRISIS_NOR_TREND = none_of(REGIME, Regime.CRISIS, Regime.TRENDING_UP, Regime.TRENDING_DOWN)


def _enters(view: View, strategy: Strategy) -> Callable[[DecisionContext], Entry]:
    def entry(context: DecisionContext) -> Entry:
        found = conviction(context, view)
        if found.confidence is None:
            raise ValueError("an enhanced entry needs a conviction")
        dear = "dear" if view.is_high else "cheap"
        parts = ", ".join(f"{name} {score:.2f}" for name, score in found.parts.items())
        return Entry(
            direction=view.direction,
            strategy=strategy,
            multiplier=position_multiplier(found.confidence, context.vix),
            confidence=found.confidence,
            reason=(
                f"{view.direction} outlook, options {dear} (IV rank {context.iv_rank:.0f}): "
                f"conviction {found.confidence:.2f} of {parts}"
            ),
        )

    return entry


def _rule(priority: int, name: str, view: View, strategy: Strategy, *more: Condition) -> Rule:
    weight = Quantity("known share of the conviction", lambda c: conviction(c, view).weight)
    confidence = Quantity("conviction", lambda c: conviction(c, view).confidence)
    return Rule(
        name=name,
        priority=priority,
        family=Family.ENHANCED,
        conditions=(
            one_of(OUTLOOK, view.direction),
            at_least(IV_RANK, HIGH) if view.is_high else at_most(IV_RANK, LOW),
            *more,
            at_least(weight, LEAST_WEIGHT),
            at_least(confidence, LEAST_CONFIDENCE),
        ),
        entry=_enters(view, strategy),
    )


RULES = (
    _rule(
        1,
        "EnhancedBullishHighIVEntry",
        View(BULLISH, is_high=True),
        BULL_PUT_SPREAD,
        NO_CRISIS,
        above(SLOPE, -0.10),
    ),
    _rule(
        2,
        "EnhancedBearishHighIVEntry",
        View(BEARISH, is_high=True),
        BEAR_CALL_SPREAD,
        NO_CRISIS,
    ),
    _rule(
        3,
        "EnhancedNeutralHighIVEntry",
        View(NEUTRAL, is_high=True),
        IRON_CONDOR,
        below(TREND_SIZE, 1.0),
        NO_CRISIS_NOR_TREND,
        above(SLOPE, -0.05),
    ),
    _rule(4, "EnhancedBullishLowIVEntry", View(BULLISH, is_high=False), LONG_CALL_SPREAD),
    _rule(5, "EnhancedBearishLowIVEntry", View(BEARISH, is_high=False), LONG_PUT_SPREAD),
    _rule(
        6,
        "EnhancedNeutralLowIVEntry",
        View(NEUTRAL, is_high=False),
        CALENDAR_SPREAD,
        at_least(SLOPE, 0.0),
    ),
)
