"""The contracts the broker lists; they outlive a session, for a quick start of the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import ib_async

from futures_pipeline.collection.history.plan import Universe
from futures_pipeline.collection.normalize import Listed, expiry_date
from futures_pipeline.domain.contracts import FuturesContract, contracts_to_collect
from futures_pipeline.domain.instruments import Instrument, Kind


@dataclass(slots=True)
class Listings:
    """What the broker has told about the instruments."""

    futures: dict[str, list[FuturesContract]] = field(default_factory=dict)
    by_name: dict[str, Listed] = field(default_factory=dict)
    spot: dict[str, Listed] = field(default_factory=dict)

    @property
    def symbols(self) -> set[str]:
        """Return the symbols of which the broker lists a contract."""
        return {*self.futures, *self.spot}

    def remember(self, instrument: Instrument, details: Sequence[ib_async.ContractDetails]) -> None:
        """Take what the broker lists of an instrument, in place of what was known."""
        contracts = [detail for detail in details if detail.contract is not None]
        if instrument.kind is Kind.FUTURE and contracts:
            self.futures[instrument.symbol] = []
        for detail in contracts:
            contract, expiry = detail.contract, expiry_date(detail.realExpirationDate)
            assert contract is not None
            name = instrument.symbol if expiry is None else contract.localSymbol
            listed = Listed(instrument, name, contract.conId, expiry, contract)
            self.by_name[name] = listed
            if expiry is None:
                self.spot[instrument.symbol] = listed
            else:
                future = FuturesContract(expiry, instrument.symbol, name, contract.conId)
                self.futures[instrument.symbol].append(future)

    def current(self, universe: Universe, now: datetime) -> list[Listed]:
        """Return the contracts to stream in the session of ``now``."""
        session_date = universe.calendar.session_date(now)
        chosen = list(self.spot.values())
        for symbol in self.futures:
            chosen += self.due(universe, symbol, session_date)
        return chosen

    def due(self, universe: Universe, symbol: str, session_date: date) -> list[Listed]:
        """Return the contracts of a symbol to collect in a session, front month first."""
        if symbol in self.spot:
            return [self.spot[symbol]]
        due = contracts_to_collect(
            self.futures[symbol],
            session_date,
            universe.calendar.globex,
            universe.overrides.get(symbol),
        )
        return [self.by_name[contract.local_symbol] for contract in due]
