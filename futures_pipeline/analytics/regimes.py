"""What state an ETF's market is in, from its derived statistics; never from the day itself.

Source: QUANT_SPEC 8.1. A regime describes; it is no evidence that the market will go on so.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import polars as pl

from futures_pipeline.analytics.options.history import Measured, by_session, percentile
from futures_pipeline.domain.sessions import Timetable

MOST_SESSIONS_OLD = 3
PUT_CALL_SESSIONS = 60
HIGHEST_FIFTH, LOWEST_FIFTH = 80.0, 20.0
# Of the score, from which on an outlook is not neutral.
LEANING = 0.25
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
# What a row of ``market_regimes`` repeats beside them.
BESIDE = ("iv_atm_30d", "vix_close", "underlying_close")
SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "session_date": pl.Date(),
    "updated_at": pl.Datetime("us", "UTC"),
    "outlook": pl.String(),
    "outlook_score": pl.Float64(),
    **{name: pl.Float64() for name in FIELDS},
    "derived_regime": pl.String(),
    "put_call_pctile_60": pl.Float64(),
    **{name: pl.Float64() for name in BESIDE},
    "reasons": pl.String(),
}


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
    ``market_regimes`` row and all None where none is recent enough; units are that table's.
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


def contrarian_sign(put_call_percentile: float | None) -> int:
    """Return 1 where puts are bought unusually much, -1 where unusually little, else 0."""
    if put_call_percentile is None:
        return 0
    return (put_call_percentile >= HIGHEST_FIFTH) - (put_call_percentile <= LOWEST_FIFTH)


def outlook_score(
    trend: float | None, slope: float | None, put_call_percentile: float | None
) -> float | None:
    """Return what the outlook is read from, -1 to 1; None without a trend.

    An unknown slope or percentile speaks for neither side. Many puts bought are taken as a
    sign of a rise, and few as one of a fall (contrarian). ``put_call_percentile``: of the
    ratio in its own 60 sessions, 0 to 100.
    """
    if trend is None:
        return None
    contrarian = contrarian_sign(put_call_percentile)
    return 0.6 * _clipped(trend / 2) + 0.2 * contrarian + 0.2 * _clipped((slope or 0.0) / 0.10)


def outlook(trend: float | None, slope: float | None, put_call_percentile: float | None) -> Outlook:
    """Return the outlook; neutral without a trend. Arguments as for :func:`outlook_score`."""
    score = outlook_score(trend, slope, put_call_percentile)
    if score is None or abs(score) < LEANING:
        return Outlook.NEUTRAL
    return Outlook.BULLISH if score > 0 else Outlook.BEARISH


def regime_rows(
    statistics: pl.DataFrame, day: date, regular: Timetable, updated_at: datetime
) -> pl.DataFrame:
    """Return ``market_regimes`` rows of one session: what the sessions after it may know.

    Args:
        statistics: ``derived_statistics`` rows of any days and symbols, one a symbol and date;
            those after ``day`` are not read.
        day: an NYSE session; a symbol without a row of it gets none.
        regular: NYSE's sessions.
        updated_at: when this is computed, UTC.
    """
    rows = statistics.filter(pl.col("date") == day).sort("symbol")
    ratios = statistics.select("symbol", "date", "put_call_ratio")
    found = [
        _regime_row(row, ratios.filter(pl.col("symbol") == row["symbol"]), regular)
        for row in rows.iter_rows(named=True)
    ]
    return pl.DataFrame([row | {"updated_at": updated_at} for row in found], schema=SCHEMA)


def _regime_row(row: Mapping[str, Any], own: pl.DataFrame, regular: Timetable) -> dict[str, Any]:
    puts = _put_call_percentile(own, row["date"], regular)
    told = row["trend_20d"], row["term_structure_slope"], puts.value
    missing = None if puts.reason is None else f"put_call_pctile_60 {puts.reason}"
    return {
        **{name: row[name] for name in ("symbol", *FIELDS, *BESIDE)},
        "session_date": row["date"],
        "outlook": str(outlook(*told)),
        "outlook_score": outlook_score(*told),
        "derived_regime": row["regime"],
        "put_call_pctile_60": puts.value,
        "reasons": "; ".join(filter(None, (row["reasons"], missing))) or None,
    }


def known_row(asked: Asked, regimes: pl.DataFrame, regular: Timetable) -> dict[str, Any]:
    """Return the newest ``market_regimes`` row of an ETF from before the asker's session.

    Args:
        asked: the ETF and the session, whose own row is not read.
        regimes: ``market_regimes`` rows of any days and symbols.
        regular: NYSE's sessions.

    Empty when there is none, or none of the last three sessions: old is as good as unknown.
    """
    day = pl.col("session_date")
    earlier = regimes.filter(pl.col("symbol") == asked.symbol, day < asked.session_date)
    if earlier.is_empty():
        return {}
    row = earlier.sort("session_date").row(-1, named=True)
    apart = regular.sessions_apart(row["session_date"], asked.session_date)
    return row if apart <= MOST_SESSIONS_OLD else {}


def market_regime(asked: Asked, known: Mapping[str, Any]) -> EnhancedMarketRegime:
    """Return what is known of an ETF; ``known``: its :func:`known_row`, neutral when empty."""
    fields = {name: known.get(name) for name in FIELDS}
    regime = known.get("derived_regime")
    return EnhancedMarketRegime(
        symbol=asked.symbol,
        timestamp=asked.timestamp,
        outlook=Outlook(known.get("outlook", Outlook.NEUTRAL)),
        iv_rank=fields["iv_rank_60d"] if asked.iv_rank is None else asked.iv_rank,
        vix=asked.vix,
        price=asked.price,
        derived_regime=None if regime is None else Regime(regime),
        **fields,
    )


def _put_call_percentile(rows: pl.DataFrame, day: date, regular: Timetable) -> Measured:
    """Return where a day's put-call ratio lies in its own 60 sessions, 0 to 100."""
    sessions = regular.before(day + timedelta(days=1), PUT_CALL_SESSIONS)
    ratios = by_session(rows, "put_call_ratio", [session.session_date for session in sessions])
    return percentile(ratios, PUT_CALL_SESSIONS)


def _clipped(value: float) -> float:
    return min(max(value, -1.0), 1.0)
