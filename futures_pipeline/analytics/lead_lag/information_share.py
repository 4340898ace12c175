"""Which market's price finds the common value, where the sampling can tell at all.

Source: QUANT_SPEC 4.7; Hasbrouck 1995 (information share), Gonzalo and Granger 1995 (component
share).
"""

from typing import NamedTuple

import numpy as np

from futures_pipeline.analytics.kernels.compiled import Floats

DIFFERENCE_LAGS = 10
WIDEST_BOUNDS = 0.2


class InformationShare(NamedTuple):
    """The part of futures in finding the common price, 0 to 1; None where unknown.

    ``low`` and ``high`` are the bounds over both orders of the legs. Beyond 0.2 apart they
    identify nothing at this sampling: ``reason`` says so and they are for the record only.
    """

    low: float | None
    high: float | None
    component_share: float | None
    observations: int
    reason: str | None


def information_share(futures: Floats, spot: Floats) -> InformationShare:
    """Return the information share of futures.

    Args:
        futures: log prices at one even sampling, a session a row; NaN where unknown.
        spot: the same moments.

    Each session's mean difference (the basis) is taken out. The error correction model has 10
    lags of both differences, none across a session. Seconds can identify the share; minutes
    do not.
    """
    basis = futures - spot
    with np.errstate(invalid="ignore"):
        mean = np.nansum(basis, axis=1, keepdims=True) / (~np.isnan(basis)).sum(
            axis=1, keepdims=True
        )
    moves, design = _model(futures, spot, basis - mean)
    count = len(design)
    if count <= 10 * design.shape[1]:
        return InformationShare(None, None, None, count, "too_few_observations")
    coefficients, *_ = np.linalg.lstsq(design, moves)
    residual = moves - design @ coefficients
    omega = residual.T @ residual / count
    alpha_futures, alpha_spot = coefficients[1]
    psi = np.array([alpha_spot, -alpha_futures])
    total = float(psi @ omega @ psi)
    pull = alpha_spot - alpha_futures
    if total <= 0.0 or pull == 0.0 or np.linalg.det(omega) <= 0.0:
        return InformationShare(None, None, None, count, "prices_do_not_correct")
    first = float((psi @ np.linalg.cholesky(omega))[0] ** 2) / total
    second = float((psi[::-1] @ np.linalg.cholesky(omega[::-1, ::-1]))[1] ** 2) / total
    low, high = sorted((first, second))
    reason = None if high - low <= WIDEST_BOUNDS else "not_identified_at_this_sampling"
    return InformationShare(low, high, float(alpha_spot / pull), count, reason)


def _model(futures: Floats, spot: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Return the moves of both legs and what they are explained by: 1, deviation, past moves."""
    moves = np.stack([np.diff(futures, axis=1), np.diff(spot, axis=1)], axis=2)
    width = moves.shape[1] - DIFFERENCE_LAGS
    past = [
        moves[:, DIFFERENCE_LAGS - lag : DIFFERENCE_LAGS - lag + width]
        for lag in range(1, DIFFERENCE_LAGS + 1)
    ]
    before = deviation[:, DIFFERENCE_LAGS:-1, None]
    explained = np.concatenate([np.ones_like(before), before, *past], axis=2)
    target = moves[:, DIFFERENCE_LAGS:].reshape(-1, 2)
    design = explained.reshape(-1, explained.shape[2])
    usable = ~np.isnan(np.hstack([target, design])).any(axis=1)
    return target[usable], design[usable]
