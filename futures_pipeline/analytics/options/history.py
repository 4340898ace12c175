"""What a day's numbers mean against earlier sessions: ranks, realised volatility, trend.

Source: QUANT_SPEC 7.3. A window is counted in NYSE sessions, so a number never reaches further
back than its name says; what was not stored is None.
"""

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import polars as pl

SESSIONS_IN_A_YEAR = 252
RETURNS = 20
LEAST_SHARE = (2, 3)


class Measured(NamedTuple):
    """A number, how many stored values it rests on, and why it is None."""

    value: float | None
    n: int
    reason: str | None


class Underlying(NamedTuple):
    """An ETF's close of one session, and the dividend it went without from then on (US dollars).

    ``close`` is None where it is not stored.
    """

    close: float | None
    dividend: float


class Moves(NamedTuple):
    """``log_return`` of the last session; ``volatility`` annualised; ``trend`` in sigmas."""

    log_return: Measured
    volatility: Measured
    trend: Measured


def by_session(rows: pl.DataFrame, column: str, sessions: Sequence[date]) -> list[float | None]:
    """Return a stored column, one value a session, None where nothing is stored.

    ``rows``: of one symbol, ``date`` unique.
    """
    stored = dict(zip(rows["date"].to_list(), rows[column].to_list(), strict=True))
    return [stored.get(day) for day in sessions]


def rank(values: Sequence[float | None], window: int) -> Measured:
    """Return where the last value lies between the lowest and highest, 0 to 100.

    Args:
        values: one a session, today's last, at most ``window`` of them; None if not stored.
        window: sessions; two thirds of them must be known.

    None where too few are known, and where all are equal. One outlier moves it: compare
    :func:`percentile`.

    >>> rank([0.25, 0.75, 0.5], window=3)
    Measured(value=50.0, n=3, reason=None)
    """
    known, reason = _known(values, window)
    if reason is not None:
        return Measured(None, len(known), reason)
    low, high, today = min(known), max(known), known[-1]
    if low == high:
        return Measured(None, len(known), "flat")
    return Measured(100 * ((today - low) / (high - low)), len(known), None)


def percentile(values: Sequence[float | None], window: int) -> Measured:
    """Return the share of the earlier values that lie below the last one, 0 to 100.

    Equal ones count half. Arguments and None as for :func:`rank`; ``n`` counts today as well.

    >>> percentile([0.1, 0.3, 0.2, 0.2], window=4)
    Measured(value=50.0, n=4, reason=None)
    """
    known, reason = _known(values, window)
    if reason is not None:
        return Measured(None, len(known), reason)
    *earlier, today = known
    below = sum(value < today for value in earlier) + sum(value == today for value in earlier) / 2
    return Measured(100 * below / len(earlier), len(known), None)


def moves(closes: Sequence[Underlying]) -> Moves:
    """Return the last log return, and volatility and trend of the last 20.

    Args:
        closes: one a session, ascending, today's last; 21 for all three.

    Volatility is the root of 252 times the mean square (mean taken as zero); the trend is the
    sum of the returns over the size that such a sum usually has. Dividends are added back, so
    an ex-date is no fall. All 20 returns are needed: a missing close costs two.
    """
    returns = [_log_return(*pair) for pair in pairwise(closes)][-RETURNS:]
    last = returns[-1] if returns else None
    today = Measured(last, int(last is not None), None if last is not None else "no_close")
    known = [value for value in returns if value is not None]
    if len(known) < RETURNS:
        unknown = Measured(None, len(known), f"{len(known)}_of_{RETURNS}_returns")
        return Moves(today, unknown, unknown)
    size = math.sqrt(sum(value**2 for value in known))
    volatility = Measured(size * math.sqrt(SESSIONS_IN_A_YEAR / RETURNS), RETURNS, None)
    trend = sum(known) / size if size > 0 else None
    return Moves(today, volatility, Measured(trend, RETURNS, None if size > 0 else "flat"))


def _log_return(before: Underlying, after: Underlying) -> float | None:
    if before.close is None or after.close is None:
        return None
    return math.log((after.close + after.dividend) / before.close)


def _known(values: Sequence[float | None], window: int) -> tuple[list[float], str | None]:
    """Return the known values, and why they are too few."""
    known = [value for value in values if value is not None]
    part, whole = LEAST_SHARE
    need = max(-(-part * window // whole), 2)
    if not values or values[-1] is None:
        return known, "today_unknown"
    return known, None if len(known) >= need else f"{len(known)}_of_{need}_sessions"
