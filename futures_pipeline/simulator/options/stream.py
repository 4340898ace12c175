"""The market data line of one option: quotes, volume, open interest and computations."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from futures_pipeline.domain.sessions import Session
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.streams import TICK_SECONDS, TICKS, TickStream
from futures_pipeline.simulator.market.source import last_opened
from futures_pipeline.simulator.options.book import OptionQuote, Value
from futures_pipeline.simulator.options.chain import OptionListing
from futures_pipeline.simulator.options.pricing import greeks, implied_vol
from futures_pipeline.simulator.protocol import messages, ticks
from futures_pipeline.simulator.protocol.messages import Computation, Fields

# Calls and puts have their own tick types; a line sends both, 0 for the other right.
OPEN_INTEREST, VOLUME = {"C": 27, "P": 28}, {"C": 29, "P": 30}
GENERIC_VOLUME, GENERIC_OPEN_INTEREST = 100, 101
MODEL_SECONDS = 1.0


class OptionStream:
    """One option's line; nothing moves outside of NYSE's regular hours."""

    kind = TICKS

    def __init__(
        self, broker: Broker, line: ticks.Line, listing: OptionListing, snapshot: bool
    ) -> None:
        self.listing = listing
        self.finished = False
        self._broker = broker
        self._line = line
        self._snapshot = snapshot
        self._session: Session | None = None
        self._sent: OptionQuote | None = None
        self._is_quoted = False
        self._next_market = self._next_system = self._model_at = 0.0

    def skip(self, now: datetime) -> None:
        """Do nothing: what changed meanwhile is sent when the line speaks again."""

    def due(self, now: datetime, system: float) -> list[Fields]:
        at = now.timestamp()
        if at < self._next_market or system < self._next_system:
            return []
        self._next_market, self._next_system = at + TICK_SECONDS, system + TICK_SECONDS
        regular = self._broker.calendar().regular
        found = last_opened(regular, now)
        if not found:
            return []
        out = self._start(found[0], now) if found[0] != self._session else []
        out += self._update(found[0], now)
        if self._snapshot:
            self.finished = True
            out.append(messages.snapshot_end(self._line.request_id))
        return out

    def _start(self, session: Session, now: datetime) -> list[Fields]:
        """Return what a line begins with, and again when a session opens."""
        self._session, self._sent = session, None
        delay = self._broker.options.model_delay(self.listing, session)
        self._model_at = math.inf if delay is None else now.timestamp() + delay
        close = self._broker.options.close(self.listing, self._broker.calendar(), session)
        return ticks.opening(self._line, close, halted=False) + self._open_interest(session)

    def _open_interest(self, session: Session) -> list[Fields]:
        if GENERIC_OPEN_INTEREST not in self._line.generics:
            return []
        own = self._broker.options.open_interest(self.listing, session)
        return self._by_right(OPEN_INTEREST, own)

    def _by_right(self, kinds: dict[str, int], own: int) -> list[Fields]:
        return [
            messages.tick_size(
                self._line.request_id, kind, own if right == self.listing.right else 0
            )
            for right, kind in kinds.items()
        ]

    def _update(self, session: Session, now: datetime) -> list[Fields]:
        is_quoted = now < session.closes_at
        if is_quoted != self._is_quoted:
            self._sent, self._is_quoted = None, is_quoted
        elif not is_quoted and self._sent is not None:
            return []
        at = now if is_quoted else session.closes_at - timedelta(seconds=1)
        quote = self._broker.options.quote(self.listing, at, session)
        value = self._broker.options.value(self.listing, at)
        if quote is None or value is None:
            return []
        before, self._sent = self._sent, quote
        out = self._quotes(quote, before) + self._trades(quote, before)
        return out + (self._computations(quote, before, value, now) if is_quoted else [])

    def _quotes(self, quote: OptionQuote, before: OptionQuote | None) -> list[Fields]:
        shown = quote if self._is_quoted else replace(quote, bid=math.nan, ask=math.nan)
        out = []
        for kind, price, size, known in (
            (ticks.BID, shown.bid, quote.bid_size, before and (before.bid, before.bid_size)),
            (ticks.ASK, shown.ask, quote.ask_size, before and (before.ask, before.ask_size)),
        ):
            if known == (price, size):
                continue
            if math.isnan(price):
                out.append(messages.tick_price(self._line.request_id, kind, ticks.NO_PRICE, 0, 0))
            else:
                out.append(messages.tick_price(self._line.request_id, kind, price, size, 1))
        return out

    def _trades(self, quote: OptionQuote, before: OptionQuote | None) -> list[Fields]:
        if before is not None and before.volume == quote.volume:
            return []
        number, out = self._line.request_id, []
        if quote.last is not None:
            out.append(messages.tick_price(number, ticks.LAST, quote.last, 1, 0))
            out.append(messages.tick_string(number, ticks.LAST_TIME, str(quote.last_at)))
        out.append(messages.tick_size(number, ticks.VOLUME, quote.volume))
        wanted = GENERIC_VOLUME in self._line.generics
        return out + (self._by_right(VOLUME, quote.volume) if wanted else [])

    def _computations(
        self, quote: OptionQuote, before: OptionQuote | None, value: Value, now: datetime
    ) -> list[Fields]:
        """Return what was computed of the prices that changed, and of the model in its time."""
        out = []
        for kind, price, known in (
            (ticks.BID_COMPUTATION, quote.bid, before and before.bid),
            (ticks.ASK_COMPUTATION, quote.ask, before and before.ask),
            (ticks.LAST_COMPUTATION, quote.last, before and before.last),
        ):
            if price is not None and not math.isnan(price) and price != known:
                vol = implied_vol(value.terms, self.listing.right, price)
                out.append(self._computation(kind, value, vol, price))
        if now.timestamp() >= self._model_at:
            self._model_at = now.timestamp() + MODEL_SECONDS
            vol, price = value.implied_vol, value.greeks.price
            out.append(self._computation(ticks.MODEL_COMPUTATION, value, vol, price))
        return out

    def _computation(self, kind: int, value: Value, vol: float | None, price: float) -> Fields:
        spot = value.terms.spot
        found = None if vol is None else greeks(value.terms, self.listing.right, vol)
        paid_out = spot * -math.expm1(-value.terms.dividend_yield * value.terms.years)
        if found is None:
            known = Computation(None, None, price, paid_out, None, None, None, spot)
        else:
            rest = (found.gamma, found.vega, found.theta, spot)
            known = Computation(vol, found.delta, price, paid_out, *rest)
        return messages.tick_option_computation(self._line.request_id, kind, known)


def quote_stream(broker: Broker, line: ticks.Line, snapshot: bool) -> TickStream | OptionStream:
    """Return the stream of a market data line."""
    if isinstance(line.listing, OptionListing):
        return OptionStream(broker, line, line.listing, snapshot)
    return TickStream(broker, line, snapshot)
