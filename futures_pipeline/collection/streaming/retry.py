"""When a silent stream is tried again, and when a session is given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.errors import GatewayError

# A stream that stays silent is subscribed to again, each time after twice as long.
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(minutes=15)


class SessionAbandoned(GatewayError):
    """A session that can no longer be trusted; ``cause`` and ``since`` describe the gap."""

    def __init__(self, cause: Cause, since: datetime, reason: str) -> None:
        super().__init__(f"gateway session: {reason}; a new one is opened")
        self.cause = cause
        self.since = since


@dataclass(slots=True)
class Retry:
    """When a silent stream is subscribed to again."""

    attempts: int = 0
    not_before: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.not_before is None or now >= self.not_before

    def tried(self, now: datetime) -> None:
        wait = FIRST_RETRY * 2 ** min(self.attempts, 10)
        self.attempts += 1
        self.not_before = now + min(wait, LONGEST_RETRY)
