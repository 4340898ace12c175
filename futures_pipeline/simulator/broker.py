"""What all connections share: the market, the clock, the faults in force and the counters."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.simulator.faults import Faults
from futures_pipeline.simulator.market import Market
from futures_pipeline.simulator.universe import (
    Hours,
    Listing,
    calendar_at,
    hours_of,
    listings,
    matching,
)
from futures_pipeline.simulator.wire import ContractQuery, Refused

LOG_LENGTH = 100_000


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

    def now(self) -> datetime:
        return self.clock.now()

    def calendar(self) -> TradingCalendar:
        return calendar_at(self.now())

    def hours(self, listing: Listing) -> Hours:
        return hours_of(listing, self.calendar())

    def find(self, query: ContractQuery, expired: bool) -> list[Listing]:
        """Return the contracts on offer now that a request describes.

        Raises:
            Refused: there is none.
        """
        if not (query.con_id or query.sec_type or query.local_symbol):
            raise Refused(
                321,
                "Error validating request.-'bW' : cause - Please enter a valid security type",
            )
        calendar = self.calendar()
        today = calendar.session_date(self.now())
        found = matching(query, listings(today, calendar, expired))
        if not found:
            raise Refused(200, "No security definition has been found for the request")
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
