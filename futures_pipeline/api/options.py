"""What options say: 27 numbers a session, and the regime that is known before one."""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from futures_pipeline.analytics.regimes import (
    MOST_SESSIONS_OLD,
    Asked,
    EnhancedMarketRegime,
    known_row,
    market_regime,
)
from futures_pipeline.api.snapshots import MOST_SESSIONS
from futures_pipeline.api.store import Store, open_store
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import UNIVERSE, Kind, select_instruments
from futures_pipeline.storage.tables import BARS_1M, DERIVED_STATISTICS, MARKET_REGIMES

ETFS = [symbol for symbol, instrument in UNIVERSE.items() if instrument.kind is Kind.ETF]
VIX = "VIX"
# A price this old says nothing of the moment: the market was closed, or the stream mute.
OLDEST_PRICE = timedelta(minutes=15)


def get_derived_statistics(
    symbol: str, days: int = 252, *, data: Path | str | None = None
) -> pl.DataFrame:
    """Return an ETF's ``derived_statistics`` of the newest ``days`` sessions stored, oldest first.

    The 27 numbers of each NYSE session and what stands beside them; where one is null,
    ``reasons`` says why. Empty when nothing is stored.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
        ConfigurationError: it is no ETF, or ``days`` is not 1 to 5,200.
    """
    _checked_etf(symbol)
    if not 0 < days <= MOST_SESSIONS:
        raise ConfigurationError("days", days, f"above 0 and at most {MOST_SESSIONS}")
    table = open_store(data).open(DERIVED_STATISTICS.name)
    newest = [] if table is None else table.session_dates()[-days:]
    if table is None or not newest:
        return pl.DataFrame(schema=DERIVED_STATISTICS.schema)
    own = (pl.col("symbol") == symbol) & (pl.col("session_date") >= newest[0])
    return table.scan().filter(own).sort("session_date").collect()


def get_market_regime(
    symbol: str, as_of: datetime | None = None, *, data: Path | str | None = None
) -> EnhancedMarketRegime:
    """Return what was known of an ETF's market at a moment; None for the market's now.

    Of the newest session before the moment's own, at most three sessions old: an older one
    is unknown, its nine fields None and the outlook neutral. ``vix`` and ``price`` are the last
    closed minute's, None when that is more than a quarter of an hour ago.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
        ConfigurationError: it is no ETF, or ``as_of`` has no time zone.
        CalendarError: ``as_of`` lies outside of the calendar.
    """
    _checked_etf(symbol)
    store = open_store(data)
    at = store.settings.clock.now() if as_of is None else as_of
    if at.tzinfo is None:
        raise ConfigurationError("as_of", at, "a time with its zone, such as UTC")
    calendar = calendar_for(at)
    session_date = calendar.session_date(at)
    asked = Asked(
        symbol,
        at,
        session_date,
        vix=_price(store, VIX, at, session_date),
        price=_price(store, symbol, at, session_date),
    )
    return market_regime(asked, known_row(asked, recent_regimes(store, asked), calendar.regular))


def recent_regimes(store: Store, asked: Asked) -> pl.DataFrame:
    """Return the ``market_regimes`` rows that may be recent enough for the asker."""
    earliest = asked.session_date - timedelta(days=7 * MOST_SESSIONS_OLD)
    is_near = pl.col("session_date").is_between(earliest, asked.session_date, closed="left")
    rows = store.scan(MARKET_REGIMES.name)
    return rows.filter(is_near, pl.col("symbol") == asked.symbol).collect()


def _price(store: Store, symbol: str, at: datetime, session_date: date) -> float | None:
    """Return the close of the last minute that had ended by a moment."""
    ended = pl.col("ts_end").is_between(at - OLDEST_PRICE, at)
    own = (pl.col("symbol") == symbol) & (pl.col("session_date") == session_date)
    bars = store.scan(BARS_1M.name).filter(own, ended).select("ts_end", "close").collect()
    return None if bars.is_empty() else float(bars.sort("ts_end")["close"][-1])


def _checked_etf(symbol: str) -> None:
    select_instruments([symbol])
    if symbol not in ETFS:
        raise ConfigurationError("symbol", symbol, f"an ETF with options: {', '.join(ETFS)}")
