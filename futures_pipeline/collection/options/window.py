"""Market-data lines of some options, held until each has said what a row needs."""

import asyncio
import logging
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import ib_async

from futures_pipeline.collection.broker.connection import GatewaySession
from futures_pipeline.collection.normalize import NO_QUOTE, Quote, quote_of
from futures_pipeline.collection.options.chains import OptionContract
from futures_pipeline.collection.options.rows import (
    Computed,
    computed,
    day_volume,
    greeks_of,
    open_interest,
    option_row,
    says_something,
)
from futures_pipeline.domain.clock import Clock

log = logging.getLogger(__name__)

# What the model has computed of each option, by contract id, and when it came.
Received = MutableMapping[int, tuple[Computed, datetime]]

# The broker ends its own snapshots after so long: what has not come by then does not come.
# Source: https://interactivebrokers.github.io/tws-api/md_request.html
PATIENCE_SECONDS = 11.0
# However fast the market's clock runs, the broker's machine needs its time.
SHORTEST_PATIENCE_MACHINE_SECONDS = 3.0


def patience_machine_seconds(clock: Clock) -> float:
    """Return how long the machine waits for a word before it takes the silence for an answer."""
    return max(clock.system_seconds(PATIENCE_SECONDS), SHORTEST_PATIENCE_MACHINE_SECONDS)


@dataclass(slots=True)
class Reading:
    """One option's line."""

    option: OptionContract
    ticker: ib_async.Ticker
    quote: Quote = NO_QUOTE
    model: ib_async.OptionComputation | None = None
    is_refused: bool = False
    has_spoken: bool = False

    @property
    def missing(self) -> int:
        """Return how many of a row's parts have not come; "there is none" counts as come."""
        if self.is_refused:
            return 0
        ticker, right = self.ticker, self.option.right
        contracts = (day_volume(ticker, right), open_interest(ticker, right))
        untold = sum(value != value for value in (ticker.bid, ticker.ask, *contracts))
        return untold + (computed(ticker.modelGreeks) is None)

    def take(self) -> Computed | None:
        """Note what has come, and return the model's computation if it is a new one.

        Of a quote that is torn between two messages the one before it stands.
        """
        quote = quote_of(self.ticker)
        if not quote.is_crossed or self.quote == NO_QUOTE:
            self.quote = quote
        before, self.model = self.model, self.ticker.modelGreeks
        return None if self.model is before else computed(self.model)


class Window:
    """The lines of some options; :meth:`close` gives back every one that was opened.

    ``trouble`` is set when the broker refuses more than single options.
    """

    def __init__(self, session: GatewaySession, clock: Clock, received: Received) -> None:
        self.readings: dict[int, Reading] = {}
        self.trouble = ""
        self._session = session
        self._clock = clock
        self._received = received
        self._heard = asyncio.Event()
        self._voice_at = monotonic()

    @property
    def refused(self) -> int:
        return sum(reading.is_refused for reading in self.readings.values())

    @property
    def is_waiting(self) -> bool:
        """Whether anything that a row needs has not come."""
        return any(reading.missing for reading in self.readings.values())

    def open(self, options: Sequence[OptionContract]) -> None:
        """Subscribe to each option."""
        for option in options:
            ticker = self._session.stream_option(option.broker_contract)
            self.readings[option.con_id] = Reading(option, ticker)
            ticker.updateEvent.connect(self._note, error=_report)

    async def filled(self, until: datetime) -> None:
        """Return when all has come, or patience is over.

        It counts from the last first word of an option, because requests leave one by one.
        At ``until`` (market time) it is over as well.
        """
        patience = patience_machine_seconds(self._clock)
        while not self.trouble and self.is_waiting:
            left = (until - self._clock.now()) / timedelta(seconds=1)
            wait = min(self._voice_at + patience - monotonic(), self._clock.system_seconds(left))
            self._heard.clear()
            try:
                async with asyncio.timeout(max(wait, 0.0)):
                    await self._heard.wait()
            except TimeoutError:
                return

    def refuse(self, con_id: int) -> None:
        """Note that the broker does not serve one option."""
        self.readings[con_id].is_refused = True
        self._heard.set()

    def give_up(self, trouble: str) -> None:
        """Note what keeps everything away."""
        self.trouble = trouble
        self._heard.set()

    def rows(self, round_at: datetime) -> list[dict[str, Any]]:
        """Return the rows of what the options have said by now."""
        now = self._clock.now()
        rows = []
        for con_id, reading in self.readings.items():
            greeks = greeks_of(reading.ticker, self._received.get(con_id), now)
            times = (round_at, now)
            rows.append(option_row(reading.option, reading.ticker, reading.quote, greeks, times))
        return [row for row in rows if says_something(row)]

    def close(self) -> None:
        """Give the lines back."""
        for reading in self.readings.values():
            reading.ticker.updateEvent.disconnect(self._note, error=_report)
            with suppress(ConnectionError):  # its lines went with the connection
                self._session.end_option(reading.option.broker_contract)

    def _note(self, ticker: ib_async.Ticker) -> None:
        reading = self.readings.get(ticker.contract.conId if ticker.contract else 0)
        if reading is None:
            return
        if not reading.has_spoken:
            reading.has_spoken, self._voice_at = True, monotonic()
        found = reading.take()
        if found is not None:
            self._received[reading.option.con_id] = (found, self._clock.now())
        self._heard.set()


def _report(event: object, error: Exception) -> None:
    log.error("event_handler_failed event=%s", event, exc_info=error)
