"""Working off claimed requests: ask the broker, keep the rows, or record why not."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import ib_async

from futures_pipeline.collection.broker_codes import Meaning, Outcome, meaning
from futures_pipeline.collection.connection import GatewaySession, RequestTimedOut
from futures_pipeline.collection.history import Universe
from futures_pipeline.collection.normalize import (
    Listed,
    bar_row,
    expiry_date,
    finished,
    history_bar,
    to_batches,
)
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.contracts import FuturesContract, contracts_to_collect
from futures_pipeline.domain.errors import RequestFailed
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.spool import NewBatch, Request, Spool
from futures_pipeline.storage.tables import BARS_1M

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 300.0
LOST = Meaning("connection_lost", Outcome.RETRY)
TIMED_OUT = Meaning("timed_out", Outcome.RETRY)


@dataclass(slots=True)
class Listings:
    """The contracts the broker lists, learned once a session."""

    futures: dict[str, list[FuturesContract]] = field(default_factory=dict)
    by_name: dict[str, Listed] = field(default_factory=dict)
    spot: dict[str, Listed] = field(default_factory=dict)

    @property
    def symbols(self) -> set[str]:
        """Return the symbols of which the broker lists a contract."""
        return {*self.futures, *self.spot}

    def current(self, universe: Universe, now: datetime) -> list[Listed]:
        """Return the contracts to stream in the session of ``now``."""
        session_date = universe.calendar.session_date(now)
        chosen = list(self.spot.values())
        for symbol, contracts in self.futures.items():
            override = universe.overrides.get(symbol)
            due = contracts_to_collect(contracts, session_date, universe.calendar.globex, override)
            chosen += [self.by_name[contract.local_symbol] for contract in due]
        return chosen


def after_failure(attempts: int, found: Meaning, max_attempts: int) -> tuple[str, float]:
    """Return a failed request's next status and the seconds until it may be tried again."""
    if found.outcome is Outcome.DEAD:
        return "dead", 0.0
    if attempts >= max_attempts:
        return "failed", 0.0
    return "pending", min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS)


@dataclass(slots=True)
class Desk:
    """Executes requests of one gateway session."""

    session: GatewaySession
    spool: Spool
    clock: Clock
    calendar: TradingCalendar
    max_attempts: int
    listings: Listings = field(default_factory=Listings)

    async def contract_details(self, request: Request, instrument: Instrument) -> bool:
        """Learn which contracts of an instrument exist; return whether asking again may help."""
        is_future = instrument.kind is Kind.FUTURE
        ask = self.session.futures if is_future else self.session.spot
        try:
            details = await ask(instrument)
        except (RequestFailed, ConnectionError) as error:
            return self._failed(request, error) == "pending"
        self._remember(instrument, details)
        self.spool.finish([request.id], [], self.clock.now())
        return False

    async def backfill(self, request: Request) -> None:
        """Fetch one window of one-minute bars and keep those that have ended."""
        listed = self.listings.by_name.get(request.parameters["contract"])
        if listed is None:
            known = request.symbol in self.listings.symbols
            outcome = Outcome.DEAD if known else Outcome.RETRY
            text = f"{request.parameters['contract']} is not among the listed contracts"
            self._put_back(request, Meaning("not_listed", outcome), text)
            return
        try:
            batches = await self._history(listed, request.parameters)
        except (RequestFailed, ConnectionError) as error:
            self._failed(request, error)
        else:
            self.spool.finish([request.id], batches, self.clock.now())

    async def _history(self, listed: Listed, parameters: Mapping[str, str]) -> list[NewBatch]:
        window = tuple(datetime.fromisoformat(parameters[name]) for name in ("from", "to"))
        end = datetime.fromisoformat(parameters["end"]) if parameters["end"] else None
        contract = ib_async.Contract(
            conId=listed.con_id,
            symbol=listed.instrument.symbol,
            localSymbol=listed.local_symbol,
            exchange=listed.instrument.exchange,
            includeExpired=listed.expiry is not None,
        )
        bars = await self.session.history(contract, end, parameters["duration"])
        now = self.clock.now()
        kept = finished((history_bar(bar) for bar in bars), (window[0], window[1]), now)
        rows = [bar_row(listed, bar, "history", "live", now) for bar in kept]
        return to_batches(BARS_1M.name, rows, self.calendar, "ts_start")

    def _remember(
        self, instrument: Instrument, details: Sequence[ib_async.ContractDetails]
    ) -> None:
        for detail in details:
            contract = detail.contract
            if contract is None:
                continue
            is_future = instrument.kind is Kind.FUTURE
            name = contract.localSymbol if is_future else instrument.symbol
            expiry = expiry_date(detail.realExpirationDate)
            listed = Listed(instrument, name, contract.conId, expiry, contract)
            self.listings.by_name[name] = listed
            if expiry is None:
                self.listings.spot[instrument.symbol] = listed
            else:
                known = self.listings.futures.setdefault(instrument.symbol, [])
                known.append(FuturesContract(expiry, instrument.symbol, name, contract.conId))

    def _failed(self, request: Request, error: Exception) -> str:
        if isinstance(error, RequestTimedOut):
            found = TIMED_OUT
        elif isinstance(error, RequestFailed):
            found = meaning(error.code, error.text)
        else:
            found = LOST
        if found.outcome is Outcome.NO_DATA:
            self.spool.finish([request.id], [], self.clock.now())
            return "done"
        return self._put_back(request, found, str(error))

    def _put_back(self, request: Request, found: Meaning, text: str) -> str:
        now = self.clock.now()
        status, seconds = after_failure(request.attempts, found, self.max_attempts)
        again = now + timedelta(seconds=seconds)
        self.spool.put_back(request.id, status, (found.kind, text), (now, again))
        log.log(
            logging.WARNING if status == "pending" else logging.ERROR,
            "request_not_done id=%d kind=%s symbol=%s status=%s error=%s text=%r remedy=%r",
            request.id,
            request.kind,
            request.symbol,
            status,
            found.kind,
            text,
            found.remedy,
        )
        return status
