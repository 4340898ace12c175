"""The evidence gate: rules that rest on futures act only where futures have shown their worth.

Source: QUANT_SPEC 6.4. On a random walk the momentum rule alone would enter 41 % of the time,
so a rule that fires is no evidence for itself.
"""

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.early_warning.machine import Level
from futures_pipeline.decisions.rules.rule import Entry, Rule


def shadow_reason(rule: Rule, context: DecisionContext, gate_is_on: bool) -> str | None:
    """Return why a rule that fires is only noted, or None when it may act.

    Without an assessment the gate stays shut.
    """
    if not (gate_is_on and rule.rests_on_futures) or context.verdict is Usefulness.USEFUL:
        return None
    found = context.verdict.value if context.verdict else "not assessed"
    return f"in shadow: the futures' predictive value for {context.symbol} is {found}, not USEFUL"


def block_reason(entry: Entry, context: DecisionContext) -> str | None:
    """Return why the early warning forbids an entry, or None when it does not.

    ``COLLAPSE`` forbids all, ``WARNING`` those that a fall hurts: bullish ones and short puts.
    Source: QUANT_SPEC 6.7.
    """
    level = context.early_warning
    if level is None or not level.is_warning:
        return None
    is_hurt = entry.direction.sign > 0 or entry.strategy.is_short_put
    if level is Level.COLLAPSE or is_hurt:
        what = "all entries" if level is Level.COLLAPSE else "bullish and short-put entries"
        return f"blocked: the early warning is {level}, which stops {what}"
    return None
