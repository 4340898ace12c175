"""The data grade of a morning: the worst of its causes, all of them named.

A: everything came. B: a help is missing. C or D: minutes of the night are missing, a price is
old, or something is wrong now. F: no market has a signal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from futures_pipeline.decisions.brief.page import Grade
from futures_pipeline.decisions.brief.words import both_times, spoken

# Below so much of the night's minutes, the grade is the letter.
MINUTES_GRADES = ((0.90, "D"), (0.98, "C"), (0.995, "B"))
MOST_PRICE_AGE = timedelta(minutes=5)
# Nobody collects it, so its absence says nothing about the morning.
NEVER_COLLECTED = frozenset({"vix3m"})


@dataclass(frozen=True, slots=True)
class NightMinutes:
    """The minutes of one contract's night that were open, and those that have a bar.

    ``newest``: end of the newest bar, UTC, None without one.
    """

    contract: str
    expected: int
    received: int
    newest: datetime | None

    @property
    def share(self) -> float:
        return self.received / self.expected if self.expected else 1.0


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """Something that was wrong when the page was made."""

    title: str
    says: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class SignalState:
    """Whether a market has its pre-market signal: the reason it has none, or what it lacked."""

    symbol: str
    reason: str | None
    degraded: Sequence[str] = ()


def grade(
    signals: Sequence[SignalState],
    minutes: Sequence[NightMinutes],
    alerts: Sequence[OpenAlert],
    as_of: datetime,
) -> Grade:
    """Return the grade of a morning as of a moment."""
    found = [
        *_signal_causes(signals),
        *_minute_causes(minutes, as_of),
        *(("C" if alert.is_error else "B", f"alert: {alert.title}") for alert in alerts),
    ]
    letter = max((letter for letter, _ in found), default="A")
    return Grade(letter, [f"{letter}: {says}" for letter, says in sorted(found, reverse=True)])


def _signal_causes(signals: Sequence[SignalState]) -> Iterable[tuple[str, str]]:
    without = [state for state in signals if state.reason is not None]
    letter = "F" if len(without) == len(signals) else "D"
    for state in without:
        yield letter, f"{state.symbol} has no pre-market signal: {spoken(state.reason)}"
    missing: dict[str, list[str]] = {}
    for state in signals:
        for word in set(state.degraded) - NEVER_COLLECTED:
            missing.setdefault(word, []).append(state.symbol)
    for word, symbols in missing.items():
        yield "B", f"{', '.join(symbols)}: {spoken(word)} not known"


def _minute_causes(minutes: Sequence[NightMinutes], as_of: datetime) -> Iterable[tuple[str, str]]:
    for night in minutes:
        letter = next((name for bound, name in MINUTES_GRADES if night.share < bound), None)
        if letter is not None:
            missing = night.expected - night.received
            yield letter, f"{night.contract}: {missing} of {night.expected} minutes have no bar"
        if night.newest is None:
            yield "D", f"{night.contract}: no price of the night"
        elif as_of - night.newest > MOST_PRICE_AGE:
            yield "D", f"{night.contract}: the newest price is of {both_times(night.newest)}"
