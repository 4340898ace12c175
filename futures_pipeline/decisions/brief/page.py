"""What a page is made of, before it is HTML or text: sections of facts, sentences and a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Tone(StrEnum):
    """How a fact is coloured; what it says never depends on the colour."""

    PLAIN = "plain"
    UP = "up"
    DOWN = "down"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value as text, unit included."""

    label: str
    value: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Card:
    """Some facts of one thing, the price path of its night, and sentences about it.

    ``path``: prices in time order, index points; drawn when there are two or more.
    """

    title: str
    facts: Sequence[Fact] = ()
    says: Sequence[str] = ()
    path: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts; the first column names the row. Folded away on a screen under ``title``."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One headed part of the page."""

    title: str
    says: Sequence[str] = ()
    cards: Sequence[Card] = ()
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """How far the numbers of a page can be relied on, A to F, with every reason it is not A."""

    letter: str
    causes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """One morning. ``as_of``: nothing later was read; ``made_at``: market time of the making."""

    session_date: date
    as_of: datetime
    made_at: datetime
    grade: Grade
    headline: Sequence[Fact]
    sections: Sequence[Section]
    footer: Sequence[str]
