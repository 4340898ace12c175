"""Pearson's correlation over a sliding window, in one pass and without drift."""

import numpy as np

from futures_pipeline.analytics.kernels.compiled import Floats, compiled

# A variance below this part of the mean square is rounding: the window is flat.
FLAT = 1e-13


def rolling_correlation(x: Floats, y: Floats, window: int) -> Floats:
    """Return the correlation of the last ``window`` values at each position.

    NaN before the first full window, where a window holds a NaN, and where a series is flat.
    A window's sums are those of two neighbouring blocks, added and never subtracted, so a bad
    tick leaves no trace once it has left the window; the value at a position depends on
    nothing after it.

    Raises:
        ValueError: the series differ in length, or the window has fewer than 2 values.
    """
    if len(x) != len(y) or window < 2:
        raise ValueError(
            f"rolling correlation: have {len(x)} and {len(y)} values and a window of {window}, "
            "need equal lengths and a window of 2 or more"
        )
    out = np.full(len(x), np.nan)
    _roll(np.ascontiguousarray(x), np.ascontiguousarray(y), window, out)
    return np.clip(out, -1.0, 1.0, out=out)


@compiled
def _origin(values: Floats, first: int) -> float:
    """Return a usual value of what came before; deviations from it keep the squares small.

    The middle one of three, so that one bad tick is never it.
    """
    if first < 3:
        return 0.0
    a, b, c = values[first - 1], values[first - 2], values[first - 3]
    middle = max(min(a, b), min(max(a, b), c))
    return middle if np.isfinite(a + b + c) else 0.0


@compiled
def _add_up(x: Floats, y: Floats, dx: float, dy: float, into: Floats) -> None:
    """Write the running sums of x, y, xx, yy and xy of deviations from ``dx`` and ``dy``."""
    sx = sy = sxx = syy = sxy = 0.0
    for i in range(len(x)):
        a, b = x[i] - dx, y[i] - dy
        sx += a
        sy += b
        sxx += a * a
        syy += b * b
        sxy += a * b
        into[0, i] = sx
        into[1, i] = sy
        into[2, i] = sxx
        into[3, i] = syy
        into[4, i] = sxy


@compiled
def _roll(x: Floats, y: Floats, window: int, out: Floats) -> None:
    # The window that ends i after a block's end is the block's tail from i and a head of i.
    tails, heads = np.zeros((5, window)), np.zeros((5, window))
    scale = 1.0 / window
    for first in range(0, len(x) - window + 1, window):
        x0, y0 = _origin(x, first), _origin(y, first)
        end = first + window
        _add_up(x[first:end][::-1], y[first:end][::-1], x0, y0, tails)
        _add_up(x[end : end + window - 1], y[end : end + window - 1], x0, y0, heads[:, 1:])
        for i in range(min(window, len(x) - end + 1)):
            j = window - 1 - i
            tx, ty = tails[0, j] + heads[0, i], tails[1, j] + heads[1, i]
            xx, yy = tails[2, j] + heads[2, i], tails[3, j] + heads[3, i]
            vx, vy = xx - tx * tx * scale, yy - ty * ty * scale
            covariance = tails[4, j] + heads[4, i] - tx * ty * scale
            is_known = (vx > FLAT * xx) & (vy > FLAT * yy)
            out[end - 1 + i] = covariance / np.sqrt(vx * vy) if is_known else np.nan
