"""The broker's limits as data, and what clients have used of them.

Market time decides the historical windows, the machine's time the message rate. The counts
are those of the account: all clients share them, except the message rate.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from futures_pipeline.domain.clock import Clock
from futures_pipeline.simulator.protocol.wire import Refused

HISTORY_PAGE = "https://interactivebrokers.github.io/tws-api/historical_limitations.html"
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
SMALL_BAR_SECONDS = 30  # from one minute on the hard limits are lifted
BEAT_SECONDS = 0.01
DROPPED_AFTER = 3
FORGET_WINDOWS_ABOVE = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``most`` in any ``seconds``, or at one time when ``seconds`` is 0."""

    name: str
    most: int
    seconds: float
    code: int
    text: str
    source: str


IDENTICAL_HISTORY = Rule("history_identical", 1, 15.0, 162, PACING, HISTORY_PAGE)
# "Six or more within two seconds" is the violation; a BID_ASK request counts twice.
SAME_CONTRACT_HISTORY = Rule("history_same_contract", 5, 2.0, 162, PACING, HISTORY_PAGE)
SMALL_BAR_HISTORY = Rule("history_small_bars", 60, 600.0, 162, PACING, HISTORY_PAGE)
OPEN_HISTORY = Rule(
    "history_open",
    50,
    0.0,
    322,
    "Error processing request.-'bX' : cause - "
    "Only 50 simultaneous API historical data requests allowed.",
    "https://github.com/erdewit/ib_insync/issues/293",
)
MESSAGE_RATE = Rule(
    "messages",
    50,
    1.0,
    100,
    "Max rate of messages per second has been exceeded.",
    "https://interactivebrokers.github.io/tws-api/rtd_fqa_errors.html",
)
LINES = Rule(
    "lines",
    100,
    0.0,
    101,
    "Max number of tickers has been reached.",
    "https://support.mexem.com/faq/how-many-lines-of-market-data-do-i-receive",
)
# The page has the numbers; code and text are assumed from what 420 says in other cases.
NEW_REALTIME_BARS = Rule(
    "realtime_bars",
    60,
    600.0,
    420,
    "Invalid Real-time Query:Historical data request pacing violation",
    "https://interactivebrokers.github.io/tws-api/realtime_bars.html",
)
RULES = (
    IDENTICAL_HISTORY,
    SAME_CONTRACT_HISTORY,
    SMALL_BAR_HISTORY,
    OPEN_HISTORY,
    MESSAGE_RATE,
    LINES,
    NEW_REALTIME_BARS,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request was seen, and the earliest moment at which it can have come."""

    at: float
    earliest: float


class Window:
    """What arrived lately, for one rule; a doubt is decided for the client."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, int]] = deque()
        self._weight = 0

    def exceeds(self, rule: Rule, arrival: Arrival, weight: int = 1) -> bool:
        """Add an arrival and return whether there are now more than the rule allows."""
        self.forget(rule, arrival.at)
        self._kept.append((arrival.earliest, weight))
        self._weight += weight
        return self._weight > rule.most

    def forget(self, rule: Rule, at: float) -> None:
        """Drop what is older than the rule looks back."""
        while self._kept and at - self._kept[0][0] >= rule.seconds:
            self._weight -= self._kept.popleft()[1]

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(frozen=True, slots=True)
class HistoryKey:
    """What makes two history requests identical; the first three name the tick stream."""

    con_id: int
    exchange: str
    what: str
    end: str
    duration: str
    bar: str
    regular: bool


class Client(Protocol):
    """What one connection holds."""

    @property
    def lines(self) -> int: ...

    @property
    def open_history(self) -> int: ...


@dataclass
class Limits:
    """The account's use of the broker; ``violations`` counts by the rule's name."""

    on: bool = True
    clients: Mapping[int, Client] = field(default_factory=dict)
    violations: Counter[str] = field(default_factory=Counter)
    most_lines: int = 0
    _identical: dict[Hashable, Window] = field(default_factory=dict)
    _same_contract: dict[Hashable, Window] = field(default_factory=dict)
    _small_bars: Window = field(default_factory=Window)
    _new_bars: Window = field(default_factory=Window)

    @property
    def lines_in_use(self) -> int:
        return sum(client.lines for client in self.clients.values())

    @property
    def open_history(self) -> int:
        return sum(client.open_history for client in self.clients.values())

    def message(self, window: Window, arrival: Arrival) -> bool:
        """Return whether one more message of a client keeps the rate."""
        broken = self.on and window.exceeds(MESSAGE_RATE, arrival)
        if broken:
            self.violations[MESSAGE_RATE.name] += 1
        return not broken

    def history(self, key: HistoryKey, bar_seconds: int, arrival: Arrival) -> None:
        """Count a history request. A refused one counts as well.

        Raises:
            Refused: it breaks a rule.
        """
        if not self.on:
            return
        broken = [OPEN_HISTORY] if self.open_history >= OPEN_HISTORY.most else []
        if bar_seconds <= SMALL_BAR_SECONDS:
            weight = 2 if key.what == "BID_ASK" else 1
            stream = (key.con_id, key.exchange, key.what)
            identical = _window(self._identical, key, IDENTICAL_HISTORY, arrival)
            same = _window(self._same_contract, stream, SAME_CONTRACT_HISTORY, arrival)
            checks = (
                (IDENTICAL_HISTORY, identical, 1),
                (SAME_CONTRACT_HISTORY, same, weight),
                (SMALL_BAR_HISTORY, self._small_bars, weight),
            )
            broken += [rule for rule, window, w in checks if window.exceeds(rule, arrival, w)]
        self._refuse(broken)

    def line(self) -> None:
        """Count one more market data line.

        Raises:
            Refused: all lines are in use.
        """
        lines = self.lines_in_use
        if self.on and lines >= LINES.most:
            self._refuse([LINES])
        self.most_lines = max(self.most_lines, lines + 1)

    def realtime_bars(self, arrival: Arrival) -> None:
        """Count one new real-time bar subscription.

        Raises:
            Refused: there were too many lately.
        """
        if self.on and self._new_bars.exceeds(NEW_REALTIME_BARS, arrival):
            self._refuse([NEW_REALTIME_BARS])

    def _refuse(self, broken: list[Rule]) -> None:
        self.violations.update(rule.name for rule in broken)
        if broken:
            raise Refused(broken[0].code, broken[0].text)


def _window(windows: dict[Hashable, Window], key: Hashable, rule: Rule, arrival: Arrival) -> Window:
    if len(windows) > FORGET_WINDOWS_ABOVE:
        for other, window in list(windows.items()):
            window.forget(rule, arrival.at)
            if not len(window):
                del windows[other]
    return windows.setdefault(key, Window())


class Pulse:
    """Knows how long the event loop may have been too busy to see an arrival.

    While the loop computes, messages pile up in the socket and are then seen at once. Every
    one of them may have come right after the last beat that was followed by another.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = self._before = self._now()

    async def beat(self) -> None:
        """Note the time again and again."""
        while True:
            self._before, self._last = self._last, self._now()
            await asyncio.sleep(BEAT_SECONDS)

    def system(self) -> Arrival:
        """Return an arrival now, in the machine's monotonic seconds."""
        return Arrival(time.monotonic(), self._before[0])

    def market(self) -> Arrival:
        """Return an arrival now, in the market's epoch seconds."""
        return Arrival(self._clock.now().timestamp(), self._before[1])

    def _now(self) -> tuple[float, float]:
        return time.monotonic(), self._clock.now().timestamp()
