"""The generated pairs: one seed gives the same trades whatever is asked first.

QUANT_SPEC 9.1: a pair follows its own path around the clock, 2.5 % a day, and shares a known
part of the futures' moves. A trade is a function of its id, a bar of its trades. Clock times of
the day parts are New York's; days are UTC's.
"""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from futures_pipeline.domain.sessions import Segment, segment
from futures_pipeline.simulator.market.source import Floats, Integers

DAY, MINUTE = 86_400, 60
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
DAY_SIGMA, LEVEL_PERSISTENCE = 0.025, 0.99
# What is shared with the futures' moves by the part of their day.
CORRELATION = {Segment.ASIA: 0.15, Segment.EUROPE: 0.30, Segment.US: 0.45, Segment.LATE: 0.30}
# The time over which a move of the futures is judged large or small.
USUAL_SECONDS = 1800
MEAN_QUANTITY = 0.05
HALF_SPREAD_STEPS = 1
PRICE_STEP, QUANTITY_STEP = 0.01, 1e-5
# Usual prices in the quote currency, by the exchange's name of the pair.
USUAL_PRICES = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
MOST_A_MINUTE, MOST_A_MACHINE_SECOND = 600, 600
DAYS_KEPT = 40

# The log index of the futures' first family after each second from an epoch second on.
IndexPath = Callable[[int, int], Floats]


def at_rest(start: int, seconds: int) -> Floats:
    """Return an index that does not move, of which nothing is shared."""
    del start
    return np.zeros(seconds)


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades of consecutive ids; ``at_ms`` in epoch milliseconds, ``quantity`` in the base."""

    id: Integers
    at_ms: Integers
    price: Floats
    quantity: Floats
    buyer_is_maker: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Klines:
    """One-minute bars ascending by ``start`` (epoch seconds); ``quote_volume`` is turnover."""

    start: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    quote_volume: Floats
    count: Integers


def trades_per_minute(speed: float) -> int:
    """Return how many trades a market minute has, so that a fast clock drowns nobody.

    ``speed``: market seconds a machine second.

    >>> trades_per_minute(1.0), trades_per_minute(600.0)
    (600, 60)
    """
    return max(1, min(MOST_A_MINUTE, int(MOST_A_MACHINE_SECOND * MINUTE / speed)))


class Pair:
    """All trades of one pair."""

    def __init__(self, name: str, seed: int, per_minute: int, index: IndexPath) -> None:
        self.name = name
        self.per_minute = per_minute
        self._salt = zlib.crc32(f"{name} {seed}".encode())
        self._index = index
        self._levels = lru_cache(maxsize=2)(self._drawn_levels)
        self._prices = lru_cache(maxsize=DAYS_KEPT)(self._drawn_prices)
        self.day = lru_cache(maxsize=DAYS_KEPT)(self._klines_of_day)

    def newest(self, at: datetime) -> int:
        """Return the id of the last trade that has happened by ``at``."""
        seconds = (at - EPOCH) / timedelta(seconds=1)
        return math.floor(seconds * self.per_minute / MINUTE) - 1

    def trades(self, first: int, last: int) -> Trades:
        """Return the trades with ``first <= id <= last``."""
        ids = np.arange(first, last + 1, dtype=np.int64)
        drawn = _uniform(ids, self._salt)
        spacing_ms = MINUTE * 1000 / self.per_minute
        at_ms = int(EPOCH.timestamp()) * 1000 + ((ids + drawn[0] * 0.999) * spacing_ms)
        at_ms = at_ms.astype(np.int64)
        buys = drawn[1] < 0.5
        price = self._middle(at_ms // 1000) + np.where(buys, 1, -1) * HALF_SPREAD_STEPS * PRICE_STEP
        steps = np.ceil(-np.log1p(-drawn[2]) * MEAN_QUANTITY / QUANTITY_STEP)
        quantity = np.maximum(steps, 1.0) * QUANTITY_STEP
        return Trades(ids, at_ms, np.round(price, 2), np.round(quantity, 5), ~buys)

    def klines(self, first: datetime, before: datetime) -> Klines:
        """Return the bars of the whole minutes that start in ``[first, before)``."""
        start, end = math.ceil(first.timestamp() / MINUTE), math.ceil(before.timestamp() / MINUTE)
        days = range(start * MINUTE // DAY, max(start, end - 1) * MINUTE // DAY + 1)
        parts = [self.day(date.fromordinal(day + _UNIX_DAY)) for day in days]
        whole = Klines(*(np.concatenate([getattr(p, n) for p in parts]) for n in Klines.__slots__))
        a, b = np.searchsorted(whole.start, (start * MINUTE, end * MINUTE))
        return Klines(*(getattr(whole, name)[a:b] for name in Klines.__slots__))

    def kline_until(self, start: int, newest: int) -> Klines | None:
        """Return the bar of the minute at ``start`` made of trades up to id ``newest``."""
        first = (start - int(EPOCH.timestamp())) // MINUTE * self.per_minute
        last = min(newest, first + self.per_minute - 1)
        return _bars(self.trades(first, last), last - first + 1) if last >= first else None

    def book(self, at: datetime) -> tuple[float, float, float, float]:
        """Return bid, bid quantity, ask and ask quantity at a moment."""
        second = np.array([int(at.timestamp())])
        middle = round(float(self._middle(second)[0]), 2)
        sizes = 1.0 + np.round(_uniform(second, self._salt ^ 1)[:2, 0] * 5.0, 5)
        away = HALF_SPREAD_STEPS * PRICE_STEP
        return round(middle - away, 2), float(sizes[0]), round(middle + away, 2), float(sizes[1])

    def _middle(self, second: Integers) -> Floats:
        """Return the prices after some epoch seconds, which ascend."""
        days, inside = second // DAY, second % DAY
        out = np.empty(len(second))
        for day in range(int(days[0]), int(days[-1]) + 1):
            mine = days == day
            out[mine] = self._prices(date.fromordinal(day + _UNIX_DAY))[inside[mine]]
        return out

    def _drawn_prices(self, day: date) -> Floats:
        """Return the price after each second of a UTC day, rounded to the price step."""
        number = (day - EPOCH.date()).days
        start = day.toordinal() - _UNIX_DAY
        rng = np.random.default_rng([self._salt, 1, day.toordinal()])
        moves = _shared(rng, self._index(start * DAY - 1, DAY + 1), _weights(day))
        walk = np.cumsum(moves) * DAY_SIGMA / math.sqrt(DAY)
        along = np.arange(1, DAY + 1) / DAY
        levels = self._levels(max(number, 366))
        opens, closes = levels[number], levels[number + 1]
        path = opens + walk - along * (walk[-1] - (closes - opens))
        usual = USUAL_PRICES[self.name]
        prices: Floats = np.round(usual * np.exp(path) / PRICE_STEP) * PRICE_STEP
        return prices

    def _drawn_levels(self, days: int) -> Floats:
        """Return the log level at the start of each day; more days change no earlier one."""
        shocks = np.random.default_rng([self._salt, 0]).standard_normal(days + 1) * DAY_SIGMA
        levels = np.zeros(days + 2)
        for number, shock in enumerate(shocks.tolist()):
            levels[number + 1] = LEVEL_PERSISTENCE * levels[number] + shock
        return levels

    def _klines_of_day(self, day: date) -> Klines:
        number = (day - EPOCH.date()).days * (DAY // MINUTE)
        first = number * self.per_minute
        return _bars(
            self.trades(first, first + self.per_minute * (DAY // MINUTE) - 1), self.per_minute
        )


_UNIX_DAY = date(1970, 1, 1).toordinal()


def _bars(trades: Trades, per_bar: int) -> Klines:
    """Return bars of ``per_bar`` consecutive trades each; the first trade opens a minute."""
    price, quantity = trades.price.reshape(-1, per_bar), trades.quantity.reshape(-1, per_bar)
    start = trades.at_ms[::per_bar] // 1000 // MINUTE * MINUTE
    return Klines(
        start,
        price[:, 0],
        price.max(axis=1),
        price.min(axis=1),
        price[:, -1],
        np.round(quantity.sum(axis=1), 5),
        np.round((price * quantity).sum(axis=1), 8),
        np.full(len(start), per_bar, dtype=np.int64),
    )


def _shared(rng: np.random.Generator, index: Floats, weight: Floats) -> Floats:
    """Return a normal move a second, of which ``weight`` is the futures' own move.

    ``index``: the log index, one second more at the front. Where it rests nothing is shared.
    """
    moves = np.diff(index)
    own = rng.standard_normal(len(moves))
    summed = np.concatenate(([0.0], np.cumsum(moves**2)))
    at = np.arange(1, len(moves) + 1)
    usual = np.sqrt((summed[at] - summed[np.maximum(at - USUAL_SECONDS, 0)]) / USUAL_SECONDS)
    is_open = (usual > 0) & (moves != 0)
    theirs = np.where(is_open, moves / np.where(is_open, usual, 1.0), 0.0)
    part = np.where(is_open, weight, 0.0)
    shared: Floats = part * theirs + np.sqrt(1 - part**2) * own
    return shared


@lru_cache(maxsize=8)
def _weights(day: date) -> Floats:
    """Return the correlation for each second of a UTC day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    by_minute = [segment(start + timedelta(minutes=minute)) for minute in range(DAY // MINUTE)]
    return np.repeat([CORRELATION[part] if part else 0.0 for part in by_minute], MINUTE)


def _uniform(ids: Integers, salt: int) -> Floats:
    """Return three uniform numbers in [0, 1) for each id, the same whenever it is asked for.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014 (SplitMix64).
    """
    state = ids.astype(np.uint64) * np.uint64(3) + np.uint64(salt << 20)
    rows = []
    for step in range(3):
        z = (state + np.uint64(step)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        rows.append((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)
    return np.vstack(rows)
