"""How far each five-minute bar of a session usually moves.

The level of volatility follows the days slowly, so that a crash does not rescale itself; the
time of day comes from the last 20 sessions. Source: QUANT_SPEC 6.7.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.domain.sessions import NEW_YORK

BAR_MINUTES = 5
BARS_IN_A_SESSION = 276
SESSION_STARTS_MINUTE = 18 * 60
HALF_LIFE_SESSIONS = 10.0
LEAST_SESSIONS = PROFILE_SESSIONS = 20
# Older sessions weigh less than a sixtieth of the newest.
MOST_SESSIONS = 60
Floats = NDArray[np.float64]


class BarScales(NamedTuple):
    """The usual size of each bar of a session from 18:00 New York on, a fraction.

    NaN where a slot was never seen; all NaN with a ``reason`` below 20 sessions.
    """

    sizes: Floats
    reason: str | None


def slot(bar_end: pl.Expr) -> pl.Expr:
    """Return the place of a five-minute bar in its session, from 0, by the end of the bar (UTC)."""
    local = bar_end.dt.convert_time_zone(NEW_YORK.key)
    minutes = local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute().cast(pl.Int32)
    return (minutes - SESSION_STARTS_MINUTE) % (24 * 60) // BAR_MINUTES - 1


def bar_scales(bars: pl.DataFrame, sessions: Sequence[date]) -> BarScales:
    """Return the usual size of the bars of a session, from the sessions before it.

    Args:
        bars: ``session_date``, ``at`` (bar end, UTC) and ``log_return`` (null where unknown) of
            the front contract of each session; one row a bar, in any order.
        sessions: the Globex sessions before the one asked about, ascending; 60 are used.
    """
    used = list(sessions[-MOST_SESSIONS:])
    squares = _squares(bars, used)
    seen = squares[~np.isnan(squares).all(axis=1)]
    if len(seen) < LEAST_SESSIONS:
        unknown = np.full(BARS_IN_A_SESSION, np.nan)
        return BarScales(unknown, f"{len(seen)}_of_{LEAST_SESSIONS}_sessions")
    shares = _profile(seen[-PROFILE_SESSIONS:])
    variance = _slow_variance(seen, shares)
    sizes = np.sqrt(variance * shares)
    return BarScales(np.where(sizes > 0, sizes, np.nan), None)


def _squares(bars: pl.DataFrame, sessions: Sequence[date]) -> Floats:
    """Return squared returns, a session a row and a slot a column; NaN where unknown."""
    rows = pl.DataFrame({"session_date": sessions}, schema={"session_date": pl.Date()})
    placed = (
        bars.join(rows.with_row_index("row"), on="session_date")
        .with_columns(slot(pl.col("at")).alias("slot"))
        .filter(pl.col("slot").is_between(0, BARS_IN_A_SESSION - 1))
        .drop_nulls("log_return")
    )
    squares = np.full((len(sessions), BARS_IN_A_SESSION), np.nan)
    squares[placed["row"].to_numpy(), placed["slot"].to_numpy()] = placed["log_return"] ** 2
    return squares


def _profile(squares: Floats) -> Floats:
    """Return each slot's share of a session's variance, smoothed over three bars."""
    known = ~np.isnan(squares)
    counts = known.sum(axis=0)
    totals = np.where(known, squares, 0.0).sum(axis=0)
    smooth = np.ones(3)
    near = np.convolve(counts, smooth, "same")
    means = np.full(BARS_IN_A_SESSION, np.nan)
    np.divide(np.convolve(totals, smooth, "same"), near, out=means, where=(counts > 0) & (near > 0))
    shares: Floats = means / np.nansum(means) if np.nansum(means) > 0 else np.full_like(means, 0.0)
    return shares


def _slow_variance(squares: Floats, shares: Floats) -> float:
    """Return the variance of a whole session; one half as old as ten sessions weighs double.

    A session of which only some bars are known counts for the share that they usually have.
    """
    known = ~np.isnan(squares) & ~np.isnan(shares)
    covered = (known * np.nan_to_num(shares)).sum(axis=1)
    usable = covered > 0
    daily = np.where(known, squares, 0.0).sum(axis=1)[usable] / covered[usable]
    ages = np.arange(len(squares))[::-1][usable]
    weights = 0.5 ** (ages / HALF_LIFE_SESSIONS)
    return float((daily * weights).sum() / weights.sum()) if len(daily) else 0.0
