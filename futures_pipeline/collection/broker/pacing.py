"""The broker's limits as data, the waits that keep them, and what a universe uses of them.

Windows are market seconds on the clock, as the broker counts them. The connection itself
spaces its messages; of that limit only the number is here.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Hashable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from futures_pipeline.domain.clock import Clock


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``requests`` in any span of ``per_seconds`` market seconds."""

    requests: int
    per_seconds: float


# Source: https://interactivebrokers.github.io/tws-api/historical_limitations.html
# These three hold for bars of 30 seconds or less; for longer ones they are lifted. "Six or
# more in two seconds" is the violation, and a BID_ASK request counts twice.
SMALL_BAR_SECONDS = 30
IDENTICAL_HISTORY = RateLimit(requests=1, per_seconds=15.0)
SAME_CONTRACT_HISTORY = RateLimit(requests=5, per_seconds=2.0)
SMALL_BAR_HISTORY = RateLimit(requests=60, per_seconds=600.0)
TWICE = "BID_ASK"
# The same page, for bars of any length.
OPEN_HISTORY = 50
# After a refusal nobody knows what the broker has counted, perhaps for another program. Once
# the longest window has passed without a request, nothing is left to count.
REFUSED_SECONDS = SMALL_BAR_HISTORY.per_seconds

# Source: https://interactivebrokers.github.io/tws-api/realtime_bars.html
NEW_REALTIME_BARS = RateLimit(requests=60, per_seconds=600.0)

# Source: https://interactivebrokers.github.io/tws-api/tick_data.html; the number at once is
# that of market depth: https://books4u2.com/g/twsapi/message/46359
NEW_TICK_BY_TICK = RateLimit(requests=1, per_seconds=15.0)
TICK_BY_TICK_AT_ONCE = 3

# The least an account has; the setting gateway.market_data_lines says if it has more.
# Source: https://support.mexem.com/faq/how-many-lines-of-market-data-do-i-receive
LINES = 100

# Source: https://interactivebrokers.github.io/tws-api/rtd_fqa_errors.html; machine seconds.
MESSAGES = RateLimit(requests=50, per_seconds=1.0)
SENT_MESSAGES_PER_SECOND = 40.0  # collection.connection spaces them evenly
# For so long a message may wait behind a hundred others.
UNDERWAY_SECONDS = 100 / SENT_MESSAGES_PER_SECOND


def wait_seconds(limit: RateLimit, sent_at: Sequence[float], now: float, weight: int = 1) -> float:
    """Return the seconds to wait so that one more request keeps ``limit``.

    Args:
        limit: the rule.
        sent_at: when earlier requests were sent, in any order, seconds of one clock; one
            that counts twice is there twice. Infinity: it may arrive at any moment.
        now: the reading of that clock.
        weight: as how many the next request counts.

    Returns:
        0 when it may go now; infinity when one of ``sent_at`` has to become known first.

    Raises:
        ValueError: it counts more than the rule ever allows.
    """
    if weight > limit.requests:
        raise ValueError(f"a request that counts {weight} never fits {limit}")
    counted_until = sorted(at + limit.per_seconds for at in sent_at)
    recent = [until for until in counted_until if until > now]
    free_before = limit.requests - weight
    return recent[-free_before - 1] - now if len(recent) > free_before else 0.0


@dataclass(frozen=True, slots=True)
class HistoryKey:
    """What makes two requests for bars identical; the first three name the tick stream.

    ``end`` and ``duration`` are in the broker's own words, ``what`` is for example TRADES.
    """

    con_id: int
    exchange: str
    what: str
    end: str
    duration: str

    @property
    def stream(self) -> tuple[int, str, str]:
        return self.con_id, self.exchange, self.what

    @property
    def weight(self) -> int:
        return 2 if self.what == TWICE else 1


@dataclass(slots=True, eq=False)
class Use:
    """One request in a window; it may arrive until it has ended, so it counts from then."""

    weight: int
    ended_at: float = math.inf


class Gate:
    """Lets requests through one limit, first come, first served."""

    def __init__(self, limit: RateLimit, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._uses: list[Use] = []
        self._turn = asyncio.Lock()  # fair: it wakes the first that waits
        self._changed = asyncio.Event()
        self._held_until = -math.inf

    async def enter(self, weight: int = 1) -> Use:
        """Wait for a place and take it."""
        async with self._turn:
            while (wait := self._wait(weight)) > 0.0:
                self._changed.clear()
                with suppress(TimeoutError):
                    timeout = None if math.isinf(wait) else self._clock.system_seconds(wait)
                    async with asyncio.timeout(timeout):
                        await self._changed.wait()
            use = Use(weight)
            self._uses.append(use)
            return use

    def leave(self, use: Use, ended_at: float) -> None:
        """Note when the latest was that a request can have arrived."""
        use.ended_at = ended_at
        self._changed.set()

    def hold(self, until: float) -> None:
        """Let nobody through before ``until``."""
        self._held_until = max(self._held_until, until)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and nothing counts any more."""
        self._forget()
        return not (self._uses or self._turn.locked())

    def _wait(self, weight: int) -> float:
        self._forget()
        now = self._now()
        sent_at = [use.ended_at for use in self._uses for _ in range(use.weight)]
        return max(wait_seconds(self._limit, sent_at, now, weight), self._held_until - now)

    def _forget(self) -> None:
        now = self._now()
        span = self._limit.per_seconds
        self._uses = [use for use in self._uses if use.ended_at + span > now]

    def _now(self) -> float:
        return self._clock.now().timestamp()


class Pacer:
    """Keeps the limits of one account.

    It outlives gateway sessions: the broker goes on counting when a connection is made anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open_history = asyncio.Semaphore(OPEN_HISTORY)
        self._small_bars = Gate(SMALL_BAR_HISTORY, clock)
        self._realtime_bars = Gate(NEW_REALTIME_BARS, clock)
        self._gates: dict[Hashable, Gate] = {}

    @asynccontextmanager
    async def history(self, key: HistoryKey, bar_seconds: int) -> AsyncIterator[None]:
        """Wait until a request for bars keeps the limits; send it and await it in the body."""
        gates = self._history_gates(key) if bar_seconds <= SMALL_BAR_SECONDS else ()
        taken: list[tuple[Gate, Use]] = []
        try:
            for gate, weight in gates:
                taken.append((gate, await gate.enter(weight)))
            async with self._open_history:
                yield
        finally:
            for gate, use in taken:
                gate.leave(use, self._now())

    async def new_realtime_bars(self) -> None:
        """Wait until one more subscription to five-second bars may be made."""
        await self._enter(self._realtime_bars)

    async def tick_by_tick(self, con_id: int) -> None:
        """Wait until a contract's ticks may be asked for; callers bound how many at once."""
        await self._enter(self._gate(con_id, NEW_TICK_BY_TICK))

    def refused(self, now: datetime) -> None:
        """Hold small-bar history back after the broker spoke of a pacing violation."""
        self._small_bars.hold(now.timestamp() + REFUSED_SECONDS)

    def _history_gates(self, key: HistoryKey) -> Iterator[tuple[Gate, int]]:
        """Yield each gate, and as how many the request counts there, when it is reached."""
        yield self._gate(key, IDENTICAL_HISTORY), 1
        yield self._gate(key.stream, SAME_CONTRACT_HISTORY), key.weight
        yield self._small_bars, key.weight

    async def _enter(self, gate: Gate) -> None:
        """Pass a gate for a subscription, which the broker does not acknowledge."""
        use = await gate.enter()
        gate.leave(use, self._now() + UNDERWAY_SECONDS / self._clock.system_seconds(1.0))

    def _gate(self, counted_by: Hashable, limit: RateLimit) -> Gate:
        """Return the gate to enter at once: one that is left idle may be replaced."""
        if counted_by not in self._gates:
            kept = {known: gate for known, gate in self._gates.items() if not gate.is_idle}
            self._gates = {**kept, counted_by: Gate(limit, self._clock)}
        return self._gates[counted_by]

    def _now(self) -> float:
        return self._clock.now().timestamp()


@dataclass(frozen=True, slots=True)
class Demand:
    """What a configuration asks of the account.

    ``contracts`` are streamed with quotes and five-second bars. ``history_requests`` are
    those of one back-fill, each for bars of ``bar_seconds``.
    """

    contracts: int
    history_requests: int
    bar_seconds: int = 60
    tick_by_tick: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a :class:`Demand` uses of each limit.

    ``history_slots`` counts requests in ten minutes where the hard limits apply;
    ``forced_seconds``, of the market, is how long these make the back-fill wait.
    ``sending_seconds``, of the machine, is how long its messages take to leave.
    """

    demand: Demand
    account_lines: int
    lines: int
    realtime_bars: int
    history_slots: int
    forced_seconds: float
    sending_seconds: float

    @property
    def fits(self) -> bool:
        """Whether the account can stream all that is wanted at once."""
        return (
            self.lines <= self.account_lines
            and self.realtime_bars <= NEW_REALTIME_BARS.requests
            and self.demand.tick_by_tick <= TICK_BY_TICK_AT_ONCE
        )

    @property
    def history_in_words(self) -> str:
        requests = f"{self.demand.history_requests:,} requests"
        if self.demand.bar_seconds > SMALL_BAR_SECONDS:
            return f"{requests}; the broker's hard limits do not apply to one-minute bars"
        return f"{requests}; the broker's limits make them wait {self.forced_seconds:,.0f} s"

    def __str__(self) -> str:
        return (
            f"{self.history_slots} of {SMALL_BAR_HISTORY.requests} history slots, "
            f"{self.lines} of {self.account_lines} lines, "
            f"{self.realtime_bars} of {NEW_REALTIME_BARS.requests} new real-time bars, "
            f"{self.demand.tick_by_tick} of {TICK_BY_TICK_AT_ONCE} tick-by-tick streams"
        )


def plan(demand: Demand, account_lines: int = LINES) -> Plan:
    """Return what ``demand`` uses of the limits of an account.

    >>> print(plan(Demand(contracts=7, history_requests=77)))
    0 of 60 history slots, 14 of 100 lines, 7 of 60 new real-time bars, 0 of 3 tick-by-tick streams
    """
    most, span = SMALL_BAR_HISTORY.requests, SMALL_BAR_HISTORY.per_seconds
    is_limited = demand.bar_seconds <= SMALL_BAR_SECONDS
    waits = max(0, demand.history_requests - 1) // most if is_limited else 0
    return Plan(
        demand=demand,
        account_lines=account_lines,
        lines=2 * demand.contracts + demand.tick_by_tick,
        realtime_bars=demand.contracts,
        history_slots=min(most, demand.history_requests) if is_limited else 0,
        forced_seconds=waits * span,
        sending_seconds=demand.history_requests / SENT_MESSAGES_PER_SECOND,
    )
