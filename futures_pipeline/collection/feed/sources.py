"""From what the sources say to what the feed tells: the broker's lines, the exchange's pairs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from futures_pipeline.collection.binance.messages import Book, Trade
from futures_pipeline.collection.feed.tape import Tape
from futures_pipeline.collection.feed.updates import Origin, QuoteUpdate, TradeUpdate
from futures_pipeline.collection.normalize import Quote, number
from futures_pipeline.collection.streaming.lines import LAST_PRICE_TICKS, Line


@dataclass(slots=True)
class Told:
    """What was last told of a contract: its quote, and its volume since the session opened."""

    quote: Quote | None = None
    volume: float | None = None


@dataclass(slots=True)
class BrokerTape:
    """Tells a tape what the broker's lines say."""

    tape: Tape
    _told: dict[str, Told] = field(default_factory=dict)

    def take(self, line: Line, at: datetime) -> None:
        """Tell what is new of a line that has just spoken."""
        told = self._told.setdefault(line.listed.local_symbol, Told())
        origin = Origin.heard(line.listed.instrument.symbol, line.listed.local_symbol, at)
        if line.quote != told.quote:
            told.quote = quote = line.quote
            sides = (quote.bid, quote.ask, quote.bid_size, quote.ask_size)
            self.tape.tell(QuoteUpdate(origin, *sides))
        self._take_trades(line, told, origin)

    def _take_trades(self, line: Line, told: Told, origin: Origin) -> None:
        assert line.ticker is not None
        ticks = [tick for tick in line.ticker.ticks if tick.tickType in LAST_PRICE_TICKS]
        prices = [price for tick in ticks if (price := number(tick.price)) is not None]
        last, volume = number(line.ticker.last), number(line.ticker.volume)
        traded = _increase(told.volume, volume)
        told.volume = volume
        # A trade at the price before brings a new volume only.
        if last is not None and (prices or traded):
            high, low = max([*prices, last]), min([*prices, last])
            self.tape.tell(TradeUpdate(origin, last, high, low, traded))


@dataclass(frozen=True, slots=True)
class PairTape:
    """Tells a tape of trades and quotes of pairs; ``symbols`` by the exchange's names."""

    tape: Tape
    symbols: Mapping[str, str]

    def trade(self, trade: Trade) -> None:
        symbol, price = self.symbols[trade.name], trade.price
        origin = Origin.heard(symbol, symbol, trade.at)
        self.tape.tell(TradeUpdate(origin, price, price, price, trade.quantity))

    def book(self, book: Book, at: datetime) -> None:
        symbol = self.symbols[book.name]
        sides = (book.bid, book.ask, book.bid_size, book.ask_size)
        self.tape.tell(QuoteUpdate(Origin.heard(symbol, symbol, at), *sides))


def _increase(before: float | None, now: float | None) -> float | None:
    """Return what was traded since; None when that is unknown, as after a session's open."""
    return None if before is None or now is None or now < before else now - before
