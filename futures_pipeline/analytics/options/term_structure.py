"""At-the-money volatility and skew by expiry, and at constant maturities.

Source: QUANT_SPEC 7.2, 7.3.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats, Integers, compiled
from futures_pipeline.analytics.options.cleaning import EXPIRY, STRIKE, expiries
from futures_pipeline.analytics.options.greeks import OUT_OF_THE_MONEY

YEAR_DAYS = 365.0
# Where along a smile the 25-delta put and call lie, by the forward delta of a call.
PUT_25, CALL_25 = 0.75, 0.25


class Maturity(NamedTuple):
    """A constant maturity and how near a single expiry must be to stand for it (days)."""

    days: int
    nearest: int
    farthest: int


class Smile(NamedTuple):
    """One expiry's volatilities, annualised fractions; None where no quotes lie about a point.

    ``dte``: calendar days; ``years`` of 365 days to the expiry.
    """

    symbol: str
    expiry: date
    dte: int
    years: float
    atm_vol: float | None
    put_25_vol: float | None
    call_25_vol: float | None

    @property
    def atm_total_variance(self) -> float | None:
        return None if self.atm_vol is None else self.atm_vol**2 * self.years


class Crossing(NamedTuple):
    """Two neighbouring expiries of which the later has the smaller total variance at the money.

    ``lost``: by how much, as a fraction of the earlier one's.
    """

    symbol: str
    earlier: date
    later: date
    lost: float


MONTH, QUARTER = Maturity(30, 21, 45), Maturity(90, 60, 120)


def smiles(valued: pl.DataFrame) -> list[Smile]:
    """Return each expiry's volatility at the money and at 25 delta, by symbol and expiry.

    Args:
        valued: ``with_greeks`` of one moment.

    At the money it is linear in ln(strike / forward) between the strikes about the forward; at
    25 delta linear in the forward delta. Only out-of-the-money quotes count.
    """
    known = valued.filter(OUT_OF_THE_MONEY & pl.col("iv").is_not_null()).sort(STRIKE)
    ends = expiries(known)
    points = np.empty((len(ends), 4))
    _read(ends, known[["years", "log_strike", "forward_delta", "iv"]].to_numpy(), points)
    named = known[ends - 1, [*EXPIRY, "dte"]].iter_rows()
    return [
        Smile(symbol, expiry, dte, years, _known(money), _known(put), _known(call))
        for (symbol, expiry, dte), (years, money, put, call) in zip(
            named, points.tolist(), strict=True
        )
    ]


@compiled
def _read(ends: Integers, numbers: Floats, points: Floats) -> None:
    """Write each expiry's years, and its volatilities at the money and at 25 delta."""
    begin = 0
    for run in range(len(ends)):
        own = numbers[begin : ends[run]]
        log_strike, rank, vol = own[:, 1], own[:, 2], own[:, 3]
        points[run, 0] = own[:, 0].mean()
        points[run, 1] = _between(log_strike, vol, 0.0)
        points[run, 2] = _between(rank, vol, PUT_25)
        points[run, 3] = _between(rank, vol, CALL_25)
        begin = ends[run]


def between(x: Floats, y: Floats, at: float) -> float | None:
    """Return ``y`` at a point of ``x`` by linear interpolation, None outside of its values."""
    return _known(_between(x, y, at))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


@compiled
def _between(x: Floats, y: Floats, at: float) -> float:
    below = above = -1
    for place in range(len(x)):
        if x[place] <= at and (below < 0 or x[place] > x[below]):
            below = place
        if x[place] >= at and (above < 0 or x[place] < x[above]):
            above = place
    if below < 0 or above < 0:
        return np.nan
    if x[below] == x[above]:
        return float(y[below])
    slope = (y[above] - y[below]) / (x[above] - x[below])
    return float(y[below] + slope * (at - x[below]))


def constant_maturity_vol(
    smiles: Iterable[Smile], vol: Callable[[Smile], float | None], maturity: Maturity
) -> float | None:
    """Return a volatility at a constant maturity.

    Args:
        smiles: of one symbol.
        vol: which of their volatilities.
        maturity: the days, and which expiries may stand for them alone.

    Total variance is linear in time between the nearest expiries on both sides. Without one of
    them the expiry nearest to the maturity stands for it, when near enough; None otherwise.
    """
    known = [(smile, found) for smile in smiles if (found := vol(smile)) is not None]
    years = np.array([smile.years for smile, _ in known])
    variance = np.array([found**2 * smile.years for smile, found in known])
    target = maturity.days / YEAR_DAYS
    interpolated = between(years, variance, target)
    if interpolated is not None:
        return float(np.sqrt(interpolated / target))
    allowed = range(maturity.nearest, maturity.farthest + 1)
    near = [
        (abs(smile.dte - maturity.days), found) for smile, found in known if smile.dte in allowed
    ]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def skew_25_delta(smiles: Sequence[Smile]) -> float | None:
    """Return the 25-delta put's less the 25-delta call's volatility at 30 days, one symbol's."""
    put = constant_maturity_vol(smiles, lambda smile: smile.put_25_vol, MONTH)
    call = constant_maturity_vol(smiles, lambda smile: smile.call_25_vol, MONTH)
    return None if put is None or call is None else put - call


def calendar_arbitrage(smiles: Iterable[Smile]) -> list[Crossing]:
    """Return where total variance at the money falls with time, which arbitrage forbids."""
    known = [smile for smile in smiles if smile.atm_total_variance is not None]
    known.sort(key=lambda smile: (smile.symbol, smile.expiry))
    found = []
    for earlier, later in pairwise(known):
        assert earlier.atm_total_variance is not None
        assert later.atm_total_variance is not None
        lost = 1 - later.atm_total_variance / earlier.atm_total_variance
        if earlier.symbol == later.symbol and lost > 0:
            found.append(Crossing(earlier.symbol, earlier.expiry, later.expiry, lost))
    return found
