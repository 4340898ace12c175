"""What became of each rule, and what to say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from futures_pipeline.decisions.rules.conditions import Check
from futures_pipeline.decisions.rules.rule import Entry, Family


class Outcome(StrEnum):
    """What became of one rule.

    ``CHOSEN`` is the decision; ``LATER`` matched behind it; ``SHADOW`` matched and is held back
    by the evidence gate, ``BLOCKED`` by the early warning; ``ERROR`` raised.
    """

    CHOSEN = "chosen"
    LATER = "later"
    SHADOW = "shadow"
    BLOCKED = "blocked"
    NOT_MATCHED = "not_matched"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule's line of a trace, in the order the rules were asked.

    ``entry``: what it would do, where it matched. ``note``: why it did not act: the first
    condition that failed, the gate, the warning or the error.
    """

    rule: str
    priority: int
    family: Family
    outcome: Outcome
    checks: tuple[Check, ...]
    entry: Entry | None = None
    note: str | None = None

    @property
    def failing(self) -> tuple[Check, ...]:
        """The conditions that do not hold; together they are the distance to firing."""
        return tuple(check for check in self.checks if not check.holds)


def failure_text(check: Check) -> str:
    """Return a failed condition with its value and distance.

    >>> failure_text(Check("futures confidence > 0.5", 0.46, False, 0.04))
    'futures confidence > 0.5 fails: it is 0.46, 0.04 away'
    >>> failure_text(Check("IV rank >= 50", None, None, None))
    'IV rank >= 50 is not known'
    """
    if check.value is None:
        return f"{check.condition} is not known"
    if isinstance(check.value, bool):
        return f"{check.condition}: no"
    if isinstance(check.value, str):
        return f"{check.condition} fails: it is {check.value}"
    away = "" if check.distance is None else f", {check.distance:.4g} away"
    return f"{check.condition} fails: it is {check.value:.4g}{away}"


def nearest(traces: Sequence[RuleTrace]) -> RuleTrace | None:
    """Return the unmatched rule with the fewest failed conditions; the first of equals.

    Only of rules all of whose values are known: how far off another one is cannot be told.
    """
    unmatched = [
        trace
        for trace in traces
        if trace.outcome is Outcome.NOT_MATCHED
        and not any(check.holds is None for check in trace.checks)
    ]
    return min(unmatched, key=lambda trace: len(trace.failing), default=None)
