"""Correlation of one market's returns with the other's earlier and later ones.

A lead is positive when futures move first. Source: QUANT_SPEC 4.1 and 4.2.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.estimate import (
    LARGEST_CORRELATION,
    LEAST_PAIRS,
    Z_95,
)
from futures_pipeline.analytics.inference import holm, mean_error, normal_tail
from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.kernels.lag_products import centred, lag_products, sums_beside_gaps

MAX_LEAD_MINUTES = 60
ASYMMETRY_LAGS = 5
SIGNIFICANCE = 0.05

PROFILE_SCHEMA: Mapping[str, pl.DataType] = {
    "lead_minutes": pl.Int64(),
    "correlation": pl.Float64(),
    "standard_error": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "pairs": pl.Int64(),
    "asymmetry": pl.Float64(),
    "asymmetry_error": pl.Float64(),
    "p_value": pl.Float64(),
    "p_holm": pl.Float64(),
    "is_significant": pl.Boolean(),
    "reason": pl.String(),
}


def lead_lag_profile(
    futures: Floats, spot: Floats, max_lead_minutes: int = MAX_LEAD_MINUTES
) -> pl.DataFrame:
    """Return the correlation at each lead and the test of which side is the larger.

    Args:
        futures: one-minute returns in units of their expected size
            (``standardised_returns``), a session a row; NaN where unknown.
        spot: the same minutes.
        max_lead_minutes: leads run from minus this to this.

    Returns:
        ``PROFILE_SCHEMA``, ascending by ``lead_minutes`` (> 0: futures move first).
        ``correlation`` of futures with spot ``lead`` minutes later, ``pairs`` of it, its
        ``standard_error`` (robust to changing volatility) and the 95 % interval of this one
        lead. For leads above 0 ``asymmetry`` is the mean of the products at this lead less
        those at minus this lead, > 0 when futures move first; noise common to both sides
        cancels in it, so this is what is tested: ``p_value`` alone, ``p_holm`` and
        ``is_significant`` (5 %) among all leads. Unknown is null with a ``reason``:
        ``fewer_than_20_pairs`` or ``flat_series``.

    No pair crosses a session.
    """
    value, pairs = lagged_correlations(futures, spot, max_lead_minutes)
    error = _robust_errors(futures, spot, value, pairs)
    low, high = _interval(value, error)
    tested = _asymmetry(futures, spot, max_lead_minutes)
    enough = pl.col("pairs") >= LEAST_PAIRS
    is_known = pl.col("correlation").is_not_null()
    columns = {
        "lead_minutes": np.arange(-max_lead_minutes, max_lead_minutes + 1),
        "correlation": value,
        "standard_error": error,
        "low": low,
        "high": high,
        "pairs": pairs.astype(np.int64),
    }
    few = pl.lit(f"fewer_than_{LEAST_PAIRS}_pairs")
    return (
        pl.DataFrame(columns)
        .join(tested, on="lead_minutes", how="left")
        .with_columns(pl.selectors.float().fill_nan(None))
        .with_columns(
            *(
                pl.when(is_known).then(name).alias(name)
                for name in ("standard_error", "low", "high")
            ),
            is_significant=pl.col("p_holm") < SIGNIFICANCE,
            reason=pl.when(~is_known & ~enough)
            .then(few)
            .when(~is_known)
            .then(pl.lit("flat_series")),
        )
        .sort("lead_minutes")
        .select(pl.col(name).cast(dtype) for name, dtype in PROFILE_SCHEMA.items())
    )


def lagged_correlations(x: Floats, y: Floats, max_lag: int) -> tuple[Floats, Floats]:
    """Return Pearson's correlation of ``x[s, t]`` and ``y[s, t + lag]``, and the pairs of it.

    ``lag`` runs from -max_lag to max_lag. Rows are sessions, which no pair crosses; NaN is a
    gap, which takes its own pairs away and shifts nothing. NaN below 20 pairs and where a
    series is flat. Work is linear in the values and in the gaps.
    """
    left, right = centred(x), centred(y)
    n, sx, sxx = sums_beside_gaps(left, right, max_lag)
    _, sy, syy = (sums[::-1] for sums in sums_beside_gaps(right, left, max_lag))
    sxy = lag_products(left.values, right.values, max_lag)
    with np.errstate(invalid="ignore", divide="ignore"):
        vx, vy = sxx - sx**2 / n, syy - sy**2 / n
        value = (sxy - sx * sy / n) / np.sqrt(vx * vy)
    known = (n >= LEAST_PAIRS) & (vx > 1e-13 * sxx) & (vy > 1e-13 * syy)
    return np.clip(np.where(known, value, np.nan), -1.0, 1.0), n


def asymmetry(futures: Floats, spot: Floats, lead: int) -> tuple[float, float]:
    """Return by how much futures move first rather than last at one lead, and its error.

    The mean of ``futures[t] spot[t + lead] - spot[t] futures[t + lead]``, in units of the
    product of both standard deviations.
    """
    return _asymmetry_of(in_deviations(futures), in_deviations(spot), lead)


def _asymmetry(futures: Floats, spot: Floats, max_lead: int) -> pl.DataFrame:
    a, b = in_deviations(futures), in_deviations(spot)
    leads = range(1, min(max_lead, futures.shape[1] - 1) + 1)
    found = np.array([_asymmetry_of(a, b, lead) for lead in leads]).reshape(-1, 2)
    with np.errstate(invalid="ignore"):
        p_value = 2.0 * normal_tail(np.abs(found[:, 0] / found[:, 1]))
    columns = {
        "lead_minutes": np.array(leads, dtype=np.int64),
        "asymmetry": np.where(np.isnan(found[:, 1]), np.nan, found[:, 0]),
        "asymmetry_error": found[:, 1],
        "p_value": p_value,
        "p_holm": holm(p_value),
    }
    return pl.DataFrame(columns)


def _asymmetry_of(a: Floats, b: Floats, lead: int) -> tuple[float, float]:
    mean, error, count = mean_error(sided_products(a, b, lead), ASYMMETRY_LAGS)
    return (mean, error) if count >= LEAST_PAIRS else (float("nan"), float("nan"))


def sided_products(a: Floats, b: Floats, lead: int) -> Floats:
    """Return at each minute the product with ``a`` first less that with ``b`` first."""
    products: Floats = a[:, :-lead] * b[:, lead:] - b[:, :-lead] * a[:, lead:]
    return products


def _robust_errors(futures: Floats, spot: Floats, value: Floats, pairs: Floats) -> Floats:
    """Return the standard error of each correlation, whatever the sizes of the returns.

    Of ``ab - value (aa + bb) / 2``, the influence of a pair on its correlation; near 0 that is
    the product ``ab`` of QUANT_SPEC 4.2.
    """
    max_lag = len(value) // 2
    a, b = in_deviations(futures), in_deviations(spot)
    known = [np.where(np.isnan(leg), 0.0, 1.0) for leg in (a, b)]
    a, b = _filled(a), _filled(b)
    mixed = lag_products(a**3, b, max_lag) + lag_products(a, b**3, max_lag)
    both = lag_products(a**2, b**2, max_lag)
    single = lag_products(a**4, known[1], max_lag) + lag_products(known[0], b**4, max_lag)
    total = both - value * mixed + value**2 / 4.0 * (single + 2.0 * both)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors: Floats = np.sqrt(np.maximum(total, 0.0)) / pairs
    return errors


def _interval(value: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % interval by Fisher's transformation, so that it ends before 1."""
    inside = np.clip(value, -LARGEST_CORRELATION, LARGEST_CORRELATION)
    centre, half = np.arctanh(inside), Z_95 * error / (1.0 - inside**2)
    return np.tanh(centre - half), np.tanh(centre + half)


def in_deviations(values: Floats) -> Floats:
    """Return values of mean 0 and population variance 1; all NaN for a flat series."""
    count = max(int(np.count_nonzero(~np.isnan(values))), 1)
    from_mean = values - np.nansum(values) / count
    deviation = np.sqrt(np.nansum(from_mean**2) / count)
    scaled: Floats = from_mean / (deviation if deviation > 0 else np.nan)
    return scaled


def _filled(values: Floats) -> Floats:
    filled: Floats = np.where(np.isnan(values), 0.0, values)
    return filled
