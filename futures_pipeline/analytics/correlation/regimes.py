"""Times of low, middle and high correlation, and whether days fall into two kinds.

Source: QUANT_SPEC 3.7.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.estimate import correlate
from futures_pipeline.analytics.correlation.latches import in_a_row, latch
from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.returns.pairs import RegularSessions

REGIME_WINDOW = 120
LOW_BELOW, LOW_UNTIL = 0.2, 0.3
HIGH_ABOVE, HIGH_UNTIL = 0.6, 0.5
LEAST_DAYS = 20
LEAST_BIC_GAIN = 10.0
STEPS = 200
SMALLEST_VARIANCE = 1e-4  # of standardised values: a cluster is never a single day
DAILY_SCHEMA = {
    "session_date": pl.Date(),
    "correlation": pl.Float64(),
    "realized_variance": pl.Float64(),
}


class DayKinds(NamedTuple):
    """Whether days fall into two kinds; ``labels``: 1 for the kind of higher correlation.

    ``bic_gain`` is BIC of one kind less BIC of two; two are accepted above 10. ``labels`` is
    None unless they are, with the ``reason``.
    """

    bic_gain: float | None
    labels: list[int] | None
    reason: str | None


def correlation_regimes(rolling: pl.DataFrame) -> pl.DataFrame:
    """Add ``fisher_z`` and ``regime`` (low, middle, high) to ``rolling_correlations``.

    Meant for one-minute returns in windows of 120. Three readings in a row below 0.2 begin
    low, above 0.6 high; three above 0.3, or below 0.5, end them. Each session begins in the
    middle; null where the correlation is unknown. No look-ahead.
    """
    r, by = pl.col("correlation"), ["session_date"]
    is_low = latch(in_a_row(r < LOW_BELOW, by), in_a_row(r > LOW_UNTIL, by), by)
    is_high = latch(in_a_row(r > HIGH_ABOVE, by), in_a_row(r < HIGH_UNTIL, by), by)
    return rolling.with_columns(
        fisher_z=r.arctanh(),
        regime=pl.when(r.is_null())
        .then(None)
        .when(is_low)
        .then(pl.lit("low"))
        .when(is_high)
        .then(pl.lit("high"))
        .otherwise(pl.lit("middle")),
    )


def daily_correlations(sessions: RegularSessions) -> pl.DataFrame:
    """Return each session's correlation and the realised variance of its futures.

    ``session_date``, ``correlation`` (of one-minute returns in regular hours),
    ``realized_variance`` (sum of squared log returns); null where unknown.
    """
    futures, spot = sessions.returns()
    variance = np.where(np.isnan(futures), 0.0, futures**2).sum(axis=1)
    columns = {
        "session_date": list(sessions.dates),
        "correlation": correlate(futures, spot).value,
        "realized_variance": np.where(variance > 0, variance, np.nan),
    }
    frame = pl.DataFrame(columns, schema=DAILY_SCHEMA)
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def day_kinds(daily: pl.DataFrame) -> DayKinds:
    """Ask whether days fall into two kinds by correlation and volatility.

    Args:
        daily: ``daily_correlations``; days with a null are left out of the fit and of the
            labels.

    Two normal clusters of (Fisher's z, log variance) are accepted when their BIC beats that of
    one by more than 10.
    """
    known = daily.drop_nulls()
    if known.height < LEAST_DAYS:
        return DayKinds(None, None, "fewer_than_20_days")
    points = known.select(pl.col("correlation").arctanh(), pl.col("realized_variance").log())
    values = points.to_numpy()
    spread = values.std(axis=0)
    if (spread == 0).any():
        return DayKinds(None, None, "flat_series")
    scaled = (values - values.mean(axis=0)) / spread
    one = float(_log_density(scaled, np.ones(len(scaled))).sum())
    two, share = max((_two(scaled, start) for start in _starts(scaled)), key=lambda fit: fit[0])
    gain = 2 * (two - one) - 6 * float(np.log(len(scaled)))  # two clusters have 6 numbers more
    if gain <= LEAST_BIC_GAIN:
        return DayKinds(gain, None, "one_kind_fits_as_well")
    first_is_higher = np.average(scaled[:, 0], weights=share) > np.average(
        scaled[:, 0], weights=1 - share
    )
    is_higher = (share > 0.5) == first_is_higher
    return DayKinds(gain, is_higher.astype(int).tolist(), None)


def newest_day(daily: pl.DataFrame) -> pl.DataFrame:
    """Return the last row of ``daily_correlations`` with the kind of day that it is.

    Adds ``days`` (how many were compared, without those that are unknown), ``bic_gain`` and
    ``kind``: ``higher`` or ``lower`` correlation, null with a ``reason`` where days do not fall
    into two kinds, or this day is ``unknown``.
    """
    newest, found = daily.tail(1), day_kinds(daily)
    known = newest.drop_nulls().height == newest.height
    kind = None
    if found.labels is not None and known:
        kind = "higher" if found.labels[-1] else "lower"
    return newest.with_columns(
        pl.lit(daily.drop_nulls().height, pl.Int64).alias("days"),
        pl.lit(found.bic_gain, pl.Float64).alias("bic_gain"),
        pl.lit(kind, pl.String).alias("kind"),
        pl.lit(found.reason if known else "unknown", pl.String).alias("reason"),
    )


def _starts(points: Floats) -> list[Floats]:
    """Return first guesses of who belongs together: above the middle of either coordinate."""
    sides = points[:, 0], points[:, 1], points.sum(axis=1), points[:, 0] - points[:, 1]
    return [(side > np.median(side)).astype(np.float64) for side in sides]


def _two(points: Floats, share: Floats) -> tuple[float, Floats]:
    """Return the log likelihood of two clusters and each point's share in the first."""
    total = -np.inf
    for _ in range(STEPS):
        weights = np.clip([share.mean(), 1 - share.mean()], 1e-9, 1.0)
        logs = np.stack(
            [
                np.log(weight) + _log_density(points, part)
                for weight, part in zip(weights, (share, 1 - share), strict=True)
            ]
        )
        highest = logs.max(axis=0)
        both = highest + np.log(np.exp(logs - highest).sum(axis=0))
        share = np.exp(logs[0] - both)
        if abs(float(both.sum()) - total) < 1e-9:
            break
        total = float(both.sum())
    return total, share


def _log_density(points: Floats, weights: Floats) -> Floats:
    """Return the log density of each point under the normal that fits the weighted points."""
    total = max(float(weights.sum()), 1e-9)
    centred = points - weights @ points / total
    covariance = (centred * weights[:, None]).T @ centred / total
    covariance += SMALLEST_VARIANCE * np.eye(points.shape[1])
    distance = (centred @ np.linalg.inv(covariance) * centred).sum(axis=1)
    constant = points.shape[1] * np.log(2 * np.pi) + np.log(np.linalg.det(covariance))
    density: Floats = -0.5 * (constant + distance)
    return density
