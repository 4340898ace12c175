"""Pairs of a futures return and the spot return right after it, without overlap.

Source: QUANT_SPEC 5.2.
"""

from typing import NamedTuple

import numpy as np

from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.returns.pairs import RegularSessions

TRAILING_SESSIONS = 10
WARM_UP_SESSIONS = 5


class Observations(NamedTuple):
    """One row a session, one column an interval of it; NaN where unknown.

    ``signal`` is the futures return up to a moment in units of its root mean square over the
    10 sessions before; ``outcome`` the spot log return from that moment, over equal time.
    """

    signal: Floats
    outcome: Floats

    @property
    def size(self) -> int:
        return int((~np.isnan(self.signal + self.outcome)).sum())


def observations(sessions: RegularSessions, minutes: int) -> Observations:
    """Return the observations of one horizon, from the regular open on.

    Args:
        sessions: the valid sessions, ascending; the first 5 only set the scale.
        minutes: the horizon, the length of both returns.

    The predictor's sign is fixed in advance (futures up, spot up next), so nothing is fitted.
    No look-ahead: a signal uses nothing after its moment.
    """
    before = np.diff(sessions.futures[:, ::minutes], axis=1)
    after = np.diff(sessions.spot[:, ::minutes], axis=1)
    signal = before / _usual_size(before)[:, None]
    known = ~np.isnan(signal[:, :-1] + after[:, 1:])
    return Observations(
        np.where(known, signal[:, :-1], np.nan), np.where(known, after[:, 1:], np.nan)
    )


def _usual_size(returns: Floats) -> Floats:
    """Return the root mean square over the 10 sessions before each; NaN in the warm-up."""
    size = np.full(len(returns), np.nan)
    for session in range(WARM_UP_SESSIONS, len(returns)):
        earlier = returns[max(0, session - TRAILING_SESSIONS) : session]
        known = earlier[~np.isnan(earlier)]
        if len(known) and known.any():
            size[session] = np.sqrt((known**2).mean())
    return size
