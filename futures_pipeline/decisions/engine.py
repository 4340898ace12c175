"""The decision: the first rule that matches, or hold, with what became of every rule.

Source: QUANT_SPEC 8.3.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.evidence import block_reason, shadow_reason
from futures_pipeline.decisions.rules.book import all_rules, in_order
from futures_pipeline.decisions.rules.rule import Entry, Rule
from futures_pipeline.decisions.trace import Outcome, RuleTrace, failure_text, nearest
from futures_pipeline.domain.errors import PipelineError

# What a mistake in a rule raises. It must not stop the other rules, nor pass for a HOLD, so it
# becomes a line of the trace. Anything else (a full disk, an interrupt) is not the rule's.
RULE_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
    PipelineError,
)
ROUNDING = 1e-9

log = logging.getLogger(__name__)


class Action(StrEnum):
    """What to do now."""

    ENTER = "enter"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Policy:
    """``gate``: whether rules on futures need evidence. ``base_contracts``: at multiplier 1."""

    gate: bool = True
    base_contracts: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one ETF at one moment, why, and what else was considered.

    ``entry``, ``rule`` and ``contracts`` are None on ``HOLD``. ``degraded``: inputs that were
    missing. ``errors``: rules that raised; such a decision needs a person. ``shadow``: the
    first rule that would have entered but for the evidence gate.
    """

    symbol: str
    timestamp: datetime
    action: Action
    rule: str | None
    entry: Entry | None
    contracts: int | None
    reason: str
    degraded: tuple[str, ...]
    errors: tuple[str, ...]
    shadow: RuleTrace | None
    metadata: Mapping[str, object]
    trace: tuple[RuleTrace, ...]


class Comparison(NamedTuple):
    """One moment decided as configured, with futures (no gate), and without any."""

    live: Decision
    with_futures: Decision
    without_futures: Decision


@dataclass(frozen=True, slots=True)
class DecisionEngine:
    """Rules in their order, and the policy they run under."""

    rules: tuple[Rule, ...] = field(default_factory=all_rules)
    policy: Policy = Policy()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", in_order(self.rules))

    def register(self, rule: Rule) -> "DecisionEngine":
        """Return an engine with one more rule.

        Raises:
            ConfigurationError: its name is taken.
        """
        return replace(self, rules=(*self.rules, rule))

    def evaluate(self, context: DecisionContext) -> Decision:
        """Return the decision; the same for the same context, rules and policy."""
        seen = context.under_warning()
        traces = [self._judged(rule, seen) for rule in self.rules]
        ready = [at for at, trace in enumerate(traces) if trace.outcome is Outcome.LATER]
        if ready:
            traces[ready[0]] = replace(traces[ready[0]], outcome=Outcome.CHOSEN, note=None)
        return self._decided(seen, tuple(traces))

    def compare(self, context: DecisionContext) -> Comparison:
        """Return the decisions with and without futures beside the one that counts."""
        open_gate = replace(self, policy=replace(self.policy, gate=False))
        return Comparison(
            live=self.evaluate(context),
            with_futures=open_gate.evaluate(context),
            without_futures=open_gate.evaluate(context.without_futures()),
        )

    def _judged(self, rule: Rule, context: DecisionContext) -> RuleTrace:
        """Return what becomes of one rule by itself; one that matches is ``LATER`` for now."""
        trace = RuleTrace(rule.name, rule.priority, rule.family, Outcome.NOT_MATCHED, ())
        try:
            trace = replace(
                trace, checks=tuple(condition.judge(context) for condition in rule.conditions)
            )
            if trace.failing:
                return replace(trace, note=failure_text(trace.failing[0]))
            entry = rule.entry(context)
            outcome, note = self._permitted(rule, entry, context)
        except RULE_FAULTS as error:
            log.exception("rule_failed rule=%s symbol=%s", rule.name, context.symbol)
            note = f"{type(error).__name__}: {error}"
            return replace(trace, outcome=Outcome.ERROR, note=note)
        return replace(trace, outcome=outcome, entry=entry, note=note)

    def _permitted(
        self, rule: Rule, entry: Entry, context: DecisionContext
    ) -> tuple[Outcome, str | None]:
        if not (math.isfinite(entry.multiplier) and entry.multiplier > 0):
            raise ValueError(f"{rule.name}: multiplier {entry.multiplier}, need a number above 0")
        if blocked := block_reason(entry, context):
            return Outcome.BLOCKED, blocked
        if shadow := shadow_reason(rule, context, self.policy.gate):
            return Outcome.SHADOW, shadow
        return Outcome.LATER, "a rule before it matched"

    def _decided(self, context: DecisionContext, traces: tuple[RuleTrace, ...]) -> Decision:
        chosen = next((trace for trace in traces if trace.outcome is Outcome.CHOSEN), None)
        entry = chosen.entry if chosen else None
        return Decision(
            symbol=context.symbol,
            timestamp=context.timestamp,
            action=Action.ENTER if entry else Action.HOLD,
            rule=chosen.rule if chosen else None,
            entry=entry,
            contracts=contracts(self.policy.base_contracts, entry.multiplier) if entry else None,
            reason=f"{chosen.rule}: {entry.reason}" if chosen and entry else hold_reason(traces),
            degraded=context.degraded,
            errors=tuple(trace.rule for trace in traces if trace.outcome is Outcome.ERROR),
            shadow=next((trace for trace in traces if trace.outcome is Outcome.SHADOW), None),
            metadata=_metadata(context, entry, self.policy),
            trace=traces,
        )


def contracts(base: int, multiplier: float) -> int:
    """Return how many contracts to trade: rounded down, at least one.

    >>> contracts(10, 1.1), contracts(1, 0.5)
    (11, 1)
    """
    return max(1, math.floor(base * multiplier + ROUNDING))


def hold_reason(traces: Sequence[RuleTrace]) -> str:
    """Return why nothing is entered: rules that failed, matched in vain, or came nearest."""
    parts = [
        f"{trace.rule} {'failed with ' if trace.outcome is Outcome.ERROR else ''}{trace.note}"
        for trace in traces
        if trace.outcome in (Outcome.ERROR, Outcome.BLOCKED, Outcome.SHADOW)
    ]
    if parts or not traces:
        return "; ".join(parts) or "there are no rules"
    close = nearest(traces)
    if close is None:
        return "no rule matched; each asks for something that is not known"
    return f"no rule matched; nearest {close.rule}: {close.note}"


def _metadata(context: DecisionContext, entry: Entry | None, policy: Policy) -> dict[str, object]:
    signal = context.futures_signal
    warning = context.early_warning
    return {
        "strategy_type": entry.strategy.strategy_type if entry else None,
        "position_multiplier": entry.multiplier if entry else None,
        "confidence": entry.confidence if entry else None,
        "futures_confidence": signal.confidence if signal else None,
        "futures_signal": signal.signal.value if signal else None,
        "momentum": signal.momentum if signal else None,
        "gate": "on" if policy.gate else "off",
        "verdict": context.verdict.value if context.verdict else None,
        "early_warning": warning.value if warning else None,
        "outlook": context.outlook.value,
        "outlook_override": bool(warning and warning.is_warning),
    }
