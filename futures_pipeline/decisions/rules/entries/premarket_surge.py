"""The entry that follows a surge of the night into the open. Source: QUANT_SPEC 8.3."""

from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.rules.conditions import Quantity, at_least, is_true, one_of
from futures_pipeline.decisions.rules.entries.futures import confident_size
from futures_pipeline.decisions.rules.quantities import (
    BIAS,
    ENTRY_TIME,
    FRESH_FUTURES,
    NO_WARNING,
    PREMARKET_CONFIDENCE,
    PREMARKET_FINAL,
)
from futures_pipeline.decisions.rules.rule import Entry, Family, Rule
from futures_pipeline.decisions.rules.strategies import vertical_spread
from futures_pipeline.decisions.signals.words import Direction

LEAST_CONFIDENCE = 0.6


def _is_not_opposed(context: DecisionContext) -> bool | None:
    if context.premarket is None:
        return None
    return Direction(context.outlook).sign * context.premarket.bias.sign >= 0


def _entry(context: DecisionContext) -> Entry:
    signal = context.premarket
    if signal is None:
        raise ValueError("PremarketSurgeEntry: an entry needs the pre-market signal")
    return Entry(
        direction=signal.bias,
        strategy=vertical_spread(signal.bias, context.iv_rank),
        multiplier=confident_size(signal.confidence),
        confidence=signal.confidence,
        reason=signal.reasoning,
    )


RULES = (
    Rule(
        name="PremarketSurgeEntry",
        priority=0,
        family=Family.RISK,
        conditions=(
            ENTRY_TIME,
            *FRESH_FUTURES,
            is_true(PREMARKET_FINAL),
            one_of(BIAS, Direction.BULLISH, Direction.BEARISH),
            is_true(Quantity("outlook is not opposed to the bias", _is_not_opposed)),
            at_least(PREMARKET_CONFIDENCE, LEAST_CONFIDENCE),
            is_true(NO_WARNING),
        ),
        entry=_entry,
    ),
)
