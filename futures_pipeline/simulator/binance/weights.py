"""The exchange's limits as data, and what clients have used of them, in market time.

Source: binance-spot-api-docs, rest-api.md "LIMITS" and web-socket-streams.md.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass, field

MOST_WEIGHT_A_MINUTE = 6000
MOST_CONNECTIONS, CONNECTIONS_SECONDS = 300, 300.0
WEIGHTS = {"/api/v3/ping": 1, "/api/v3/time": 1, "/api/v3/klines": 2, "/api/v3/aggTrades": 4}
MINUTE = 60.0
TOO_MANY, BANNED = 429, 418
# Who goes on asking although he was told not to is banned, for two minutes at first. What
# comes so soon after the first answer that told may have been under way.
REFUSALS_BEFORE_BAN = 3
UNDER_WAY_SECONDS = 3.0
BAN_SECONDS = 120.0


@dataclass
class Weights:
    """The use of one address; times are epoch seconds of the market."""

    violations: Counter[str] = field(default_factory=Counter)
    most_in_a_minute: int = 0
    _minute: float = -math.inf
    _used: int = 0
    _status: int = TOO_MANY
    _refused_until: float = -math.inf
    _told_at: float = math.inf
    _refusals: int = 0
    _connected: deque[float] = field(default_factory=deque)

    def used(self, now: float) -> int:
        """Return the weight of the present minute."""
        return self._used if now - self._minute < MINUTE else 0

    def charge(self, weight: int, now: float) -> int:
        """Count a request; return 0, or the status it is refused with."""
        if now < self._refused_until:
            self._told_at = min(self._told_at, now)
            if now > self._told_at + UNDER_WAY_SECONDS:
                self._asks_on(now)
            return self._status
        if now - self._minute >= MINUTE:
            self._minute, self._used = now // MINUTE * MINUTE, 0
        self._used += weight
        self.most_in_a_minute = max(self.most_in_a_minute, self._used)
        if self._used <= MOST_WEIGHT_A_MINUTE:
            return 0
        self.violations["weight"] += 1
        self.refuse(TOO_MANY, self._minute + MINUTE)
        return self._status

    def refuse(self, status: int, until: float) -> None:
        """Answer every request with a status until a moment."""
        self._status, self._refused_until = status, until
        self._told_at, self._refusals = math.inf, 0

    def refused_seconds(self, now: float) -> int:
        """Return the whole seconds after which asking is allowed again."""
        return max(0, math.ceil(self._refused_until - now))

    def connect(self, now: float) -> bool:
        """Count a connection attempt; return whether it keeps the limit."""
        while self._connected and now - self._connected[0] >= CONNECTIONS_SECONDS:
            self._connected.popleft()
        self._connected.append(now)
        keeps = len(self._connected) <= MOST_CONNECTIONS
        self.violations["connections"] += not keeps
        return keeps

    def _asks_on(self, now: float) -> None:
        self.violations["asked_while_refused"] += 1
        self._refusals += 1
        if self._refusals >= REFUSALS_BEFORE_BAN:
            self.refuse(BANNED, now + BAN_SECONDS)
