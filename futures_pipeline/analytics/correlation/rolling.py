"""Correlation over the last returns of a pair, at each moment.

Source: QUANT_SPEC 3.3 and 3.5.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.estimate import (
    LEAST_PAIRS,
    Correlation,
    correlate,
    volatility_adjusted,
)
from futures_pipeline.analytics.kernels.compiled import Booleans, Floats, Integers
from futures_pipeline.analytics.market_time import UTC_TIME

# Returns in a window, by the minutes of a return.
WINDOWS: Mapping[int, int] = {1: 60, 5: 78, 15: 52, 60: 46}
REFERENCE_SESSIONS = 20
WINDOWS_AT_ONCE = 2048

ESTIMATE_SCHEMA: Mapping[str, pl.DataType] = {
    "correlation": pl.Float64(),
    "pairs": pl.Int64(),
    "effective_pairs": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "reason": pl.String(),
}
ROLLING_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "at": UTC_TIME,
    "contract_futures": pl.String(),
    "contract_spot": pl.String(),
    **ESTIMATE_SCHEMA,
    "correlation_adjusted": pl.Float64(),
    "variance_ratio": pl.Float64(),
}


def rolling_correlations(
    pairs: pl.DataFrame, window: int, session_dates: Sequence[date]
) -> pl.DataFrame:
    """Return the correlation of the last ``window`` returns at each grid point.

    Args:
        pairs: ``paired_returns``, ascending, with history: 20 sessions before the first date
            give the reference variance.
        window: returns in a window. Only grid points at which both markets were open count,
            so a window may reach back over a closure, and at a roll to returns of the
            contract before; no return itself crosses either.
        session_dates: the sessions to return.

    Returns:
        ``ROLLING_SCHEMA``, ascending by ``at``. ``correlation`` (-1 to 1) with its 95 %
        interval; ``pairs`` of the window whose returns are both known, and what they are
        worth; null with a ``reason``: ``fewer_than_20_pairs`` or ``flat_series``.
        ``correlation_adjusted``: had futures moved as they did over the 20 sessions before
        this one; ``variance_ratio``: how much more they did (1 is as usual); null without
        those sessions. A bad tick leaves the windows as soon as the next return shows what
        it was. No look-ahead, and of each session no row after the last return of either
        leg: the grid goes on to the close, also of a session that is under way.
    """
    both = pairs.filter("both_open")
    heard = pl.any_horizontal(pl.col("return_futures", "return_spot").is_not_null())
    of_sessions = pl.col("session_date").is_in(list(session_dates))
    is_past = pl.col("at") <= pl.col("at").filter(heard).max().over("session_date")
    wanted = both.select((of_sessions & is_past).fill_null(False)).to_series()
    at = np.flatnonzero(wanted.to_numpy())
    x, y = (_numbers(both[column]) for column in ("return_futures", "return_spot"))
    found = _windows(x, y, both["is_undone"].to_numpy(), window, at)
    usual = _usual_variance(both, at)
    columns = estimate_columns(found.correlation)
    rows = both[at.tolist()].select("session_date", "at", "contract_futures", "contract_spot")
    adjusted = volatility_adjusted(found.correlation.value, found.variance, usual)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = found.variance / usual
    return rows.with_columns(
        *columns,
        pl.Series("correlation_adjusted", adjusted).fill_nan(None),
        pl.Series("variance_ratio", np.where(usual > 0, ratio, np.nan)).fill_nan(None),
    ).select(pl.col(name).cast(dtype) for name, dtype in ROLLING_SCHEMA.items())


def estimate_columns(found: Correlation, least_pairs: int = LEAST_PAIRS) -> list[pl.Series]:
    """Return correlations as the columns of ``ESTIMATE_SCHEMA``."""
    value, pairs, effective, low, high = (np.atleast_1d(part) for part in found)
    enough = pairs >= least_pairs
    reason = np.where(enough, "flat_series", f"fewer_than_{least_pairs}_pairs")
    known = enough & ~np.isnan(value)
    columns: dict[str, object] = {
        "correlation": value,
        "pairs": pairs.astype(np.int64),
        "effective_pairs": effective,
        "low": low,
        "high": high,
        "reason": reason,
    }
    frame = pl.DataFrame(columns, schema_overrides=dict(ESTIMATE_SCHEMA))
    is_known = pl.lit(pl.Series(known))
    numbers = ("correlation", "effective_pairs", "low", "high")
    return frame.select(
        *(pl.when(is_known).then(name).alias(name) for name in numbers),
        "pairs",
        pl.when(~is_known).then("reason").alias("reason"),
    ).get_columns()


def colour(correlation: float | None, low: float | None, high: float | None) -> str:
    """Return the colour of a correlation: grey when unknown or not apart from 0.

    >>> colour(0.7, 0.5, 0.8), colour(0.3, 0.1, 0.5), colour(-0.4, -0.6, -0.1)
    ('green', 'yellow', 'red')
    >>> colour(0.3, -0.1, 0.6)
    'grey'
    """
    if correlation is None or low is None or high is None or low <= 0.0 <= high:
        return "grey"
    if correlation > 0.5:
        return "green"
    return "yellow" if correlation >= 0.0 else "red"


class _Windows(NamedTuple):
    correlation: Correlation
    variance: Floats


def _windows(x: Floats, y: Floats, undone: Booleans, window: int, at: Integers) -> _Windows:
    """Return the correlation of the windows that end at some rows, a part of them at a time.

    ``undone`` returns count only in the window that ends with them.
    """
    padding = np.full(window, np.nan)
    views = [
        np.lib.stride_tricks.sliding_window_view(np.concatenate([padding, kept]), window)[1:]
        for kept in (np.where(undone, np.nan, x), np.where(undone, np.nan, y))
    ]
    parts = [Correlation(*np.empty((5, 0)))]
    variances = [np.empty(0)]
    for begin in range(0, len(at), WINDOWS_AT_ONCE):
        chosen = at[begin : begin + WINDOWS_AT_ONCE]
        futures, spot = (view[chosen] for view in views)
        futures[:, -1], spot[:, -1] = x[chosen], y[chosen]
        parts.append(correlate(futures, spot))
        variances.append(_variance(futures, ~np.isnan(futures) & ~np.isnan(spot)))
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Windows(Correlation(*joined), np.concatenate(variances))


def _usual_variance(both: pl.DataFrame, at: Integers) -> Floats:
    """Return the variance of futures over the 20 sessions before that of each row."""
    known = both.select(
        "session_date",
        "return_futures",
        usable=pl.col("return_futures").is_not_null()
        & pl.col("return_spot").is_not_null()
        & ~pl.col("is_undone"),
    )
    x = _numbers(known["return_futures"])
    usable = known["usable"].to_numpy()
    days = known["session_date"].rle_id().to_numpy().astype(np.int64)
    starts = np.flatnonzero(np.diff(days, prepend=-1))
    variances = np.full(len(starts), np.nan)
    for day in range(REFERENCE_SESSIONS, len(starts)):
        span = slice(starts[day - REFERENCE_SESSIONS], starts[day])
        variances[day] = _variance(x[span], usable[span])
    return variances[days[at]]


def _variance(values: Floats, known: Booleans) -> Floats:
    count = known.sum(axis=-1)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=-1) / count
        centred = np.where(known, values - mean[..., None], 0.0)
        variance: Floats = (centred**2).sum(axis=-1) / count
    return variance


def _numbers(column: pl.Series) -> Floats:
    """Return a column as numbers, null as NaN."""
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
