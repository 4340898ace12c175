"""Working off claimed requests: ask the broker, keep the rows, or record why not."""

import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import ib_async

from futures_pipeline.collection.broker.codes import PACING, Meaning, Outcome, meaning
from futures_pipeline.collection.broker.connection import GatewaySession, RequestTimedOut
from futures_pipeline.collection.broker.pacing import HistoryKey, Pacer
from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.history.ledger import Span
from futures_pipeline.collection.listings import Listings
from futures_pipeline.collection.normalize import Listed, bar_row, finished, history_bar
from futures_pipeline.collection.outages import Event, Outages, Subject
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import RequestFailed
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.storage.spool import Request

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 300.0
BAR_SECONDS = 60
MINUTE = timedelta(seconds=BAR_SECONDS)
LOST = Meaning("connection_lost", Outcome.RETRY, cause=Cause.CONNECTION_LOST)
TIMED_OUT = Meaning("timed_out", Outcome.RETRY)


def after_failure(attempts: int, found: Meaning, max_attempts: int) -> tuple[str, float]:
    """Return a failed request's next status and the seconds until it may be tried again."""
    if found.outcome is Outcome.DEAD:
        return "dead", 0.0
    if attempts >= max_attempts:
        return "failed", 0.0
    return "pending", min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS)


@dataclass(slots=True)
class Desk:
    """Executes requests of one gateway session; what it learns and keeps outlives it."""

    session: GatewaySession
    keeper: Keeper
    listings: Listings
    outages: Outages
    pacer: Pacer
    clock: Clock
    max_attempts: int

    async def contract_details(self, request: Request, instrument: Instrument) -> bool:
        """Learn which contracts of an instrument exist; return whether asking again may help."""
        is_future = instrument.kind is Kind.FUTURE
        ask = self.session.futures if is_future else self.session.spot
        try:
            details = await ask(instrument)
        except (RequestFailed, ConnectionError) as error:
            return self._failed(request, error) == "pending"
        self.listings.remember(instrument, details)
        self.keeper.spool.finish([request.id], [], self.clock.now())
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
        window = (_moment(request, "from"), _moment(request, "to"))
        try:
            rows = await self._history(listed, request.parameters, window)
        except (RequestFailed, ConnectionError) as error:
            if self._failed(request, error) == "done":
                self._answered(listed, window)
        else:
            self.keeper.keep([request.id], rows)
            self._answered(listed, window, {row["ts_start"] for row in rows})

    async def _history(
        self, listed: Listed, parameters: Mapping[str, str], window: Span
    ) -> list[dict[str, Any]]:
        end = datetime.fromisoformat(parameters["end"]) if parameters["end"] else None
        contract = ib_async.Contract(
            conId=listed.con_id,
            symbol=listed.instrument.symbol,
            localSymbol=listed.local_symbol,
            exchange=listed.instrument.exchange,
            includeExpired=listed.expiry is not None,
        )
        key = HistoryKey(
            listed.con_id,
            contract.exchange,
            "TRADES",
            parameters["end"],
            parameters["duration"],
        )
        async with self.pacer.history(key, BAR_SECONDS):
            bars = await self.session.history(contract, end, parameters["duration"])
        now = self.clock.now()
        kept = finished((history_bar(bar) for bar in bars), window, now)
        return [bar_row(listed, bar, "history", None, now) for bar in kept]

    def _answered(self, listed: Listed, window: Span, came: Container[datetime] = ()) -> None:
        """Note what history has answered without; in the end the minute had no trade.

        A minute that ``came`` and still lacks its bar had one that broke a rule.
        """
        subject = Subject(listed.instrument.symbol, listed.local_symbol)
        for start, end in self.keeper.answered(listed, window):
            minutes = (start + n * MINUTE for n in range((end - start) // MINUTE))
            for has_come, some in groupby(minutes, came.__contains__):
                cause = Cause.BAR_REFUSED if has_come else Cause.NO_TRADES
                run = list(some)
                self.outages.note(Event(cause, subject, run[0], run[-1] + MINUTE))

    def _failed(self, request: Request, error: Exception) -> str:
        if isinstance(error, RequestTimedOut):
            found = TIMED_OUT
        elif isinstance(error, RequestFailed):
            found = meaning(error.code, error.text)
        else:
            found = LOST
        if found.kind == PACING.kind:
            self.pacer.refused(self.clock.now())
        if found.outcome is Outcome.NO_DATA:
            self.keeper.spool.finish([request.id], [], self.clock.now())
            return "done"
        return self._put_back(request, found, str(error))

    def _put_back(self, request: Request, found: Meaning, text: str) -> str:
        now = self.clock.now()
        status, seconds = after_failure(request.attempts, found, self.max_attempts)
        again = now + timedelta(seconds=seconds)
        self.keeper.spool.put_back(request.id, status, (found.kind, text), (now, again))
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
        if status != "pending" and "from" in request.parameters:
            self._gave_up(request, found, text)
        return status

    def _gave_up(self, request: Request, found: Meaning, text: str) -> None:
        """Tell why the minutes of a request that ended ill are not there."""
        subject = Subject(request.symbol, request.parameters["contract"])
        start, end = _moment(request, "from"), _moment(request, "to")
        cause = found.cause.value
        self.outages.note(Event(cause, subject, start, min(end, self.clock.now()), text=text))


def _moment(request: Request, name: str) -> datetime:
    return datetime.fromisoformat(request.parameters[name])
