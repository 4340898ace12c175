"""At-the-money volatility and skew by expiry, and at constant maturities.

Source: QUANT_SPEC 7.2, 7.3.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.options.cleaning import EXPIRY, STRIKE, runs
from futures_pipeline.analytics.options.greeks import out_of_the_money

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
    known = valued.filter(out_of_the_money() & pl.col("iv").is_not_null()).sort(STRIKE)
    columns = ("years", "log_strike", "forward_delta", "iv")
    numbers = known.select(columns).to_numpy().T
    named = known.select(*EXPIRY, "dte")
    found = []
    for begin, end in runs(known, EXPIRY):
        symbol, expiry, dte = named.row(begin)
        years, log_strike, rank, vol = numbers[:, begin:end]
        found.append(
            Smile(
                symbol=symbol,
                expiry=expiry,
                dte=dte,
                years=float(years.mean()),
                atm_vol=between(log_strike, vol, 0.0),
                put_25_vol=between(rank, vol, PUT_25),
                call_25_vol=between(rank, vol, CALL_25),
            )
        )
    return found


def between(x: Floats, y: Floats, at: float) -> float | None:
    """Return ``y`` at a point of ``x`` by linear interpolation, None outside of its values."""
    order = np.argsort(x, kind="stable")
    if not len(x) or not x[order[0]] <= at <= x[order[-1]]:
        return None
    return float(np.interp(at, x[order], y[order]))


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
