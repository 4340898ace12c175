"""What a market source has to deliver, and bars and quotes made of it.

Both sources deliver a *tape*: one row a second, so that ticks, five-second bars and minute
bars are cuts of one path. Times are epoch seconds (UTC); a bar is named by its start.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Session, Timetable, TradingCalendar
from futures_pipeline.simulator.market.universe import Hours, Listing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)
UNAVAILABLE = -1
SIDES = ("BID", "ASK", "MIDPOINT", "BID_ASK")


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars ascending by ``start``; ``volume`` in contracts or shares, ``wap`` their mean price.

    Bars of quotes carry -1 as volume, wap and count, as the broker sends them.
    """

    start: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    wap: Floats
    count: Integers

    def __len__(self) -> int:
        return len(self.start)

    def cut(self, first: int, last: int) -> "Bars":
        """Return the bars with ``first <= start < last``."""
        a, b = np.searchsorted(self.start, (first, last))
        return Bars(*(getattr(self, name)[a:b] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Quote:
    """The state of one contract after a row of its tape.

    ``bid`` and ``ask`` are NaN where nobody quotes, ``last`` before the first trade;
    ``volume`` counts since the session opened.
    """

    at: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    last: float
    last_size: float
    volume: float
    open: float
    high: float
    low: float
    vwap: float


@dataclass(frozen=True)
class Tape:
    """One session of one contract, a row a second, ascending; seconds may be missing.

    ``price`` is the last trade's price, NaN in rows that hold only a quote; ``volume`` and
    ``count`` are what traded in that second.
    """

    at: Integers
    price: Floats
    volume: Floats
    count: Integers
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats

    def row(self, second: float) -> int:
        """Return the index of the last row at or before ``second``; -1 before the first."""
        return int(np.searchsorted(self.at, second, side="right")) - 1

    def quote(self, row: int) -> Quote:
        """Return the state after a row."""
        volume = float(self._volume[row])
        last = float(self._last[row])
        traded = float(self._turnover[row]) / volume if volume else last
        return Quote(
            at=int(self.at[row]),
            bid=float(self.bid[row]),
            ask=float(self.ask[row]),
            bid_size=float(self.bid_size[row]),
            ask_size=float(self.ask_size[row]),
            last=last,
            last_size=float(self.volume[row]),
            volume=volume,
            open=self._open if last == last else float("nan"),
            high=float(self._high[row]),
            low=float(self._low[row]),
            vwap=traded,
        )

    def bars(self, seconds: int, what: str) -> Bars:
        """Return the bars of ``seconds`` on the epoch's grid; none where nothing happened.

        ``what`` is TRADES, BID, ASK, MIDPOINT or BID_ASK (open and close are the mean bid
        and ask, low the lowest bid, high the highest ask).
        """
        if what == "TRADES":
            return self._five_seconds if seconds == 5 else self._trades(seconds)
        middle = (self.bid + self.ask) / 2
        series = {"BID": self.bid, "ASK": self.ask}.get(what, middle)
        rows = np.isfinite(middle) if what == "BID_ASK" else np.isfinite(series)
        starts, first, last = _groups(self.at[rows], seconds)
        series = series[rows]
        high, low = (self.ask[rows], self.bid[rows]) if what == "BID_ASK" else (series, series)
        nothing = np.full(len(starts), float(UNAVAILABLE))
        return Bars(
            starts,
            series[first],
            _reduce(np.maximum, high, first),
            _reduce(np.minimum, low, first),
            series[last],
            nothing,
            nothing,
            nothing.astype(np.int64),
        )

    def _trades(self, seconds: int) -> Bars:
        rows = np.isfinite(self.price)
        price, volume = self.price[rows], self.volume[rows]
        starts, first, last = _groups(self.at[rows], seconds)
        high, low = _reduce(np.maximum, price, first), _reduce(np.minimum, price, first)
        total = _reduce(np.add, volume, first)
        turnover = _reduce(np.add, price * volume, first)
        wap = _mean_price(turnover, total, price[last], low, high)
        count = _reduce(np.add, self.count[rows], first)
        return Bars(starts, price[first], high, low, price[last], total, wap, count)

    @cached_property
    def _five_seconds(self) -> Bars:
        return self._trades(5)

    @cached_property
    def _last(self) -> Floats:
        known = np.where(np.isfinite(self.price), np.arange(len(self.price)), 0)
        filled: Floats = self.price[np.maximum.accumulate(known)]
        return filled

    @cached_property
    def _open(self) -> float:
        traded = self.price[np.isfinite(self.price)]
        return float(traded[0]) if len(traded) else float("nan")

    @cached_property
    def _high(self) -> Floats:
        highest: Floats = np.fmax.accumulate(self.price)
        return highest

    @cached_property
    def _low(self) -> Floats:
        lowest: Floats = np.fmin.accumulate(self.price)
        return lowest

    @cached_property
    def _volume(self) -> Floats:
        return np.cumsum(self.volume)

    @cached_property
    def _turnover(self) -> Floats:
        return np.cumsum(np.where(self.volume > 0, self.price * self.volume, 0.0))


class Market(Protocol):
    """A source of prices; deterministic, so that asking twice gives the same answer."""

    @property
    def seed(self) -> int:
        """Return what decides all that is drawn; 0 where nothing is."""
        ...

    def hours(self, listing: Listing, calendar: TradingCalendar) -> Hours:
        """Return when the source may have prices of a listing."""
        ...

    def tape(self, listing: Listing, session: Session) -> Tape | None:
        """Return the second-by-second path of a session, or None when there is none."""
        ...

    def minutes(self, listing: Listing, session: Session) -> Bars | None:
        """Return the one-minute trade bars of a session, or None when there is no tape."""
        ...

    def has_history(self, listing: Listing, session: Session) -> bool:
        """Return whether the source knows the session at all."""
        ...

    def open_interest(self, listing: Listing, at: datetime) -> int | None:
        """Return the open contracts of a future, None when unknown."""
        ...

    def implied_vol(self, listing: Listing, at: datetime) -> float | None:
        """Return the annualised implied volatility as a fraction, None when unknown."""
        ...


def last_opened(timetable: Timetable, before: datetime, count: int = 1) -> tuple[Session, ...]:
    """Return the last ``count`` sessions that opened before a moment, ascending."""
    end = bisect_left(timetable.sessions, before, key=lambda session: session.opens_at)
    return timetable.sessions[max(0, end - count) : end]


def quote_at(market: Market, listing: Listing, hours: Hours, now: datetime) -> Quote | None:
    """Return the latest state at ``now``; in a closure that of the session before it.

    None when the source knows nothing of that session up to now.
    """
    found = last_opened(hours.trading, now)
    tape = market.tape(listing, found[0]) if found else None
    if tape is None:
        return None
    row = tape.row(min(now, found[0].closes_at).timestamp())
    return tape.quote(row) if row >= 0 else None


def previous_close(
    market: Market, listing: Listing, calendar: TradingCalendar, session: Session
) -> float | None:
    """Return the last price at the regular close before a session, None when unknown."""
    earlier = calendar.regular.before(session.session_date, 1)
    if not earlier:
        return None
    settles = earlier[0].closes_at
    hours = market.hours(listing, calendar)
    days = [day for day in last_opened(hours.trading, settles) if day.closes_at >= settles]
    tape = market.tape(listing, days[0]) if days else None
    row = tape.row(settles.timestamp() - 1) if tape else -1
    if tape is None or row < 0:
        return None
    last = tape.quote(row).last
    return last if last == last else None


def merge(bars: Bars, seconds: int, opens: int) -> Bars:
    """Return longer bars from shorter ones; a first partial bar starts at ``opens``."""
    starts, first, last = _groups(bars.start, seconds)
    high, low = _reduce(np.maximum, bars.high, first), _reduce(np.minimum, bars.low, first)
    close = bars.close[last]
    volume = _reduce(np.add, bars.volume, first)
    wap = _mean_price(_reduce(np.add, bars.volume * bars.wap, first), volume, close, low, high)
    count = _reduce(np.add, bars.count, first)
    if len(bars) and bars.count[0] == UNAVAILABLE:
        volume, wap = np.full((2, len(starts)), float(UNAVAILABLE))
        count = np.full(len(starts), UNAVAILABLE, dtype=np.int64)
    return Bars(np.maximum(starts, opens), bars.open[first], high, low, close, volume, wap, count)


def trades_volume(listing: Listing) -> bool:
    """Return whether the contract trades; an index is only calculated."""
    return listing.instrument.kind is not Kind.INDEX


def _groups(at: Integers, seconds: int) -> tuple[Integers, Integers, Integers]:
    """Return the starts of the filled intervals and the first and last row of each."""
    if len(at) == 0:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty
    interval = at // seconds
    first = np.concatenate(([0], np.flatnonzero(np.diff(interval)) + 1))
    last = np.concatenate((first[1:] - 1, [len(at) - 1]))
    return interval[first] * seconds, first, last


def _reduce(operation: np.ufunc, values: NDArray[Number], first: Integers) -> NDArray[Number]:
    """Return the operation over each group of rows; ``first`` are the groups' first rows."""
    return operation.reduceat(values, first) if len(first) else values[:0]


def _mean_price(
    turnover: Floats, volume: Floats, close: Floats, low: Floats, high: Floats
) -> Floats:
    """Return turnover over volume, and the close where nothing traded.

    Held between low and high, which rounding could leave by the last digit.
    """
    traded = volume > 0
    mean: Floats = np.where(traded, turnover / np.where(traded, volume, 1.0), close)
    return np.clip(mean, low, high)
