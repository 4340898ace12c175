"""Errors of means and corrections for asking many questions at once."""

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # ships no type information

from futures_pipeline.analytics.kernels.compiled import Floats


def normal_tail(z: Floats) -> Floats:
    """Return the probability that a standard normal value exceeds ``z``."""
    tail: Floats = special.ndtr(-z)
    return tail


def normal_quantile(probability: float) -> float:
    """Return the value that a standard normal one stays below with a probability."""
    return float(special.ndtri(probability))


def student_tail(t: float, degrees: float) -> float:
    """Return the probability that Student's t exceeds ``t``."""
    return float(special.stdtr(degrees, -t))


def student_quantile(probability: float, degrees: float) -> float:
    """Return the value that Student's t stays below with a probability."""
    return float(special.stdtrit(degrees, probability))


def f_tail(value: Floats, numerator: Floats, denominator: Floats) -> Floats:
    """Return the probability that an F statistic exceeds ``value``, by degrees of freedom."""
    tail: Floats = special.fdtrc(numerator, denominator, value)
    return tail


def holm(p_values: Floats) -> Floats:
    """Return p-values corrected for their number; NaN stays NaN and is not counted.

    Source: Holm 1979, step-down.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p_values), np.nan)
    asked = np.flatnonzero(~np.isnan(p_values))
    order = asked[np.argsort(p_values[asked], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def mean_error(values: Floats, lags: int) -> tuple[float, float, int]:
    """Return the mean, its Newey-West standard error and the number of values.

    Args:
        values: in order of time, a session a row; NaN where unknown. Values of different
            sessions are taken as independent.
        lags: how many neighbours may be alike; Bartlett's weights.

    The error is NaN where no value or no variance is left. Source: Newey and West 1987.
    """
    known = ~np.isnan(values)
    count = int(known.sum())
    if count == 0:
        return float("nan"), float("nan"), 0
    mean = float(values[known].sum() / count)
    centred = np.where(known, values - mean, 0.0)
    total = float((centred**2).sum())
    for lag in range(1, min(lags, values.shape[1] - 1) + 1):
        weight = 1.0 - lag / (lags + 1.0)
        total += 2.0 * weight * float((centred[:, :-lag] * centred[:, lag:]).sum())
    return mean, float(np.sqrt(total)) / count if total > 0 else float("nan"), count
