"""Whether one market's past improves a regression of the other on its own past.

Not evidence of a lead by itself: two noisy prices of one index correct each other's noise, so
both directions reject in more than half of all samples. Source: QUANT_SPEC 4.6; Granger 1969.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.inference import f_tail
from futures_pipeline.analytics.kernels.compiled import Floats, Integers
from futures_pipeline.analytics.kernels.lag_products import lag_products

MAX_ORDER = 10
LEAD_BELOW = 0.01
NO_RETURN_ABOVE = 0.05

ORDERS_SCHEMA: Mapping[str, pl.DataType] = {
    "order": pl.Int64(),
    "f_x_to_y": pl.Float64(),
    "p_x_to_y": pl.Float64(),
    "f_y_to_x": pl.Float64(),
    "p_y_to_x": pl.Float64(),
    "residual_degrees": pl.Int64(),
}


class Granger(NamedTuple):
    """Both directions; p-values are robust to changing volatility (HC1), None where unknown.

    ``observations`` is the number of minutes in each regression, ``reason`` why it is unknown.
    """

    order_futures_to_spot: int | None
    p_futures_to_spot: float | None
    order_spot_to_futures: int | None
    p_spot_to_futures: float | None
    observations: int
    reason: str | None

    @property
    def is_consistent_with_futures_lead(self) -> bool:
        """Whether futures help to explain spot and spot does not help to explain futures."""
        forth, back = self.p_futures_to_spot, self.p_spot_to_futures
        if forth is None or back is None:
            return False
        return forth < LEAD_BELOW and back > NO_RETURN_ABOVE


def granger(futures: Floats, spot: Floats) -> Granger:
    """Test both directions on one-minute returns.

    Args:
        futures: returns in units of their expected size (``standardised_returns``), a session
            a row; NaN where unknown.
        spot: the same minutes.

    Each regression has a constant and as many lags of both series as BIC chooses (1 to 10) on
    the minutes that have all ten lags within their session.
    """
    lagged = [_lagged(series) for series in (futures, spot)]
    usable = ~np.isnan(np.hstack(lagged)).any(axis=1)
    of_futures, of_spot = (rows[usable] for rows in lagged)
    count = int(usable.sum())
    if count <= 10 * (2 * MAX_ORDER + 1):
        return Granger(None, None, None, None, count, "too_few_minutes")
    whole = np.hstack([of_futures, of_spot[:, 1:], np.ones((count, 1))])
    if np.linalg.matrix_rank(whole) < whole.shape[1]:
        return Granger(None, None, None, None, count, "collinear_series")
    forth, back = _direction(of_spot, of_futures), _direction(of_futures, of_spot)
    return Granger(*forth, *back, count, None)


def granger_orders(x: Floats, y: Floats, max_order: int) -> pl.DataFrame:
    """Return the F tests of both directions for every order, of one unbroken series.

    Args:
        x: a stationary series without gaps.
        y: the other one.
        max_order: lags of both series from 1 to this.

    Returns:
        ``ORDERS_SCHEMA``, ascending by order. Each order uses all moments that have its lags.
        ``f_x_to_y``: whether the past of ``x`` helps to explain ``y``; for equal variances.
        Null where the lags are collinear.

    One table of lagged products serves all orders, so the work hardly grows with them.
    """
    n, top = len(x), max_order
    series = [values - values.mean() for values in (x, y)]
    gram = _lagged_products(series[0], series[1], top)
    rows = []
    for order in range(top, 0, -1):
        free = n - order - 2 * order - 1
        explained = _residuals(gram, order, top)
        f = [(own / full - 1.0) * free / order for own, full in explained]
        rows.append((order, f[1], f[0], free))
        moment = _moment(series[0], series[1], order - 1, top)
        gram += np.outer(moment, moment)
    frame = pl.DataFrame(rows[::-1], schema=["order", "f_x_to_y", "f_y_to_x", "free"], orient="row")
    degrees = frame["order"].to_numpy(), frame["free"].to_numpy()
    tails = {
        f"p_{way}": pl.Series(f_tail(frame[f"f_{way}"].to_numpy(), *degrees))
        for way in ("x_to_y", "y_to_x")
    }
    named = frame.with_columns(**tails, residual_degrees=pl.col("free"))
    return named.with_columns(pl.selectors.float().fill_nan(None)).select(
        pl.col(name).cast(dtype) for name, dtype in ORDERS_SCHEMA.items()
    )


def _lagged(series: Floats) -> Floats:
    """Return the series beside its ten lags, one row a minute that has them all."""
    width = series.shape[1] - MAX_ORDER
    columns = [series[:, MAX_ORDER - lag : MAX_ORDER - lag + width] for lag in range(MAX_ORDER + 1)]
    return np.stack([column.ravel() for column in columns], axis=1)


def _direction(target: Floats, driver: Floats) -> tuple[int, float]:
    """Return the order that BIC chooses and the robust p-value of the driver's lags at it."""
    y = target[:, 0]
    criteria = [_criterion(y, _design(target, driver, order)) for order in range(1, MAX_ORDER + 1)]
    order = int(np.argmin(criteria)) + 1
    design = _design(target, driver, order)
    n, width = design.shape
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ (design.T @ y)
    residual = y - design @ coefficients
    weighted = design * residual[:, None]
    covariance = inverse @ (weighted.T @ weighted) @ inverse * n / (n - width)
    tested = slice(1 + order, None)
    effect = coefficients[tested]
    wald = effect @ np.linalg.solve(covariance[tested, tested], effect) / order
    p_value = f_tail(np.array([wald]), np.array([order]), np.array([n - width]))
    return order, float(p_value[0])


def _design(target: Floats, driver: Floats, order: int) -> Floats:
    ones = np.ones((len(target), 1))
    return np.hstack([ones, target[:, 1 : order + 1], driver[:, 1 : order + 1]])


def _criterion(y: Floats, design: Floats) -> float:
    products = design.T @ design
    coefficients = np.linalg.solve(products, design.T @ y)
    n, width = design.shape
    rest = float(((y - design @ coefficients) ** 2).sum())
    criterion: float = n * math.log(rest / n) + width * math.log(n)
    return criterion


def _lagged_products(x: Floats, y: Floats, top: int) -> Floats:
    """Return the products of constant, lags x1 y1 ... and present x y, over moments from top."""
    n = len(x)
    size = 2 * top + 3
    gram = np.empty((size, size))
    for a, left in ((0, x), (1, y)):
        places = _places(a, top)
        for b, right in ((0, x), (1, y)):
            gram[np.ix_(places, _places(b, top))] = _cross(left, right, top)
        ends = np.concatenate([[0.0], np.cumsum(left[n - top :][::-1])])
        starts = np.concatenate([[0.0], np.cumsum(left[:top])])
        gram[0, places] = gram[places, 0] = left.sum() - ends - starts[::-1]
    gram[0, 0] = n - top
    return gram


def _places(leg: int, top: int) -> Integers:
    """Return where lag 0, 1, ... of a leg stands among the columns."""
    return np.concatenate([[2 * top + 1 + leg], 1 + leg + 2 * np.arange(top)])


def _cross(a: Floats, b: Floats, top: int) -> Floats:
    """Return the sums of ``a[t - i] b[t - j]`` over ``t`` from ``top``, for i and j to ``top``."""
    whole = lag_products(a[None], b[None], top)
    heads, tails = _first_sums(a, b, top), _first_sums(a[::-1], b[::-1], top)[::-1]
    i, j = np.meshgrid(np.arange(top + 1), np.arange(top + 1), indexing="ij")
    lag = top + i - j
    products: Floats = whole[lag] - heads[lag, top - i] - tails[lag, i]
    return products


def _first_sums(a: Floats, b: Floats, top: int) -> Floats:
    """Return, by lag and count, the sums of the first products ``a[s] b[s + lag]``."""
    place = np.arange(top) + np.arange(-top, top + 1)[:, None]
    products = np.where(place >= 0, a[:top] * b[np.maximum(place, 0)], 0.0)
    return np.pad(np.cumsum(products, axis=1), ((0, 0), (1, 0)))


def _moment(x: Floats, y: Floats, at: int, top: int) -> Floats:
    """Return the columns of one early moment; lags before the first value are 0."""
    row = np.zeros(2 * top + 3)
    row[0] = 1.0
    for leg, series in enumerate((x, y)):
        row[_places(leg, top)[: at + 1]] = series[at::-1][: top + 1]
    return row


def _residuals(gram: Floats, order: int, top: int) -> list[tuple[float, float]]:
    """Return, for x and y, the residual squares on own lags and on the lags of both."""
    present = [2 * top + 1, 2 * top + 2]
    both = _factor(gram, [*range(2 * order + 1), *present])
    full = [both[-2, -2] ** 2, both[-1, -2] ** 2 + both[-1, -1] ** 2]
    found = []
    for leg in (0, 1):
        own = _factor(gram, [0, *range(1 + leg, 2 * order + 1, 2), present[leg]])
        found.append((float(own[-1, -1] ** 2), float(full[leg])))
    return found


def _factor(gram: Floats, columns: list[int]) -> Floats:
    """Return the Cholesky factor of some columns; NaN when they are collinear."""
    chosen = gram[np.ix_(columns, columns)]
    try:
        return np.asarray(np.linalg.cholesky(chosen), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full(chosen.shape, np.nan)
