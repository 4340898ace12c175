"""What state an ETF's market is in, from its derived statistics; never from the day itself.

Source: QUANT_SPEC 8.1. A regime describes; it is no evidence that the market will go on so.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import polars as pl

from futures_pipeline.analytics.options.history import by_session, percentile
from futures_pipeline.domain.sessions import Timetable

MOST_SESSIONS_OLD = 3
PUT_CALL_SESSIONS = 60
HIGHEST_FIFTH, LOWEST_FIFTH = 80.0, 20.0
# What is read of a derived_statistics row beside its regime.
FIELDS = (
    "iv_rank_30d",
    "iv_rank_60d",
    "iv_rank_90d",
    "iv_percentile_1y",
    "volatility_20d",
    "trend_20d",
    "put_call_ratio",
    "term_structure_slope",
)


class Regime(StrEnum):
    """A market's state; ``UNKNOWN`` without trend or volatility."""

    UNKNOWN = "unknown"
    CRISIS = "crisis"
    HIGH_VOLATILITY = "high_volatility"
    TRENDING_UP = "trending_up"
    TRENDING_DOWN = "trending_down"
    LOW_VOLATILITY = "low_volatility"
    RANGE_BOUND = "range_bound"


class Outlook(StrEnum):
    """The direction that trend, put-call ratio and term structure speak for."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one day that a regime is read from; None is unknown.

    ``trend`` in sigmas, ``volatility`` annualised (a fraction), ``slope`` of the term structure
    (below 0: stress), ``percentile`` of implied volatility (0 to 100).
    """

    trend: float | None
    volatility: float | None
    slope: float | None
    percentile: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """For which ETF and moment a regime is asked, and what the asker knows of it.

    ``session_date``: trade date of the session of the moment. ``vix`` in points, ``price`` in
    US dollars, ``iv_rank`` 0 to 100.
    """

    symbol: str
    timestamp: datetime
    session_date: date
    iv_rank: float | None = None
    vix: float | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True)
class EnhancedMarketRegime:
    """What is known of an ETF's market before a session.

    ``iv_rank`` is the caller's, else the one of 60 sessions. The last nine fields are of one
    ``derived_statistics`` row and all None where none is recent enough; units are that table's.
    """

    symbol: str
    timestamp: datetime
    outlook: Outlook
    iv_rank: float | None
    vix: float | None
    price: float | None
    iv_rank_30d: float | None
    iv_rank_60d: float | None
    iv_rank_90d: float | None
    iv_percentile_1y: float | None
    volatility_20d: float | None
    trend_20d: float | None
    put_call_ratio: float | None
    term_structure_slope: float | None
    derived_regime: Regime | None


def regime_of(reading: Reading) -> Regime:
    """Return the first state whose condition holds; an unknown number fulfils none."""
    trend, volatility = reading.trend, reading.volatility
    if trend is None or volatility is None:
        return Regime.UNKNOWN
    # NaN compares as false with every bound.
    slope = math.nan if reading.slope is None else reading.slope
    rank = math.nan if reading.percentile is None else reading.percentile
    conditions = {
        Regime.CRISIS: volatility >= 0.35 or (slope <= -0.10 and rank >= 90),
        Regime.HIGH_VOLATILITY: rank >= 80 or volatility >= 0.25,
        Regime.TRENDING_UP: trend >= 1,
        Regime.TRENDING_DOWN: trend <= -1,
        Regime.LOW_VOLATILITY: rank <= 20 and volatility <= 0.12,
    }
    return next((regime for regime, holds in conditions.items() if holds), Regime.RANGE_BOUND)


def held_regime(held: Regime, yesterday: Regime, today: Regime) -> Regime:
    """Return the regime of a day, which changes only on the second day of a new state.

    Args:
        held: the regime of the session before, ``UNKNOWN`` when there is none.
        yesterday, today: what :func:`regime_of` says of the two sessions.

    A crisis begins at once; so does anything after, and into, the unknown.
    """
    at_once = Regime.UNKNOWN in (held, today) or today is Regime.CRISIS
    return today if at_once or today is yesterday else held


def regimes(readings: Iterable[Reading]) -> list[Regime]:
    """Return the regime of each of some consecutive sessions, ascending, from the unknown on."""
    held = yesterday = Regime.UNKNOWN
    found = []
    for reading in readings:
        today = regime_of(reading)
        held, yesterday = held_regime(held, yesterday, today), today
        found.append(held)
    return found


def outlook(trend: float | None, slope: float | None, put_call_percentile: float | None) -> Outlook:
    """Return the outlook; neutral without a trend, and an unknown part speaks for neither side.

    Many puts bought are taken as a sign of a rise, and few as one of a fall (contrarian).
    ``put_call_percentile``: of the ratio in its own 60 sessions, 0 to 100.
    """
    if trend is None:
        return Outlook.NEUTRAL
    puts = math.nan if put_call_percentile is None else put_call_percentile
    contrarian = (puts >= HIGHEST_FIFTH) - (puts <= LOWEST_FIFTH)
    score = 0.6 * _clipped(trend / 2) + 0.2 * contrarian + 0.2 * _clipped((slope or 0.0) / 0.10)
    if score >= 0.25:
        return Outlook.BULLISH
    return Outlook.BEARISH if score <= -0.25 else Outlook.NEUTRAL


def market_regime(
    asked: Asked, statistics: pl.DataFrame, regular: Timetable
) -> EnhancedMarketRegime:
    """Return what the latest ``derived_statistics`` row before the session says.

    Args:
        asked: the ETF, the moment and its session, whose own row is not read.
        statistics: ``derived_statistics`` rows of any days and symbols: ``symbol``, ``date``,
            ``regime`` and the fields.
        regular: NYSE's sessions.

    A row more than three sessions old is as good as none.
    """
    known = statistics.filter(pl.col("symbol") == asked.symbol, pl.col("date") < asked.session_date)
    row = _latest(known, asked.session_date, regular)
    fields = {name: row.get(name) for name in FIELDS}
    regime = row.get("regime")
    puts = _put_call_percentile(known, row["date"], regular) if row else None
    return EnhancedMarketRegime(
        symbol=asked.symbol,
        timestamp=asked.timestamp,
        outlook=outlook(fields["trend_20d"], fields["term_structure_slope"], puts),
        iv_rank=fields["iv_rank_60d"] if asked.iv_rank is None else asked.iv_rank,
        vix=asked.vix,
        price=asked.price,
        derived_regime=None if regime is None else Regime(regime),
        **fields,
    )


def _latest(rows: pl.DataFrame, today: date, regular: Timetable) -> dict[str, Any]:
    """Return the newest row, empty when there is none or it is too old."""
    if rows.is_empty():
        return {}
    row = rows.sort("date").row(-1, named=True)
    is_recent = regular.sessions_apart(row["date"], today) <= MOST_SESSIONS_OLD
    return row if is_recent else {}


def _put_call_percentile(rows: pl.DataFrame, day: date, regular: Timetable) -> float | None:
    """Return where a day's put-call ratio lies in its own 60 sessions, 0 to 100."""
    sessions = regular.before(day + timedelta(days=1), PUT_CALL_SESSIONS)
    ratios = by_session(rows, "put_call_ratio", [session.session_date for session in sessions])
    return percentile(ratios, PUT_CALL_SESSIONS).value


def _clipped(value: float) -> float:
    return min(max(value, -1.0), 1.0)
