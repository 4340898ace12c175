"""Rules that lack nothing but the open: what a decision of 09:25 New York cannot say yet."""

import json
from collections.abc import Iterable

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.decisions.brief.morning import Row
from futures_pipeline.decisions.rules.quantities import ENTRY_TIME, FRESH_FUTURES
from futures_pipeline.decisions.rules.rule import Family

# Conditions that come true by themselves at the open, while prices keep coming.
COMES_TRUE = frozenset(condition.text for condition in (ENTRY_TIME, *FRESH_FUTURES))


def waiting_rules(decision: Row) -> Iterable[str]:
    """Yield a sentence for each rule of a decision that waits for the open alone.

    ``decision``: an ``entry_decisions`` row of before the open.
    """
    told = json.loads(decision["metadata"])
    is_shut = told["gate"] == "on" and told["verdict"] != Usefulness.USEFUL
    for line in json.loads(decision["trace"]):
        failing = {each["condition"] for each in line["conditions"] if not each["holds"]}
        if ENTRY_TIME.text not in failing or not failing <= COMES_TRUE:
            continue
        is_held = is_shut and line["family"] != Family.ENHANCED.name.lower()
        yield (
            f"{line['rule']} lacks nothing but the open"
            + ("; it would be held back: futures have not shown their worth" if is_held else "")
            + "."
        )
