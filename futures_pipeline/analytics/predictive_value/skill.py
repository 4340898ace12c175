"""How well a signal foretells an outcome: by direction, by rank, in money, out of sample.

Source: QUANT_SPEC 5.3. Arrays hold a session a row; NaN where unknown.
"""

import math
from typing import NamedTuple

import numpy as np

from futures_pipeline.analytics.correlation.estimate import Z_95
from futures_pipeline.analytics.inference import mean_error, normal_tail, student_tail
from futures_pipeline.analytics.kernels.compiled import Floats, Integers

NEIGHBOURS = 2
Z_90_ONE_SIDED = 1.2816
BASIS_POINTS = 1e4
# Of a rank correlation, over that of normal pairs. Source: Fieller, Hartley, Pearson 1957.
RANK_VARIANCE = 1.06
NAN = float("nan")


class Estimate(NamedTuple):
    """A value with its 95 % interval; NaN where unknown."""

    value: float
    low: float
    high: float


class Direction(NamedTuple):
    """The share of calls that were right, beside what always saying the commoner would get.

    ``p_value``: one-sided, of direction foretold by direction, robust to neighbours.
    """

    accuracy: Estimate
    base_rate: float
    calls: int
    pesaran_timmermann: float
    pesaran_timmermann_p: float
    p_value: float


class Edge(NamedTuple):
    """Basis points a trade after costs, and its one-sided 90 % lower bound."""

    mean_bp: float
    low_bp: float


def direction(signal: Floats, outcome: Floats) -> Direction:
    """Return how often the signal had the sign of the outcome; a zero of either is no call."""
    called = (signal != 0) & (outcome != 0) & ~np.isnan(signal + outcome)
    up, rose = signal[called] > 0, outcome[called] > 0
    calls = int(called.sum())
    if calls == 0:
        return Direction(Estimate(NAN, NAN, NAN), NAN, 0, NAN, NAN, NAN)
    right = int((up == rose).sum())
    share_up = float(rose.mean())
    statistic, p_value = pesaran_timmermann(right / calls, float(up.mean()), share_up, calls)
    return Direction(
        Estimate(right / calls, *wilson(right, calls)),
        max(share_up, 1.0 - share_up),
        calls,
        statistic,
        p_value,
        _direction_p(np.where(called, signal > 0, np.nan), np.where(called, outcome > 0, np.nan)),
    )


def wilson(right: int, calls: int) -> tuple[float, float]:
    """Return the 95 % interval of a share. Source: Wilson 1927.

    >>> low, high = wilson(115, 200)
    >>> round(low, 5), round(high, 5)
    (0.50571, 0.64146)
    """
    share, z = right / calls, Z_95
    centre = share + z * z / (2 * calls)
    half = z * math.sqrt(share * (1 - share) / calls + z * z / (4 * calls * calls))
    scale = 1 + z * z / calls
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def pesaran_timmermann(
    accuracy: float, share_called_up: float, share_up: float, calls: int
) -> tuple[float, float]:
    """Return the statistic of directional skill and its one-sided p-value.

    NaN when every call is the same: then there is no skill to test. Source: Pesaran and
    Timmermann 1992.

    >>> statistic, p_value = pesaran_timmermann(0.575, 110 / 200, 115 / 200, 200)
    >>> round(statistic, 5), round(p_value, 5)
    (1.94563, 0.02585)
    """
    x, y = share_called_up, share_up
    if x in (0.0, 1.0):
        return NAN, NAN
    by_chance = y * x + (1 - y) * (1 - x)
    variance = by_chance * (1 - by_chance) / calls
    of_chance = (
        (2 * y - 1) ** 2 * x * (1 - x) + (2 * x - 1) ** 2 * y * (1 - y)
    ) / calls + 4 * y * x * (1 - y) * (1 - x) / calls**2
    if variance <= of_chance:
        return NAN, NAN
    statistic = (accuracy - by_chance) / math.sqrt(variance - of_chance)
    return statistic, float(normal_tail(np.array(statistic)))


def information_coefficient(signal: Floats, outcome: Floats) -> Estimate:
    """Return Spearman's rank correlation; NaN below 5 observations and for a flat series."""
    known = ~np.isnan(signal + outcome)
    x, y = _ranks(signal[known]), _ranks(outcome[known])
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(NAN, NAN, NAN)
    x, y = x - x.mean(), y - y.mean()
    value = float((x * y).sum() / math.sqrt(float((x * x).sum()) * float((y * y).sum())))
    centre = math.atanh(min(max(value, -0.999999), 0.999999))
    half = Z_95 * rank_error(len(x))
    return Estimate(value, math.tanh(centre - half), math.tanh(centre + half))


def rank_error(count: int) -> float:
    """Return the standard error of Fisher's transform of a rank correlation of 0."""
    return math.sqrt(RANK_VARIANCE / (count - 3))


def net_edge(signal: Floats, outcome: Floats, cost_bp: float) -> Edge:
    """Return what following the signal's sign earns a trade, less the round trip."""
    earned = np.where(signal == 0, np.nan, np.sign(signal) * outcome) * BASIS_POINTS
    mean, error, _ = mean_error(earned, NEIGHBOURS)
    return Edge(mean - cost_bp, mean - cost_bp - Z_90_ONE_SIDED * error)


def out_of_sample_r2(signal: Floats, outcome: Floats) -> float:
    """Return the share of the outcome's squares that a daily refitted slope explains.

    Each session is forecast with the slope (no constant) of all sessions before it. Below 0
    the forecast is worse than none; NaN without two sessions.
    """
    known = ~np.isnan(signal + outcome)
    x, y = np.where(known, signal, 0.0), np.where(known, outcome, 0.0)
    products, squares = (x * y).sum(axis=1), (x * x).sum(axis=1)
    before = np.cumsum(squares) - squares
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(before > 0, (np.cumsum(products) - products) / before, np.nan)
    tested = ~np.isnan(slope) & known.any(axis=1)
    total = float((y[tested] ** 2).sum())
    if total == 0.0:
        return NAN
    return 1.0 - float(((y[tested] - slope[tested, None] * x[tested]) ** 2).sum()) / total


def share_of_good_folds(signal: Floats, outcome: Floats, fold_sessions: int) -> float:
    """Return the share of groups of sessions in which the rank correlation is above 0."""
    used = (~np.isnan(signal + outcome)).any(axis=1)
    x, y = signal[used], outcome[used]
    values = [
        information_coefficient(x[at : at + fold_sessions], y[at : at + fold_sessions]).value
        for at in range(0, len(x), fold_sessions)
    ]
    return float(np.mean([value > 0 for value in values])) if values else NAN


def _direction_p(up: Floats, rose: Floats) -> float:
    """Return the one-sided p-value of the slope of rising on an upward call."""
    known = ~np.isnan(up)
    count = int(known.sum())
    if count < 3:
        return NAN
    z = np.where(known, up - up[known].mean(), np.nan)
    spread = float(np.nansum(z * z))
    if spread == 0.0:
        return NAN
    e = rose - rose[known].mean()
    slope = float(np.nansum(z * e)) / spread
    _, error, _ = mean_error(z * (e - slope * z), NEIGHBOURS)
    if math.isnan(error):
        return NAN
    return student_tail(slope / (error * count / spread), count - 2)


def _ranks(values: Floats) -> Floats:
    """Return the ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last: Integers = np.cumsum(counts)
    means: Floats = last - (counts - 1) / 2.0
    ranks: Floats = means[inverse]
    return ranks
