"""The generated market: one seed gives the same prices whatever is asked first.

QUANT_SPEC 9.1 on a one-second grid. Each session's total return comes from one vector drawn
over the calendar, and its path is a bridge to that return; so a session costs only itself.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

import numpy as np

from futures_pipeline.domain.calendar import FIRST_DATE
from futures_pipeline.domain.contracts import front_month
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Session, Timetable, TradingCalendar, new_york
from futures_pipeline.simulator.market import daily, intraday
from futures_pipeline.simulator.market.source import Bars, Floats, Integers, Tape, quote_at
from futures_pipeline.simulator.market.universe import (
    Hours,
    Listing,
    calendar_at,
    hours_of,
    rule_front_candidates,
    spot_listing,
)

CARRY = 0.037  # a year, continuously compounded
YEAR_SECONDS = 365 * 86400.0
NOISE = 0.5e-4  # standard deviation of a price about its efficient value
HALF_LIFE_SECONDS = 60
VIX_NOISE = 1e-3
VIX_HALF_LIFE_SECONDS = 600
TAPES = 24
MINUTES = 1024
PATHS = 12


@dataclass(frozen=True, slots=True)
class Model:
    """How a symbol follows its index; volumes and open interest are those of a usual day."""

    family: int
    divisor: float
    daily_volume: float
    quoted_size: float
    vol_ratio: float = 1.0
    open_interest: int = 0


MODELS = {
    "ES": Model(0, 1.0, 1.5e6, 25.0, open_interest=2_100_000),
    "NQ": Model(1, 1.0, 6.0e5, 4.0, open_interest=270_000),
    "RTY": Model(2, 1.0, 1.5e5, 6.0, open_interest=450_000),
    "SPY": Model(0, 10.0, 6.0e7, 900.0),
    "QQQ": Model(1, 41.0, 4.0e7, 700.0, vol_ratio=1.25),
    "IWM": Model(2, 10.0, 3.0e7, 800.0, vol_ratio=1.3),
    "VIX": Model(0, 1.0, 0.0, 0.0),
}
# Share of the front month's activity by how many contracts expire earlier.
RANK_SHARES = (1.0, 0.03, 0.005, 0.002, 0.001)
ROLL_SHARE = 0.35
ROLL_DAYS = 8


class GeneratedMarket:
    """Prices from ``seed``; spot moves ``lead_seconds`` after futures."""

    def __init__(self, seed: int, lead_seconds: float = 0.0) -> None:
        self.seed = seed
        self._lead = round(lead_seconds)
        self._year = daily.EPOCH.year
        self._calendar = calendar_at(new_york(daily.EPOCH, 12))
        self.tape = lru_cache(maxsize=TAPES)(self._tape)
        self.minutes = lru_cache(maxsize=MINUTES)(self._minutes)
        self._path = lru_cache(maxsize=PATHS)(self._generated_path)
        self._share = lru_cache(maxsize=256)(self._drawn_share)
        self._levels = lru_cache(maxsize=2)(self._drawn_levels)

    def hours(self, listing: Listing, calendar: TradingCalendar) -> Hours:
        return hours_of(listing, calendar)

    def has_history(self, listing: Listing, session: Session) -> bool:  # noqa: ARG002 - protocol
        return session.session_date > FIRST_DATE

    def open_interest(self, listing: Listing, at: datetime) -> int | None:
        base = MODELS[listing.symbol].open_interest
        day = self._calendar_until(at).session_date(at)
        return round(base * self._share(listing, day)) if base else None

    def implied_vol(self, listing: Listing, at: datetime) -> float | None:
        if listing.instrument.kind is not Kind.ETF:
            return None
        vix = spot_listing("VIX")
        quote = quote_at(self, vix, hours_of(vix, self._calendar_until(at)), at)
        return quote.last / 100 * MODELS[listing.symbol].vol_ratio if quote else None

    def index_path(self, start: int, seconds: int) -> Floats:
        """Return the log index of the first family after each second from an epoch second on."""
        return self._index_path(0, start, seconds)

    def _calendar_until(self, at: datetime) -> TradingCalendar:
        """Return a calendar that reaches beyond ``at``: one for all years asked so far.

        A longer calendar leaves the sessions of a shorter one as they were drawn.
        """
        if at.year > self._year:
            self._year, self._calendar = at.year, calendar_at(at)
        return self._calendar

    def _minutes(self, listing: Listing, session: Session) -> Bars | None:
        tape = self.tape(listing, session)
        return tape.bars(60, "TRADES") if tape else None

    def _tape(self, listing: Listing, session: Session) -> Tape | None:
        if not self.has_history(listing, session):
            return None
        at = np.arange(int(session.opens_at.timestamp()), int(session.closes_at.timestamp()))
        rng = self._generator(listing, session)
        if listing.instrument.kind is Kind.INDEX:
            return self._index_tape(listing, session, at, rng)
        middle = np.exp(self._log_price(listing, at, rng))
        return self._traded_tape(listing, session, at, middle, rng)

    def _generator(self, listing: Listing, session: Session) -> np.random.Generator:
        day = session.session_date.toordinal()
        return np.random.default_rng([self.seed, 2, day, listing.con_id])

    def _log_price(self, listing: Listing, at: Integers, rng: np.random.Generator) -> Floats:
        model = MODELS[listing.symbol]
        noise = intraday.mean_reverting(rng, len(at), NOISE, HALF_LIFE_SECONDS)
        if listing.expiry is None:
            delayed = self._index_path(model.family, int(at[0]) - self._lead, len(at))
            return delayed + noise - math.log(model.divisor)
        carry = CARRY * (new_york(listing.expiry, 9, 30).timestamp() - at) / YEAR_SECONDS
        price: Floats = self._index_path(model.family, int(at[0]), len(at)) + noise + carry
        return price

    def _index_tape(
        self, listing: Listing, session: Session, at: Integers, rng: np.random.Generator
    ) -> Tape:
        noise = intraday.mean_reverting(rng, len(at), VIX_NOISE, VIX_HALF_LIFE_SECONDS)
        timetable = self._calendar_until(session.opens_at).globex
        levels = self._levels(timetable)
        day = bisect_right(timetable.sessions, session.opens_at, key=lambda s: s.opens_at) - 1
        path = self._index_path(0, int(at[0]), len(at))
        globex = timetable.sessions[day]
        value = levels.log_vix(day, at, globex, path) + noise
        tick = listing.instrument.tick_size
        price = np.round(np.round(np.exp(value) / tick) * tick, 2)
        nothing, unknown = np.zeros(len(at)), np.full(len(at), np.nan)
        zeros = np.zeros(len(at), dtype=np.int64)
        return Tape(at, price, nothing, zeros, unknown, unknown, nothing, nothing)

    def _traded_tape(
        self,
        listing: Listing,
        session: Session,
        at: Integers,
        middle: Floats,
        rng: np.random.Generator,
    ) -> Tape:
        model, tick = MODELS[listing.symbol], listing.instrument.tick_size
        steps = np.floor(middle / tick)
        bid, ask = np.round(steps * tick, 2), np.round((steps + 1) * tick, 2)
        share = self._share(listing, session.session_date)
        expected = model.daily_volume * share * intraday.volume_rate(at) * _excitement(middle)
        volume = rng.poisson(expected).astype(np.float64)
        volume[0] = max(volume[0], 1.0)
        buys = rng.integers(0, 2, len(at)).astype(bool)
        traded = np.where(volume > 0, np.arange(len(at)), 0)
        price = np.where(buys, ask, bid)[np.maximum.accumulate(traded)]
        sizes = 1.0 + rng.poisson(model.quoted_size * max(share, 0.1), (2, len(at)))
        count = np.ceil(volume / (1.0 + model.daily_volume / 1.5e6)).astype(np.int64)
        return Tape(at, price, volume, count, bid, ask, sizes[0], sizes[1])

    def _drawn_share(self, listing: Listing, session_date: date) -> float:
        """Return a contract's part of its symbol's activity; the next one grows at the roll."""
        if listing.expiry is None:
            return 1.0
        calendar = self._calendar_until(new_york(session_date, 12))
        coming = sorted(rule_front_candidates(listing.symbol, session_date, calendar))
        front = front_month(coming, session_date, calendar.globex)
        rank = sum(front.expiry <= other.expiry < listing.expiry for other in coming)
        near_roll = (front.expiry - session_date).days <= ROLL_DAYS
        if listing.expiry < front.expiry or (rank == 1 and near_roll):
            return ROLL_SHARE
        return RANK_SHARES[min(rank, len(RANK_SHARES) - 1)]

    def _index_path(self, family: int, start: int, seconds: int) -> Floats:
        """Return the log index after each second; it rests where Globex is closed."""
        timetable = self._calendar_until(datetime.fromtimestamp(start + seconds, UTC)).globex
        out = np.empty(seconds)
        filled = 0
        moment = datetime.fromtimestamp(start, UTC)
        first = bisect_right(timetable.sessions, moment, key=lambda s: s.closes_at)
        for number in range(first, len(timetable.sessions)):
            opens = int(timetable.sessions[number].opens_at.timestamp())
            if opens >= start + seconds:
                break
            path = self._path(timetable, number)[family]
            a, b = max(opens, start), min(opens + len(path), start + seconds)
            out[filled : a - start] = self._levels(timetable).opens[number, family]
            out[a - start : b - start] = path[a - opens : b - opens]
            filled = b - start
        resting = self._levels(timetable).opens[first, family]
        out[filled:] = out[filled - 1] if filled else resting
        return out

    def _drawn_levels(self, timetable: Timetable) -> daily.Levels:
        return daily.draw(self.seed, timetable)

    def _generated_path(self, timetable: Timetable, number: int) -> Floats:
        """Return the log index of each family after each second of one Globex session."""
        session = timetable.sessions[number]
        day = session.session_date.toordinal()
        rng = np.random.default_rng([self.seed, 3, day])
        return intraday.bridges(rng, session, self._levels(timetable).move(number), daily.MIX)


def _excitement(middle: Floats) -> Floats:
    """Return 1 + |z| of each minute's move over its usual value, so that the mean is one."""
    minute = np.abs(middle - np.roll(middle, 60)) / middle
    minute[:60] = 0.0
    usual = float(minute.mean()) or 1.0
    excitement: Floats = (1.0 + minute / usual) / 2.0
    return excitement
