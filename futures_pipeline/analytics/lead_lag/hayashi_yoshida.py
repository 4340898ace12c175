"""Lead and lag of two series at their own ticks, without a grid and so without stale prices.

Source: QUANT_SPEC 4.5; Hayashi and Yoshida 2005 (covariance), Hoffmann, Rosenbaum and Yoshida
2013 (lead), Huth and Abergel 2014 (lead/lag ratio).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.inference import student_quantile
from futures_pipeline.analytics.kernels.compiled import Floats, Integers
from futures_pipeline.analytics.kernels.sweep import overlap_sums
from futures_pipeline.analytics.market_time import require_aware, utc_microseconds

MICROSECONDS_A_SECOND = 1_000_000

TICK_PROFILE_SCHEMA: Mapping[str, pl.DataType] = {
    "lead_seconds": pl.Float64(),
    "correlation": pl.Float64(),
    "sessions": pl.Int64(),
}


class TickLead(NamedTuple):
    """What ticks say of a lead; None where unknown. > 0, or a ratio > 1: futures move first.

    ``lead_seconds`` is where the correlation is largest. ``lead_lag_ratio`` compares the
    squared correlations of both sides, with a 95 % interval over sessions (two or more).
    """

    lead_seconds: float | None
    correlation: float | None
    lead_lag_ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    sessions: int


def hayashi_yoshida(
    x_at: Integers, x: Floats, y_at: Integers, y: Floats, leads: Integers
) -> Floats:
    """Return the correlation of two tick series for each lead of ``x`` over ``y``.

    Args:
        x_at: times of the ticks in integers of any unit, strictly ascending.
        x: log prices at those times.
        y_at: as for ``x``.
        y: log prices at those times.
        leads: in the unit of the times; > 0: ``x`` moves first.

    NaN when a series does not move. Two changes count together when their half-open intervals
    overlap; touching ones do not. The sign is kept.
    """
    size = math.sqrt(float((np.diff(x) ** 2).sum()) * float((np.diff(y) ** 2).sum()))
    correlation: Floats = overlap_sums(x_at, x, y_at, y, leads) / (size if size > 0 else np.nan)
    return correlation


def tick_lead(
    futures: pl.DataFrame, spot: pl.DataFrame, lead_seconds: Sequence[float]
) -> tuple[TickLead, pl.DataFrame]:
    """Return the lead that ticks or quotes show, and the profile behind it.

    Args:
        futures: ``session_date``, ``at`` (UTC), ``price`` (> 0), any order. Of several at one
            moment the last row counts.
        spot: the same columns.
        lead_seconds: the grid of leads, both signs, to the microsecond.

    Returns:
        The lead, and ``TICK_PROFILE_SCHEMA`` ascending by lead. Each session of both counts by
        its variance; no change crosses a session.
    """
    leads = np.round(np.sort(np.array(lead_seconds)) * MICROSECONDS_A_SECOND).astype(np.int64)
    ticks = [_by_session(frame) for frame in (futures, spot)]
    both = sorted(ticks[0].keys() & ticks[1].keys())
    sums = np.zeros((len(both), len(leads)))
    variances = np.zeros((len(both), 2))
    for row, session in enumerate(both):
        (x_at, x), (y_at, y) = (of_leg[session] for of_leg in ticks)
        sums[row] = overlap_sums(x_at, x, y_at, y, leads)
        variances[row] = (np.diff(x) ** 2).sum(), (np.diff(y) ** 2).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        of_sessions = sums / np.sqrt(variances.prod(axis=1))[:, None]
        correlation = sums.sum(axis=0) / np.sqrt(variances.sum(axis=0).prod())
    seconds = leads / MICROSECONDS_A_SECOND
    columns = {"lead_seconds": seconds, "correlation": correlation}
    profile = pl.DataFrame(columns).with_columns(
        pl.col("correlation").fill_nan(None), sessions=pl.lit(len(both), pl.Int64)
    )
    return _judged(seconds, correlation, of_sessions), profile.select(*TICK_PROFILE_SCHEMA)


def lead_lag_ratio(lead_seconds: Floats, correlation: Floats) -> float:
    """Return the squared correlations at leads above 0 over those below; NaN without either."""
    ahead = float((correlation[lead_seconds > 0] ** 2).sum())
    behind = float((correlation[lead_seconds < 0] ** 2).sum())
    return ahead / behind if behind > 0 else float("nan")


def _judged(seconds: Floats, correlation: Floats, of_sessions: Floats) -> TickLead:
    sessions = len(of_sessions)
    if np.isnan(correlation).all():
        return TickLead(None, None, None, None, None, sessions)
    best = int(np.nanargmax(correlation))
    ratio = _known(lead_lag_ratio(seconds, correlation))
    by_session = np.array([lead_lag_ratio(seconds, row) for row in of_sessions])
    usable = np.log(by_session[np.isfinite(by_session) & (by_session > 0)])
    low = high = None
    if len(usable) > 1:
        half = student_quantile(0.975, len(usable) - 1) * usable.std(ddof=1) / len(usable) ** 0.5
        low, high = (math.exp(usable.mean() + side * half) for side in (-1, 1))
    return TickLead(float(seconds[best]), float(correlation[best]), ratio, low, high, sessions)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _by_session(ticks: pl.DataFrame) -> dict[Any, tuple[Integers, Floats]]:
    require_aware(ticks, ("at",))
    once = (
        ticks.with_columns(utc_microseconds("at"))
        .filter(pl.col("price") > 0)
        .sort("session_date", "at", maintain_order=True)
        .unique(["session_date", "at"], keep="last", maintain_order=True)
        .with_columns(log_price=pl.col("price").log())
    )
    return {
        key: (rows["at"].to_physical().to_numpy(), rows["log_price"].to_numpy())
        for (key,), rows in once.partition_by("session_date", as_dict=True).items()
    }
