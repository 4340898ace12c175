"""Stored one-minute bars as the returns of pairs: what every statistic of a pair starts from.

Bars alone, not snapshots: sessions that were back-filled have nothing else, and the last price
of a minute is at the same moment for both legs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from futures_pipeline.analytics.lead_lag.report import Market, trade_gap_seconds
from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.analytics.reference_prices import reference_prices
from futures_pipeline.analytics.returns.costs import ROUND_TRIP_COST_BP
from futures_pipeline.analytics.returns.flags import quality_flags
from futures_pipeline.analytics.returns.grid import grid_returns
from futures_pipeline.analytics.returns.pairs import front_returns
from futures_pipeline.api.store import FUTURES, NOTHING_KNOWN, Store, front_months
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import PAIR_PATTERN, UNIVERSE, select_instruments
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS

# Both follow one index, so that a divergence of theirs is a fault of the data.
INDEX_PAIRS = frozenset({("ES", "SPY"), ("NQ", "QQQ"), ("RTY", "IWM")})
# Of a market whose cost is not known: the dearest that is.
UNKNOWN_COST_BP = max(ROUND_TRIP_COST_BP.values())
NEEDED = [
    *("symbol", "contract", "expiry", "session_date", "ts_start", "ts_end"),
    *("close", "volume", "trade_count", "source", "data_type"),
]
NO_SNAPSHOTS = pl.DataFrame(schema=FUTURES_SNAPSHOTS.schema)

Legs = tuple[str, str]


def legs_of(pairs: Sequence[str]) -> list[Legs]:
    """Return pairs as their futures and spot symbols.

    >>> legs_of(["ES-SPY", "ES-BTC/USDT"])
    [('ES', 'SPY'), ('ES', 'BTC/USDT')]
    """
    return [(futures, spot) for futures, _, spot in (pair.partition("-") for pair in pairs)]


def pair_name(legs: Legs) -> str:
    """Return the name of a pair.

    >>> pair_name(("ES", "SPY"))
    'ES-SPY'
    """
    return "-".join(legs)


def round_trip_cost_bp(symbol: str) -> float:
    """Return what buying and selling costs, basis points; see ``returns.costs``."""
    return ROUND_TRIP_COST_BP.get(symbol.replace("/", ""), UNKNOWN_COST_BP)


@dataclass(frozen=True)
class Bars:
    """The stored bars of some sessions, with who led in each.

    ``rows``: of ``bars_1m``, several sessions, ascending by contract and time. ``schedule``:
    a ``front_month_schedule`` of the same sessions.
    """

    rows: pl.DataFrame
    schedule: pl.DataFrame
    calendar: TradingCalendar

    def of(self, session_dates: Sequence[date]) -> "Bars":
        """Return the bars of some sessions."""
        chosen = pl.col("session_date").is_in(list(session_dates))
        return Bars(self.rows.filter(chosen), self.schedule.filter(chosen), self.calendar)

    def returns(self, minutes: int) -> pl.DataFrame:
        """Return the returns of every contract, ``returns.grid.grid_returns``."""
        hours = {
            symbol: market_hours(UNIVERSE[symbol].kind, self.calendar) for symbol in self.symbols
        }
        prices = reference_prices(NO_SNAPSHOTS, self.rows, self.tick_sizes)
        return grid_returns(prices, hours, self.calendar, self.session_dates, minutes)

    def front(self, minutes: int) -> pl.DataFrame:
        """Return the returns of each symbol's front month, ``returns.pairs.front_returns``."""
        return front_returns(self.returns(minutes), self.schedule)

    def flags(self) -> pl.DataFrame:
        """Return what is unusual of each minute of the front months, ``returns.flags``."""
        return quality_flags(self.front(1), self.rows, self.calendar, self.tick_sizes)

    def market(self, symbol: str) -> Market:
        """Return a leg with its cost and how often it trades."""
        own = self.rows.filter(symbol=symbol)
        if symbol in FUTURES:
            own = own.join(self.schedule, on=["symbol", "session_date", "contract"], how="semi")
        gap = trade_gap_seconds(own, self.calendar.regular)
        return Market(symbol, round_trip_cost_bp(symbol), gap)

    @property
    def tick_sizes(self) -> dict[str, float]:
        """The smallest price step of each symbol."""
        return {symbol: UNIVERSE[symbol].tick_size for symbol in self.symbols}

    @cached_property
    def session_dates(self) -> list[date]:
        """The sessions that have bars, ascending."""
        return self.rows["session_date"].unique().sort().to_list()

    @property
    def symbols(self) -> list[str]:
        """The symbols that have bars, as the universe lists them, pairs of currencies last."""
        held = set(self.rows["symbol"].unique())
        return [*(symbol for symbol in UNIVERSE if symbol in held), *sorted(held - set(UNIVERSE))]


def stored_bars(store: Store, symbols: Sequence[str], session_dates: Sequence[date]) -> Bars:
    """Return the bars of some symbols and sessions as the lake has them."""
    chosen = (
        pl.col("symbol").is_in(list(symbols)),
        pl.col("session_date").is_in(list(session_dates)),
    )
    return with_fronts(store, store.scan(BARS_1M.name).filter(*chosen).select(NEEDED).collect())


def with_fronts(store: Store, rows: pl.DataFrame) -> Bars:
    """Return rows of ``bars_1m`` with who led in their sessions."""
    futures = rows.filter(pl.col("symbol").is_in(FUTURES))
    known = futures.select("symbol", "contract", "expiry", "session_date").unique()
    schedule = front_months(store, known, NOTHING_KNOWN)
    return Bars(rows, schedule, calendar_for(store.settings.clock.now()))


def held_sessions(store: Store) -> dict[str, list[date]]:
    """Return the sessions, ascending, that each symbol has bars of."""
    held = store.scan(BARS_1M.name).select("symbol", "session_date").unique().collect()
    by_symbol = held.sort("session_date").group_by("symbol").agg("session_date")
    return dict(by_symbol.iter_rows())


def last_shared(
    held: Mapping[str, Sequence[date]], legs: Legs, until: date, count: int
) -> list[date]:
    """Return the last sessions up to a date, ascending, that both legs have bars of."""
    both = set(held.get(legs[0], ())) & set(held.get(legs[1], ()))
    return sorted(day for day in both if day <= until)[-count:]


def checked_legs(futures_symbol: str, spot_symbol: str) -> Legs:
    """Return two symbols that a pair can be made of.

    Raises:
        UnknownSymbol: one of them is not known.
        ConfigurationError: they are one and the same.
    """
    for symbol in (futures_symbol, spot_symbol):
        if not PAIR_PATTERN.fullmatch(symbol):
            select_instruments([symbol])
    if futures_symbol == spot_symbol:
        raise ConfigurationError("pair", f"{futures_symbol}-{spot_symbol}", "of two symbols")
    return futures_symbol, spot_symbol
