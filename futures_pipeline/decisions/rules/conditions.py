"""Conditions that can say why they do not hold, and by how much.

A condition compares a named quantity of the context with a bound or some words. An unknown
quantity fulfils no condition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from futures_pipeline.decisions.context import DecisionContext

Value = float | str | bool | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that rules ask about, and how it is read; None is unknown."""

    name: str
    read: Callable[[DecisionContext], Value]


class Check(NamedTuple):
    """One condition, judged.

    ``holds`` is None where the value is unknown. ``distance``: how far the value is from the
    bound, in its own unit, 0 where the condition holds (and on the edge of a strict one);
    None for words and for the unknown, which have no distance.
    """

    condition: str
    value: Value
    holds: bool | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition's words, and its judgement of a context."""

    text: str
    judge: Callable[[DecisionContext], Check]


def above(quantity: Quantity, bound: float) -> Condition:
    """Return the condition ``quantity > bound``."""
    return _bounded(quantity, ">", bound, lambda value: (value > bound, bound - value))


def at_least(quantity: Quantity, bound: float) -> Condition:
    """Return the condition ``quantity >= bound``."""
    return _bounded(quantity, ">=", bound, lambda value: (value >= bound, bound - value))


def below(quantity: Quantity, bound: float) -> Condition:
    """Return the condition ``quantity < bound``."""
    return _bounded(quantity, "<", bound, lambda value: (value < bound, value - bound))


def at_most(quantity: Quantity, bound: float) -> Condition:
    """Return the condition ``quantity <= bound``."""
    return _bounded(quantity, "<=", bound, lambda value: (value <= bound, value - bound))


def one_of(quantity: Quantity, *words: str) -> Condition:
    """Return the condition that a word is one of some."""
    text = f"{quantity.name} is {' or '.join(words)}"
    return _worded(quantity, text, lambda value: value in words)


def none_of(quantity: Quantity, *words: str) -> Condition:
    """Return the condition that a word is known and none of some."""
    text = f"{quantity.name} is not {' nor '.join(words)}"
    return _worded(quantity, text, lambda value: value not in words)


def is_true(quantity: Quantity) -> Condition:
    """Return the condition that something is so."""
    return _worded(quantity, quantity.name, lambda value: value is True)


def _bounded(
    quantity: Quantity, sign: str, bound: float, compared: Callable[[float], tuple[bool, float]]
) -> Condition:
    text = f"{quantity.name} {sign} {bound:g}"

    def judge(context: DecisionContext) -> Check:
        value = quantity.read(context)
        if value is None:
            return Check(text, None, None, None)
        holds, missing = compared(float(value))
        return Check(text, value, holds, 0.0 if holds else missing)

    return Condition(text, judge)


def _worded(quantity: Quantity, text: str, holds: Callable[[Value], bool]) -> Condition:
    def judge(context: DecisionContext) -> Check:
        value = quantity.read(context)
        if value is None:
            return Check(text, None, None, None)
        is_so = holds(value)
        return Check(text, value, is_so, 0.0 if is_so else None)

    return Condition(text, judge)
