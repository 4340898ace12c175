"""One contract's two streams, what they last said, and whether they still speak."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import ib_async

from futures_pipeline.collection.broker.codes import Meaning
from futures_pipeline.collection.normalize import NO_QUOTE, Listed, Quote, number, quote_of
from futures_pipeline.collection.outages import Subject
from futures_pipeline.collection.streaming.bars import Bar, MinuteBuilder
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Timetable

# Two messages of one quote are milliseconds apart; a cross that lasts longer is real.
TORN_QUOTE_SECONDS = 0.25
LAST_PRICE_TICKS = frozenset({4, 68})
# How long a new line may say nothing before that is a failure.
FIRST_WORD = timedelta(minutes=1)


class Stream(StrEnum):
    """What a line consists of."""

    QUOTES = "quotes"
    BARS = "bars"


# Open-market seconds of silence after which a stream is doubted. Five-second bars come
# without trades as well. ETF quotes may rest long outside NYSE hours.
SILENCE_SECONDS = {Stream.QUOTES: 60.0, Stream.BARS: 30.0}
THIN_SILENCE_SECONDS = 900.0
# After the broker said that all is well again, one that is not heard soon is dead.
RESTORED_SILENCE_SECONDS = 15.0
# No stream is doubted before the machine had this long to hand its data over.
MACHINE_SILENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks: the market's, and the machine's monotonic seconds."""

    at: datetime
    machine_seconds: float


@dataclass(slots=True)
class Line:
    """One contract's quotes and five-second bars, two market-data lines.

    ``since`` is when each stream was last subscribed to, ``opened`` the latest of these.
    ``refused`` holds the streams the broker does not deliver, with what it said.
    """

    listed: Listed
    hours: Timetable
    regular: Timetable
    opened: Moment
    ticker: ib_async.Ticker | None = None
    bars: ib_async.RealTimeBarList | None = None
    builder: MinuteBuilder = field(default_factory=MinuteBuilder)
    quote: Quote = NO_QUOTE
    crossed_since: float | None = None
    last_price_at: datetime | None = None
    since: dict[Stream, Moment] = field(default_factory=dict)
    heard: dict[Stream, Moment] = field(default_factory=dict)
    refused: dict[Stream, Meaning] = field(default_factory=dict)
    silent: dict[Stream, datetime] = field(default_factory=dict)

    @property
    def subject(self) -> Subject:
        return Subject(self.listed.instrument.symbol, self.listed.local_symbol)

    @property
    def streams(self) -> list[Stream]:
        """Return the streams that are subscribed to."""
        held = {Stream.QUOTES: self.ticker, Stream.BARS: self.bars}
        return [stream for stream, it in held.items() if it is not None]

    @property
    def has_spoken(self) -> bool:
        """Whether everything a snapshot needs has come: a last price, or both sides."""
        if self.ticker is None or Stream.QUOTES not in self.heard:
            return False
        if self.listed.instrument.kind is Kind.INDEX:
            return number(self.ticker.last) is not None
        return None not in (self.quote.bid, self.quote.ask)

    @property
    def has_a_price(self) -> bool:
        """Whether any price has come since the line was opened."""
        if self.ticker is None:
            return False
        last = number(self.ticker.last)
        return any(price is not None for price in (self.quote.bid, self.quote.ask, last))

    def take_quote(self, now: Moment) -> None:
        """Note what the ticker has just been told.

        Bid and ask come in two messages, so between them the pair looks crossed; the pair
        before stands until the cross has lasted.
        """
        assert self.ticker is not None
        self.hear(Stream.QUOTES, now)
        if any(tick.tickType in LAST_PRICE_TICKS for tick in self.ticker.ticks):
            self.last_price_at = now.at
        quote = quote_of(self.ticker)
        if not quote.is_crossed:
            self.quote, self.crossed_since = quote, None
        elif self.crossed_since is None:
            self.crossed_since = now.machine_seconds
        elif now.machine_seconds - self.crossed_since >= TORN_QUOTE_SECONDS:
            self.quote = quote

    def take_bars(self, bars: Iterable[Bar], now: Moment) -> list[Bar]:
        """Take five-second bars and return the minutes they complete."""
        self.hear(Stream.BARS, now)
        minutes = [self.builder.add(bar) for bar in bars]
        return [minute for minute in minutes if minute is not None]

    def hear(self, stream: Stream, now: Moment) -> None:
        """Note that a stream has spoken."""
        self.heard[stream] = now
        self.refused.pop(stream, None)

    def has_overcome(self, cause: Cause) -> bool:
        """Return whether what the line was refused for no longer holds."""
        if cause is Cause.STREAM_SILENT:
            return False  # judged by each stream's words
        if cause is Cause.NO_FREE_LINE:
            return Stream.QUOTES in self.heard
        return not self.refused

    def last_word(self, stream: Stream) -> Moment:
        """Return when a stream last spoke, or when it was subscribed to if it has not since."""
        return self.heard.get(stream) or self.since.get(stream, self.opened)

    def is_silent(self, stream: Stream, now: Moment, restored_at: datetime | None) -> bool:
        """Return whether a stream should have spoken by now and has not.

        ``restored_at``: when the broker last said that its connections work again.
        """
        if stream in self.refused or stream not in self.streams or not self.hours.is_open(now.at):
            return False
        last = self.last_word(stream)
        if now.machine_seconds - last.machine_seconds < MACHINE_SILENCE_SECONDS:
            return False
        if restored_at is not None and last.at < restored_at:
            return self.hours.open_seconds(restored_at, now.at) > RESTORED_SILENCE_SECONDS
        return self.hours.open_seconds(last.at, now.at) > self._patience_seconds(stream, now.at)

    def _patience_seconds(self, stream: Stream, now: datetime) -> float:
        is_thin = self.listed.instrument.kind is Kind.ETF and not self.regular.is_open(now)
        return THIN_SILENCE_SECONDS if is_thin else SILENCE_SECONDS[stream]
