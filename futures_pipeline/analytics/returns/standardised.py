"""Returns divided by their usual size: of the minute of the day, and of the last half hour.

Source: QUANT_SPEC 3.4.
"""

import numpy as np

from futures_pipeline.analytics.kernels.compiled import Floats, compiled

TRAILING_SESSIONS = 20
SMOOTHED_MINUTES = 15
HALF_LIFE_MINUTES = 30
# A squared return counts for at most this many times the variance before it.
LARGEST_SHOCK = 25.0


def standardised_returns(futures: Floats, spot: Floats) -> tuple[Floats, Floats]:
    """Return one-minute returns in units of their expected size.

    Args:
        futures: one-minute log returns, a session a row, ascending; NaN where unknown.
        spot: the same minutes of the other leg.

    Returns:
        Both, divided by the usual size of the minute over up to 20 earlier sessions (shared
        by the legs) and by each leg's own recent volatility, which runs on from session to
        session. NaN where the return is unknown and in the first session, which has no
        earlier one. No look-ahead: a value depends on nothing after its minute.
    """
    usual = _usual_size(futures, spot)
    scaled = futures / usual, spot / usual
    return _by_recent_volatility(scaled[0]), _by_recent_volatility(scaled[1])


def _usual_size(futures: Floats, spot: Floats) -> Floats:
    """Return the root mean square of each minute over the sessions before; NaN in the first."""
    squares = np.stack([futures**2, spot**2])
    known = ~np.isnan(squares)
    filled = np.where(known, squares, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    sizes = np.full(futures.shape, np.nan)
    for session in range(1, len(futures)):
        earlier = slice(max(0, session - TRAILING_SESSIONS), session)
        total = _smoothed(filled[earlier].sum(axis=0))
        seen = _smoothed(count[earlier].sum(axis=0).astype(np.float64))
        with np.errstate(invalid="ignore", divide="ignore"):
            sizes[session] = np.sqrt(total / seen)
    return np.where(sizes > 0, sizes, np.nan)


def _smoothed(by_minute: Floats) -> Floats:
    """Return the sum over the minutes around each one; fewer at the ends."""
    half = SMOOTHED_MINUTES // 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(by_minute, half), SMOOTHED_MINUTES)
    smoothed: Floats = around.sum(axis=1)
    return smoothed


def _by_recent_volatility(scaled: Floats) -> Floats:
    out = np.full(scaled.shape, np.nan)
    _follow(np.ascontiguousarray(scaled).ravel(), out.reshape(-1), 0.5 ** (1 / HALF_LIFE_MINUTES))
    return out


@compiled
def _follow(scaled: Floats, out: Floats, keep: float) -> None:
    variance = 1.0
    for t in range(len(scaled)):
        if np.isnan(scaled[t]):
            continue
        square = min(scaled[t] ** 2, LARGEST_SHOCK * variance)
        variance = keep * variance + (1.0 - keep) * square
        out[t] = scaled[t] / np.sqrt(variance)
