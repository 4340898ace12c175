"""The volatility surface behind every option price: what estimators have to find again.

Source: QUANT_SPEC 9.2. An SSVI surface (Gatheral and Jacquier 2014) whose parameters leave no
butterfly arbitrage, with a mean-reverting variance for its term structure. Options are
European here; the real ones are American, which matters for deep in-the-money ones only.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from futures_pipeline.simulator.market.source import Floats
from futures_pipeline.simulator.options.pricing import Terms, normal

RHO, ETA, GAMMA = -0.7, 1.0, 0.5
LONG_VARIANCE, REVERSION = 0.04, 3.0
# Their difference is the carry of the simulated futures.
RATE, DIVIDEND_YIELD = 0.045, 0.008
MONTH = 30 / 365
# The log strikes that a variance swap is added up over; beyond them nothing is left.
LOG_STRIKES = np.linspace(-1.5, 1.0, 2501).tolist()
VOLS = np.linspace(0.08, 1.2, 57)


@dataclass(frozen=True, slots=True)
class Surface:
    """The smile of one ETF at one moment; ``variance`` is today's, annualised."""

    spot: float
    variance: float

    def terms(self, strike: float, years: float) -> Terms:
        """Return what an option of this strike and life is priced from, without its volatility."""
        return Terms(self.spot, strike, years, RATE, DIVIDEND_YIELD)

    def implied_vol(self, strike: float, years: float) -> float:
        """Return the annualised volatility (a fraction) of a strike and life in years."""
        log_strike = math.log(strike / self.terms(strike, years).forward)
        theta = atm_total_variance(self.variance, years)
        return math.sqrt(total_variance(log_strike, theta) / years)


def atm_total_variance(variance: float, years: float) -> float:
    """Return the at-the-money variance up to ``years``: variance goes to its long-run mean."""
    weight = -math.expm1(-REVERSION * years) / (REVERSION * years)
    return years * (LONG_VARIANCE + (variance - LONG_VARIANCE) * weight)


def total_variance(log_strike: float, theta: float) -> float:
    """Return the total variance at ln(strike / forward)."""
    tilt = ETA / (math.pow(theta, GAMMA) * math.pow(1 + theta, 1 - GAMMA)) * log_strike
    return theta / 2 * (1 + RHO * tilt + math.sqrt((tilt + RHO) ** 2 + 1 - RHO**2))


def swap_vol(variance: float) -> float:
    """Return the 30-day variance-swap volatility: a hundredth of this surface's VIX.

    Twice the out-of-the-money prices over the square of their strikes, added up over strikes.
    """
    theta = atm_total_variance(variance, MONTH)
    prices = [_out_of_the_money(k, math.sqrt(total_variance(k, theta))) for k in LOG_STRIKES]
    swap = 2 * np.trapezoid(np.array(prices) / np.exp(LOG_STRIKES), LOG_STRIKES)
    return math.sqrt(float(swap) / MONTH)


def _out_of_the_money(log_strike: float, deviation: float) -> float:
    """Return the price of a put below the forward or a call above it, in forwards."""
    sign = -1.0 if log_strike < 0 else 1.0
    d1 = deviation / 2 - log_strike / deviation
    return sign * (normal(sign * d1) - math.exp(log_strike) * normal(sign * (d1 - deviation)))


def variance_of(vol: float) -> float:
    """Return today's variance of the surface with this 30-day variance-swap volatility.

    Held between the ends of ``VOLS``: a calmer market has the surface of the lowest.
    """
    return float(np.interp(vol, _swap_vols(), VOLS)) ** 2


@lru_cache(maxsize=1)
def _swap_vols() -> Floats:
    return np.array([swap_vol(vol**2) for vol in VOLS.tolist()])
