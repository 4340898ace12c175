"""The live subscriptions of one connection: quote lines and five-second bars."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from futures_pipeline.simulator.faults.plants import OUT_OF_ORDER, planted
from futures_pipeline.simulator.faults.state import Entitlement
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.market.source import (
    Bars,
    Quote,
    last_opened,
    previous_close,
    quote_at,
)
from futures_pipeline.simulator.market.universe import Hours, Listing
from futures_pipeline.simulator.protocol import messages, ticks
from futures_pipeline.simulator.protocol.messages import Fields

TICK_SECONDS = 0.25  # the broker samples futures and stocks this often
SLOW_SECONDS = 60.0
QUIET_SECONDS = 120.0  # a recording that says nothing for longer has no quote either
BAR_SECONDS = 5
TICKS, BARS = "ticks", "bars"


class Stream(Protocol):
    """A subscription that is asked again and again what to send."""

    @property
    def listing(self) -> Listing: ...

    @property
    def kind(self) -> str:
        """Return ``ticks`` or ``bars``."""
        ...

    @property
    def finished(self) -> bool:
        """Return whether nothing more will come."""
        ...

    def skip(self, now: datetime) -> None:
        """Say nothing of what happened up to now, neither now nor later."""
        ...

    def due(self, now: datetime, system: float) -> list[Fields]:
        """Return the messages to send; ``system`` is the machine's monotonic seconds."""
        ...


class TickStream:
    """A market data line; a snapshot ends after its first ticks."""

    kind = TICKS

    def __init__(self, broker: Broker, line: ticks.Line, snapshot: bool) -> None:
        self._broker = broker
        self._line = line
        self._snapshot = snapshot
        self._sent: Quote | None = None
        self._latest: Quote | None = None
        self._was_open = False
        self._opened_at: datetime | None = None
        self._slow_at = 0.0
        self._next_market = 0.0
        self._next_system = 0.0
        self.finished = False

    @property
    def listing(self) -> Listing:
        return self._line.listing

    def skip(self, now: datetime) -> None:
        """Do nothing: what changed meanwhile is sent when the line speaks again."""

    def due(self, now: datetime, system: float) -> list[Fields]:
        at = now.timestamp()
        if at < self._next_market or system < self._next_system:
            return []
        self._next_market, self._next_system = at + TICK_SECONDS, system + TICK_SECONDS
        hours = self._broker.hours(self.listing)
        out = self._session_start(now, hours) + self._update(now, hours)
        out += self._slow(now)
        if self._snapshot:
            self.finished = True
            out.append(messages.snapshot_end(self._line.request_id))
        return out

    def _session_start(self, now: datetime, hours: Hours) -> list[Fields]:
        """Return previous close and halted state, at the start and when a session opens."""
        found = last_opened(hours.trading, now)
        if not found or found[0].opens_at == self._opened_at:
            return []
        self._opened_at = found[0].opens_at
        broker = self._broker
        close = previous_close(broker.market, self.listing, broker.calendar(), found[0])
        return ticks.opening(self._line, close, halted=False)

    def _update(self, now: datetime, hours: Hours) -> list[Fields]:
        quote = quote_at(self._broker.market, self.listing, hours, now)
        if quote is None:
            return []
        is_open = hours.trading.is_open(now) and now.timestamp() - quote.at <= QUIET_SECONDS
        if is_open != self._was_open:
            self._sent = None
        self._was_open = is_open
        if self._sent is not None and quote.at == self._sent.at:
            return []
        plant = self._broker.faults.take(self.listing.symbol, TICKS)
        before = self._sent if plant is None else None
        out = ticks.changes(self._line, quote, before, is_open)
        older, self._latest = self._latest, quote
        # After a planted update everything is sent again, so that the fault does not stay.
        self._sent = quote if plant is None else None
        if plant is None:
            return out
        if plant.kind == OUT_OF_ORDER and older is not None:
            out += ticks.changes(self._line, older, None, is_open)
        return [sent for message in out for sent in planted(plant, message)]

    def _slow(self, now: datetime) -> list[Fields]:
        at = now.timestamp()
        if not self._line.generics or at < self._slow_at:
            return []
        self._slow_at = at + SLOW_SECONDS
        market = self._broker.market
        open_interest = market.open_interest(self.listing, now)
        return ticks.slow_values(self._line, open_interest, market.implied_vol(self.listing, now))


class BarStream:
    """Five-second bars, each sent once it has ended; none is skipped, however fast time runs."""

    kind = BARS

    def __init__(
        self, broker: Broker, request_id: int, listing: Listing, what: str, regular: bool
    ) -> None:
        self._broker = broker
        self._request_id = request_id
        self._what = what
        self._regular = regular
        self._next = _ended(broker.now())
        self.listing = listing
        self.finished = False

    def skip(self, now: datetime) -> None:
        """Pass over the bars that ended meanwhile."""
        self._next = max(self._next, _ended(now))

    def due(self, now: datetime, system: float) -> list[Fields]:  # noqa: ARG002 - Stream's form
        ended = _ended(now)
        if ended <= self._next:
            return []
        first, self._next = self._next, ended
        return [message for bars in self._sessions(first, ended) for message in self._sent(bars)]

    def _sessions(self, first: int, ended: int) -> list[Bars]:
        hours = self._broker.hours(self.listing)
        timetable = hours.liquid if self._regular else hours.trading
        found = []
        for session in last_opened(timetable, datetime.fromtimestamp(ended, UTC), 2):
            whole = hours.trading.on(session.session_date)
            opens, closes = session.opens_at.timestamp(), session.closes_at.timestamp()
            begin, end = max(first, int(opens)), min(ended, int(closes))
            if whole is None or begin >= end:
                continue
            tape = self._broker.market.tape(self.listing, whole)
            if tape is not None:
                found.append(tape.bars(BAR_SECONDS, self._what).cut(begin, end))
        return found

    def _sent(self, bars: Bars) -> list[Fields]:
        return [sent for row in range(len(bars)) for sent in self._messages(bars, row)]

    def _messages(self, bars: Bars, row: int) -> list[Fields]:
        prices = [float(values[row]) for values in (bars.open, bars.high, bars.low, bars.close)]
        rest = messages.bar_rest(
            float(bars.volume[row]), float(bars.wap[row]), int(bars.count[row])
        )
        start = int(bars.start[row])
        message = messages.realtime_bar(self._request_id, start, prices, rest)
        plant = self._broker.faults.take(self.listing.symbol, BARS)
        return planted(plant, message) if plant else [message]


class PartialStream:
    """A market data line of which the client gets only a part, or an old state."""

    kind = TICKS

    def __init__(self, stream: Stream, entitlement: Entitlement) -> None:
        self._stream = stream
        self._entitlement = entitlement

    @property
    def listing(self) -> Listing:
        return self._stream.listing

    @property
    def finished(self) -> bool:
        return self._stream.finished

    def skip(self, now: datetime) -> None:
        self._stream.skip(now)

    def due(self, now: datetime, system: float) -> list[Fields]:
        known = now - timedelta(seconds=self._entitlement.delay_seconds)
        due = map(self._entitlement.shown, self._stream.due(known, system))
        return [message for message in due if message is not None]


class DeadStream:
    """A subscription that the broker has forgotten; only cancelling it is of use."""

    finished = False

    def __init__(self, stream: Stream) -> None:
        self.listing = stream.listing
        self.kind = stream.kind

    def skip(self, now: datetime) -> None:
        """Do nothing."""

    def due(self, now: datetime, system: float) -> list[Fields]:  # noqa: ARG002 - Stream's form
        return []


def _ended(now: datetime) -> int:
    """Return the end of the last five-second interval that is over."""
    return int(now.timestamp()) // BAR_SECONDS * BAR_SECONDS
