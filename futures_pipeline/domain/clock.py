"""One clock for every process: system time, or a chosen start at a chosen speed.

Processes that belong together share one clock by sharing its text form
(``FUTURES_PIPELINE_CLOCK``), which carries the system time it was started at.
"""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from futures_pipeline.domain.errors import ConfigurationError


class Clock(Protocol):
    """Tells the time of the market being collected."""

    def now(self) -> datetime:
        """Return the market's time, UTC and aware."""
        ...

    def system_seconds(self, market_seconds: float) -> float:
        """Return how long the machine has to wait for ``market_seconds`` to pass."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def system_seconds(self, market_seconds: float) -> float:
        return market_seconds


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """Time that started at ``starts_at`` when the machine showed ``anchor_seconds``.

    ``speed`` is market seconds per machine second; text form
    ``2025-01-15T13:55:00+00:00@1763700000.0*60``.
    """

    starts_at: datetime
    anchor_seconds: float
    speed: float

    def now(self) -> datetime:
        elapsed = (time.time() - self.anchor_seconds) * self.speed
        start = self.starts_at.timestamp()
        return datetime.fromtimestamp(start + max(elapsed, 0.0), UTC)

    def system_seconds(self, market_seconds: float) -> float:
        return market_seconds / self.speed

    def __str__(self) -> str:
        return f"{self.starts_at.isoformat()}@{self.anchor_seconds}*{self.speed:.17g}"


def start_clock(starts_at: datetime | None, speed: float) -> Clock:
    """Return a clock that starts now: at ``starts_at``, or system time when None."""
    if starts_at is None:
        if speed != 1.0:
            raise ConfigurationError("--speed", speed, "1 unless --from is given as well")
        return SystemClock()
    if starts_at.tzinfo is None:
        raise ValueError(f"a clock needs an aware start, got {starts_at!r}")
    return ReplayClock(starts_at.astimezone(UTC), time.time(), checked_speed(speed))


def parse_clock(text: str) -> Clock:
    """Return the clock that ``str(clock)`` described; the empty text is system time."""
    if not text:
        return SystemClock()
    start, at, rest = text.partition("@")
    anchor, star, speed = rest.partition("*")
    try:
        if not (at and star and math.isfinite(float(anchor))):
            raise ValueError(text)
        return ReplayClock(parse_time(start), float(anchor), checked_speed(float(speed)))
    except ValueError as error:
        raise ConfigurationError(
            "clock", text, "empty, or START@SYSTEM_SECONDS*SPEED as --from and --speed make it"
        ) from error


def parse_time(text: str) -> datetime:
    """Return the aware time in ``text``, for example ``2025-01-15T08:55-05:00``, as UTC.

    Raises:
        ConfigurationError: it is no ISO 8601 time, or has no UTC offset.
    """
    try:
        at = datetime.fromisoformat(text)
        # ``astimezone`` overflows within a day of the years 1 and 9999.
        utc = at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise ConfigurationError(
            "time", text, "an ISO 8601 time with its UTC offset, like 2025-01-15T08:55-05:00"
        )
    return utc


def checked_speed(speed: float) -> float:
    """Return ``speed`` if a clock can run at it."""
    if not (math.isfinite(speed) and 0.0 < speed <= 3600.0):
        raise ConfigurationError("speed", speed, "a number above 0 and up to 3600")
    return speed
