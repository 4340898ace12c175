"""Any two markets as frames: their returns, and what is computed of them, for pictures.

The tables ``correlations``, ``correlation_heatmap`` and ``spreads`` hold the same of the pairs
in ``analysis.pairs``; here it is computed from the stored bars, for any two symbols.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from futures_pipeline.analytics.correlation.by_time import (
    POOLED_SESSIONS,
    correlation_by_hour,
    correlation_by_segment,
)
from futures_pipeline.analytics.correlation.rolling import (
    REFERENCE_SESSIONS,
    WINDOWS,
    rolling_correlations,
)
from futures_pipeline.analytics.correlation.spread import TRAILING_SESSIONS, spread_bands
from futures_pipeline.analytics.returns.pairs import paired_returns
from futures_pipeline.api.pairs import (
    Bars,
    Legs,
    checked_legs,
    held_sessions,
    last_shared,
    stored_bars,
)
from futures_pipeline.api.store import AsOf, Store, open_store
from futures_pipeline.domain.errors import ConfigurationError

HEATMAP_MINUTES = (1, 5, 15, 60, 240)
SPREAD_MINUTES = 60


def get_symbols(*, data: Path | str | None = None) -> list[str]:
    """Return the symbols that have stored bars, those the broker lists first."""
    store = open_store(data)
    held = held_sessions(store)
    known = [instrument.symbol for instrument in store.settings.instruments]
    return [*(s for s in known if s in held), *sorted(set(held) - set(known))]


def get_pair_returns(
    futures_symbol: str,
    spot_symbol: str,
    minutes: int = 1,
    sessions: int = 1,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> pl.DataFrame:
    """Return the prices and log returns of two symbols at the same moments, ascending.

    Columns as ``analytics.returns.pairs.paired_returns``: a return that is not known is null
    with a ``reason``. ``sessions``: the last ones that both have bars of. ``as_of``: a version
    of ``bars_1m``, or a time.

    Raises:
        UnknownSymbol: a symbol is not known.
        ConfigurationError: the symbols are one, or no correlation has such ``minutes``.
    """
    return _paired(_recent(futures_symbol, spot_symbol, sessions, open_store(data, as_of)), minutes)


def get_rolling_correlation(
    futures_symbol: str,
    spot_symbol: str,
    minutes: int = 1,
    sessions: int = 1,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> pl.DataFrame:
    """Return the correlation over the last returns at each moment of some sessions.

    Columns as ``analytics.correlation.rolling.rolling_correlations``; the window is 60 returns
    of 1 minute, 78 of 5, 52 of 15, 46 of 60. Errors as :func:`get_pair_returns`.
    """
    if minutes not in WINDOWS:
        raise ConfigurationError("minutes", minutes, f"one of {', '.join(map(str, WINDOWS))}")
    found = _recent(
        futures_symbol, spot_symbol, sessions + REFERENCE_SESSIONS, open_store(data, as_of)
    )
    days = found[2][-sessions:]
    return rolling_correlations(_paired(found, minutes), WINDOWS[minutes], days)


def get_correlation_by_time(
    futures_symbol: str, spot_symbol: str, *, data: Path | str | None = None, as_of: AsOf = None
) -> pl.DataFrame:
    """Return the correlation by New York hour and by part of the session, 20 sessions pooled.

    ``timeframe_minutes``, ``grouped_by`` (hour or segment), ``cell`` and the estimate, as the
    table ``correlation_heatmap`` has them. Errors as :func:`get_pair_returns`.
    """
    found = _recent(futures_symbol, spot_symbol, POOLED_SESSIONS, open_store(data, as_of))
    last = max(found[2], default=date.min)
    parts = []
    for minutes in HEATMAP_MINUTES:
        returns = _paired(found, minutes)
        cells = _cells(returns, last).with_columns(timeframe_minutes=pl.lit(minutes, pl.Int64))
        parts.append(cells.clear() if returns.is_empty() else cells)
    return pl.concat(parts)


def get_spread(
    futures_symbol: str,
    spot_symbol: str,
    sessions: int = 5,
    *,
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> pl.DataFrame:
    """Return how far apart two log prices are, hour by hour, in units of the usual.

    Columns as ``analytics.correlation.spread.spread_bands``. Errors as
    :func:`get_pair_returns`.
    """
    found = _recent(
        futures_symbol, spot_symbol, sessions + TRAILING_SESSIONS, open_store(data, as_of)
    )
    return spread_bands(_paired(found, SPREAD_MINUTES), found[2][-sessions:])


_Recent = tuple[Bars, Legs, Sequence[date]]


def _recent(futures_symbol: str, spot_symbol: str, sessions: int, store: Store) -> _Recent:
    legs = checked_legs(futures_symbol, spot_symbol)
    days = last_shared(held_sessions(store), legs, date.max, sessions)
    return stored_bars(store, legs, days), legs, days


def _paired(found: _Recent, minutes: int) -> pl.DataFrame:
    if minutes not in HEATMAP_MINUTES:
        allowed = ", ".join(map(str, HEATMAP_MINUTES))
        raise ConfigurationError("minutes", minutes, f"one of {allowed}")
    bars, legs, _ = found
    return paired_returns(bars.front(minutes), *legs)


def _cells(returns: pl.DataFrame, until: date) -> pl.DataFrame:
    by_hour = correlation_by_hour(returns, until).with_columns(
        pl.col("hour").cast(pl.String).str.zfill(2)
    )
    by_part = correlation_by_segment(returns, until)
    return pl.concat(
        [
            by_hour.rename({"hour": "cell"}).with_columns(grouped_by=pl.lit("hour")),
            by_part.rename({"segment": "cell"}).with_columns(grouped_by=pl.lit("segment")),
        ]
    )
