"""What a rule is: a name, a place in the order, conditions, and the entry it stands for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.rules.conditions import Condition
from futures_pipeline.decisions.rules.strategies import Strategy
from futures_pipeline.decisions.signals.words import Direction

MEDIUM = "medium"


class Family(IntEnum):
    """Where a rule comes from; within one priority, lower families go first."""

    RISK = 0
    FUTURES = 1
    ENHANCED = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """What a rule would do.

    ``multiplier``: of the usual number of contracts. ``confidence``: 0 to 1, of the signal
    behind it. ``reason``: a sentence without the rule's name.
    """

    direction: Direction
    strategy: Strategy
    multiplier: float
    confidence: float
    reason: str
    urgency: str = MEDIUM


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry rule.

    ``priority``: lower is asked first. ``entry`` is called only where all conditions hold.
    """

    name: str
    priority: int
    family: Family
    conditions: tuple[Condition, ...]
    entry: Callable[[DecisionContext], Entry]

    @property
    def rests_on_futures(self) -> bool:
        """Whether the evidence gate applies to it."""
        return self.family is not Family.ENHANCED
