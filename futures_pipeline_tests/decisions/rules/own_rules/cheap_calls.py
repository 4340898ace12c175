"""A user's rule, whole: one file in a folder of rules."""

from futures_pipeline.decisions.rules.conditions import Quantity, below, one_of
from futures_pipeline.decisions.rules.quantities import IV_RANK, OUTLOOK
from futures_pipeline.decisions.rules.rule import Entry, Family, Rule
from futures_pipeline.decisions.rules.strategies import LONG_CALL_SPREAD
from futures_pipeline.decisions.signals.words import Direction

VIX = Quantity("VIX", lambda context: context.vix)

RULES = (
    Rule(
        name="CheapCallsEntry",
        priority=0,
        family=Family.ENHANCED,
        conditions=(one_of(OUTLOOK, "bullish"), below(IV_RANK, 10.0), below(VIX, 14.0)),
        entry=lambda context: Entry(
            Direction.BULLISH, LONG_CALL_SPREAD, 0.5, 0.6, f"calls are cheap at VIX {context.vix}"
        ),
    ),
)
