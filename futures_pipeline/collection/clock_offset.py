"""How far a source's clock is ahead of ours: measured by asking it the time, and told."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

# Beyond this the two clocks disagree about which minute it is; a person should look.
MOST_OFFSET_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a source's clock is ahead of ours, in market seconds, give or take."""

    seconds: float
    uncertainty_seconds: float

    @property
    def is_off(self) -> bool:
        """Whether the clocks surely differ by more than is allowed."""
        return abs(self.seconds) - self.uncertainty_seconds > MOST_OFFSET_SECONDS

    def tell(self, source: str) -> None:
        """Log the comparison, as a warning when the clocks differ too much."""
        log.log(
            logging.WARNING if self.is_off else logging.INFO,
            "clock_compared source=%s ahead_seconds=%.3f uncertainty_seconds=%.3f",
            source,
            self.seconds,
            self.uncertainty_seconds,
        )


def offset_of(
    theirs: datetime,
    asked_at: datetime,
    answered_at: datetime,
    resolution: timedelta = timedelta(0),
) -> Offset:
    """Return the offset that an answer to "what time is it" shows.

    ``resolution``: what their time is rounded down to. They read their clock at some moment
    between the question and the answer.

    >>> from datetime import UTC
    >>> at = datetime(2025, 1, 15, 14, 40, 0, 400_000, tzinfo=UTC)
    >>> second = timedelta(seconds=1)
    >>> offset_of(at.replace(microsecond=0), at, at + second / 5, second)
    Offset(seconds=0.0, uncertainty_seconds=0.6)
    """
    middle = asked_at + (answered_at - asked_at) / 2
    give_or_take = (answered_at - asked_at + resolution) / 2
    second = timedelta(seconds=1)
    return Offset((theirs + resolution / 2 - middle) / second, give_or_take / second)
