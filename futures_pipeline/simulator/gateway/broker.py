"""What all connections share: the market, the clock, the faults in force and the counters."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.simulator.faults.state import Faults
from futures_pipeline.simulator.market.source import Market
from futures_pipeline.simulator.market.universe import (
    OPTION,
    Hours,
    Listing,
    calendar_at,
    listings,
    matching,
)
from futures_pipeline.simulator.options import chain
from futures_pipeline.simulator.options.book import OptionBook
from futures_pipeline.simulator.protocol.limits import Limits, Pulse
from futures_pipeline.simulator.protocol.wire import ContractQuery, Refused

LOG_LENGTH = 100_000
LONGEST_SLEEP_SECONDS, SHORTEST_SLEEP_SECONDS = 0.1, 0.005


@dataclass
class Statistics:
    """What clients sent; ``requests`` and ``unsupported`` count by message id."""

    requests: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    log: deque[tuple[int, tuple[str, ...]]] = field(
        default_factory=lambda: deque(maxlen=LOG_LENGTH)
    )
    connections: int = 0
    orders_received: int = 0
    most_per_second: int = 0

    def count(self, client_id: int, fields: Sequence[str], recent: deque[float]) -> None:
        """Record one request; ``recent`` holds the client's arrivals of the last second."""
        self.requests[fields[0]] += 1
        self.log.append((client_id, tuple(fields)))
        self.most_per_second = max(self.most_per_second, len(recent))


@dataclass
class Broker:
    """The simulated broker behind every connection."""

    market: Market
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    statistics: Statistics = field(default_factory=Statistics)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.clock)
        self.options = OptionBook(self.market)

    def now(self) -> datetime:
        """Return the broker's time: the market clock's, unless a fault puts it wrong."""
        return self.clock.now() + timedelta(seconds=self.faults.skew_seconds)

    async def until(self, moment: datetime) -> None:
        """Return once the market clock shows ``moment``, however fast it runs."""
        while (left := (moment - self.clock.now()).total_seconds()) > 0:
            wait = self.clock.system_seconds(left)
            await asyncio.sleep(min(max(wait, SHORTEST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS))

    def calendar(self) -> TradingCalendar:
        return calendar_at(self.now())

    def hours(self, listing: Listing) -> Hours:
        return self.market.hours(listing, self.calendar())

    def find(self, query: ContractQuery, expired: bool) -> Sequence[Listing]:
        """Return the contracts on offer now that a request describes.

        Raises:
            Refused: there is none.
        """
        if not (query.con_id or query.sec_type or query.local_symbol):
            raise Refused(
                321,
                "Error validating request.-'bW' : cause - Please enter a valid security type",
            )
        found = self._found(query, expired)
        if not found:
            raise Refused(200, "No security definition has been found for the request")
        return found

    def _found(self, query: ContractQuery, expired: bool) -> Sequence[Listing]:
        if chain.is_option(query):
            return chain.find(query, self.options.board(self.now()))
        calendar = self.calendar()
        today = calendar.session_date(self.now())
        return matching(query, listings(today, calendar, expired))

    def symbol_of(self, query: ContractQuery) -> str:
        """Return the symbol that a contract block means, empty when nothing is known of it."""
        found = self._found(query, expired=True)
        return found[0].symbol if found else query.symbol

    def find_with_bars(self, query: ContractQuery, expired: bool) -> Listing:
        """Return the one contract that a request for bars or history describes.

        Raises:
            Refused: there is none, or more than one, or it is an option.
        """
        found = self.find_one(query, expired)
        if found.sec_type == OPTION:
            raise Refused(320, "Bars of options are not supported by this simulator")
        return found

    def find_one(self, query: ContractQuery, expired: bool) -> Listing:
        """Return the one contract that a request describes.

        Raises:
            Refused: there is none, or more than one.
        """
        found = self.find(query, expired)
        if len(found) > 1:
            raise Refused(
                200,
                f"The contract description specified for {found[0].symbol} is ambiguous; "
                "you must specify the multiplier or trading class.",
            )
        return found[0]
