"""How long to wait before the next try to connect: back-off, reset windows, circuit breaker.

Pure: market time and chance are parameters.
"""

from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import StrEnum

from futures_pipeline.domain.sessions import NEW_YORK

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
# In the broker's reset windows nothing is wrong and haste does not help.
LONGEST_IN_RESET_SECONDS = 300.0
JITTER = 0.2
# So many failures outside a reset window open the breaker, for the first time so long.
FAILURES_TO_OPEN = 8
FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS = 120.0, 900.0
# Source: IBKR, system status, North America; New York time. Monday is 0.
NIGHTLY_RESET = (time(0, 15), time(1, 45))
NIGHTS = frozenset({0, 1, 2, 3, 4, 6})
FRIDAY, SATURDAY = 4, 5
WEEKEND_RESET_FROM, WEEKEND_RESET_TO = time(23, 0), time(3, 0)


class State(StrEnum):
    """Of the circuit breaker."""

    CLOSED = "closed"  # connected, or trying as usual
    OPEN = "open"  # too many failures: a person is told, tries are rare
    HALF_OPEN = "half_open"  # one try is under way


@dataclass(frozen=True, slots=True)
class Breaker:
    """The circuit breaker of the connection; every method returns its next value.

    ``failures_in_reset`` are counted apart: they are expected, and call nobody.
    """

    state: State = State.CLOSED
    failures: int = 0
    times_opened: int = 0
    failures_in_reset: int = 0

    def trying(self) -> "Breaker":
        """Return the breaker during a try."""
        return replace(self, state=State.HALF_OPEN) if self.state is State.OPEN else self

    def succeeded(self) -> "Breaker":
        """Return the breaker after a connection that proved to work."""
        return Breaker()

    def failed(self, now: datetime) -> "Breaker":
        """Return the breaker after a failed try. In a reset window failures do not open it."""
        if in_reset_window(now):
            tries = self.failures_in_reset + 1
            return replace(self, state=State.CLOSED, failures_in_reset=tries)
        failures = self.failures + 1
        if self.state is State.HALF_OPEN or failures >= FAILURES_TO_OPEN:
            return Breaker(State.OPEN, failures, self.times_opened + 1)
        return Breaker(State.CLOSED, failures, self.times_opened)

    def wait_seconds(self, now: datetime, chance: float) -> float:
        """Return the market seconds until the next try; ``chance`` is from 0 to 1."""
        jitter = 1.0 + JITTER * (2.0 * chance - 1.0)
        if self.state is State.OPEN:
            doubled = FIRST_OPEN_SECONDS * 2.0 ** min(self.times_opened - 1, 20)
            return min(doubled, LONGEST_OPEN_SECONDS) * jitter
        longest, tries = LONGEST_SECONDS, self.failures
        if in_reset_window(now):
            longest, tries = LONGEST_IN_RESET_SECONDS, self.failures_in_reset
        doubled = FIRST_SECONDS * 2.0 ** min(max(tries - 1, 0), 20)
        return min(doubled, longest) * jitter


def in_reset_window(now: datetime) -> bool:
    """Return whether the broker's servers are expected to be away.

    Daily 00:15 to 01:45 but Saturdays, and Friday 23:00 to Saturday 03:00, New York.
    """
    local = now.astimezone(NEW_YORK)
    at, day = local.time(), local.weekday()
    nightly = day in NIGHTS and NIGHTLY_RESET[0] <= at < NIGHTLY_RESET[1]
    weekend = (day == FRIDAY and at >= WEEKEND_RESET_FROM) or (
        day == SATURDAY and at < WEEKEND_RESET_TO
    )
    return nightly or weekend
