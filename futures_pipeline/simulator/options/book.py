"""What an option shows at a moment: quotes about the surface, trades, open interest.

A function of the market, the contract and the time alone, so that asking twice gives the same
answer. Where the market knows no implied volatility (recorded files) there are no options.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from futures_pipeline.domain.contracts import third_friday
from futures_pipeline.domain.sessions import Session, TradingCalendar, new_york
from futures_pipeline.simulator.market.source import Market, previous_close, quote_at
from futures_pipeline.simulator.market.universe import calendar_at, spot_listing
from futures_pipeline.simulator.options.chain import MONTH_ENDS, Board, OptionListing
from futures_pipeline.simulator.options.pricing import Greeks, Terms, greeks
from futures_pipeline.simulator.options.surface import Surface, variance_of

YEAR_SECONDS = 365 * 86400.0
SHORTEST_LIFE_SECONDS = 60.0
SIZES_SECONDS = 20
# The spread: a tick, a share of the time value, a larger one of what is in the money.
SPREAD, SPREAD_OF_TIME_VALUE, SPREAD_OF_INTRINSIC, WIDEST_SPREAD = 0.01, 0.004, 0.02, 3.0
# Below three dollars a penny, from there on a nickel.
FINE_TICK, COARSE_TICK, COARSE_FROM = 0.01, 0.05, 3.0
# Usual open contracts at the money, a tenth of it in what is no third Friday.
OPEN_INTEREST = {"SPY": 30_000, "QQQ": 18_000, "IWM": 15_000}
WEEKLY_SHARE = 0.1
VOLUME_SHARE = 0.3
# When the broker's model has computed: nearly always soon, sometimes late, seldom never.
SOON_SECONDS, LATE_SECONDS = (0.5, 2.5), (12.0, 25.0)
LATE_SHARE, NEVER_SHARE = 0.03, 0.01


@dataclass(frozen=True, slots=True)
class OptionQuote:
    """The state of one option; a side without a price is NaN with size 0.

    ``last`` and ``last_at`` (epoch seconds) are None before the day's first trade; ``volume``
    counts contracts since the open.
    """

    bid: float
    ask: float
    bid_size: int
    ask_size: int
    last: float | None
    last_at: int | None
    volume: int


@dataclass(frozen=True, slots=True)
class Value:
    """What the surface says of an option: the truth behind its quotes."""

    terms: Terms
    implied_vol: float
    greeks: Greeks


class OptionBook:
    """The options of one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._surface = lru_cache(maxsize=256)(self._made_surface)
        self._board = lru_cache(maxsize=8)(self._made_board)

    def board(self, now: datetime) -> Board:
        """Return what decides which options are listed in the session of ``now``."""
        return self._board(calendar_at(now).globex.at(now))

    def surface(self, symbol: str, at: datetime) -> Surface | None:
        """Return an ETF's surface at a moment, None where the market knows too little."""
        return self._surface(symbol, int(at.timestamp()))

    def value(self, listing: OptionListing, at: datetime) -> Value | None:
        """Return what an option is worth at a moment, None without a surface."""
        surface = self.surface(listing.symbol, at)
        if surface is None:
            return None
        years = years_to_expiry(listing, at)
        terms, vol = (
            surface.terms(listing.strike, years),
            surface.implied_vol(listing.strike, years),
        )
        return Value(terms, vol, greeks(terms, listing.right, vol))

    def quote(self, listing: OptionListing, at: datetime, session: Session) -> OptionQuote | None:
        """Return an option's state at a moment of a regular session, None without a surface."""
        value = self.value(listing, at)
        if value is None:
            return None
        sides = quoted(listing, value)
        traded = self._day_volume(listing, session)
        length = (session.closes_at - session.opens_at).total_seconds()
        volume = int(traded * min((at - session.opens_at).total_seconds() / length, 1.0))
        last_at = session.opens_at + timedelta(seconds=math.ceil(volume / traded * length))
        last = self._last(listing, last_at, volume) if volume else None
        count = int(at.timestamp()) // SIZES_SECONDS
        sizes = [1 + int(200 * self.draw(listing, count, side)) for side in ("bid", "ask")]
        return OptionQuote(
            bid=sides[0],
            ask=sides[1],
            bid_size=0 if math.isnan(sides[0]) else sizes[0],
            ask_size=sizes[1],
            last=last,
            last_at=int(last_at.timestamp()) if volume else None,
            volume=volume,
        )

    def close(
        self, listing: OptionListing, calendar: TradingCalendar, today: Session
    ) -> float | None:
        """Return the middle of the quotes at the regular close before a session."""
        earlier = calendar.regular.before(today.session_date, 1)
        value = (
            self.value(listing, earlier[-1].closes_at - timedelta(seconds=1)) if earlier else None
        )
        if value is None:
            return None
        bid, ask = quoted(listing, value)
        return ask if math.isnan(bid) else round((bid + ask) / 2, 2)

    def open_interest(self, listing: OptionListing, today: Session) -> int:
        """Return the open contracts of the close before a session; constant through it."""
        level = self._board(today).levels.get(listing.symbol, listing.strike)
        days = max((listing.last_trade - today.session_date).days, 1)
        away = abs(math.log(listing.strike / level)) / (0.2 * math.sqrt(days / 365))
        in_the_money = (level > listing.strike) == (listing.right == "C")
        day = listing.last_trade
        share = 1.0 if day == third_friday(day.year, day.month) else WEEKLY_SHARE
        round_strike = 2.0 if listing.strike % 5 == 0 else 1.0
        usual = OPEN_INTEREST[listing.symbol] * share * round_strike * math.exp(-away)
        drawn = math.exp(2 * self.draw(listing, today.session_date, "interest") - 1)
        return int(usual * drawn * (0.2 if in_the_money else 1.0))

    def model_delay(self, listing: OptionListing, today: Session) -> float | None:
        """Return the market seconds until a new line gets the model's greeks, None for never."""
        luck = self.draw(listing, today.session_date, "luck")
        if luck < NEVER_SHARE:
            return None
        shortest, longest = LATE_SECONDS if luck < NEVER_SHARE + LATE_SHARE else SOON_SECONDS
        return shortest + (longest - shortest) * self.draw(listing, today.session_date, "delay")

    def draw(self, listing: OptionListing, *what: object) -> float:
        """Return a number in [0, 1) that depends on the seed, the contract and ``what``."""
        key = repr((self._market.seed, listing.con_id, *(str(part) for part in what)))
        digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _day_volume(self, listing: OptionListing, session: Session) -> float:
        usual = VOLUME_SHARE * self.open_interest(listing, session)
        return max(2 * usual * self.draw(listing, session.session_date, "volume"), 0.5)

    def _last(self, listing: OptionListing, at: datetime, number: int) -> float:
        value = self.value(listing, at)
        assert value is not None
        bid, ask = quoted(listing, value)
        at_bid = self.draw(listing, at.date(), number) < 0.5 and not math.isnan(bid)
        return bid if at_bid else ask

    def _made_surface(self, symbol: str, second: int) -> Surface | None:
        at = datetime.fromtimestamp(second, UTC)
        spot, market = spot_listing(symbol), self._market
        vol = market.implied_vol(spot, at)
        quote = quote_at(market, spot, market.hours(spot, calendar_at(at)), at)
        if vol is None or quote is None:
            return None
        return Surface((quote.bid + quote.ask) / 2, variance_of(vol))

    def _made_board(self, today: Session) -> Board:
        calendar = calendar_at(today.opens_at)
        levels = {
            symbol: close
            for symbol in MONTH_ENDS
            if self.surface(symbol, today.opens_at) is not None
            and (close := previous_close(self._market, spot_listing(symbol), calendar, today))
        }
        return Board(today.session_date, calendar.regular, levels)


def years_to_expiry(listing: OptionListing, at: datetime) -> float:
    """Return the calendar time to 16:00 New York of the expiry, in years of 365 days."""
    seconds = (new_york(listing.last_trade, 16) - at).total_seconds()
    return max(seconds, SHORTEST_LIFE_SECONDS) / YEAR_SECONDS


def quoted(listing: OptionListing, value: Value) -> tuple[float, float]:
    """Return bid and ask about a value, on ticks; the bid is NaN where nobody would pay."""
    price = value.greeks.price
    intrinsic = value.terms.intrinsic(listing.right)
    spread = SPREAD + SPREAD_OF_TIME_VALUE * max(price - intrinsic, 0.0)
    spread = min(spread + SPREAD_OF_INTRINSIC * intrinsic, WIDEST_SPREAD)
    tick = FINE_TICK if price < COARSE_FROM else COARSE_TICK
    bid = round(math.floor((price - spread / 2) / tick + 1e-6) * tick, 2)
    ask = round(max(math.ceil((price + spread / 2) / tick - 1e-6), 1) * tick, 2)
    return (bid if bid > 0 else math.nan), ask
