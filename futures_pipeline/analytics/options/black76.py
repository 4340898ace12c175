"""Black's formula on the forward: prices, greeks and the volatility that a price implies.

Source: QUANT_SPEC 7.1. Options are taken as European. Those on ETFs are American, so a
volatility is implied from out-of-the-money prices only, where early exercise is worth little.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # ships no type information

from futures_pipeline.analytics.kernels.compiled import Booleans, Floats, Integers, compiled

DAYS_IN_A_YEAR = 365.0
LEAST_VOL, LARGEST_VOL = 0.01, 5.0
STEPS = 60
# Newton's steps square the error: after one of this relative size nothing is left of it.
LAST_STEP = 1e-9
ROOT_TWO, ROOT_TWO_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class Contracts:
    """Options, one an element; what their price depends on beside the volatility.

    ``forward`` and ``strike`` in US dollars a share, ``years`` of 365 days to expiry, above 0;
    ``rate`` continuous, an annualised fraction.
    """

    forward: Floats
    strike: Floats
    years: Floats
    rate: float
    is_call: Booleans

    def __getitem__(self, places: Integers) -> "Contracts":
        """Return the options at some places."""
        return Contracts(
            forward=self.forward[places],
            strike=self.strike[places],
            years=self.years[places],
            rate=self.rate,
            is_call=self.is_call[places],
        )

    @property
    def discount(self) -> Floats:
        worth: Floats = np.exp(-self.rate * self.years)
        return worth

    @property
    def sign(self) -> Floats:
        return np.where(self.is_call, 1.0, -1.0)

    def steps_in_the_money(self, vol: Floats) -> tuple[Floats, Floats]:
        """Return Black's d1 and d2."""
        deviation = vol * np.sqrt(self.years)
        d1 = np.log(self.forward / self.strike) / deviation + deviation / 2
        return d1, d1 - deviation


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities to the spot price, as the broker gives them.

    ``delta`` and ``gamma`` for a dollar of the ETF, puts below 0; ``vega`` for one volatility
    point (0.01); ``theta`` for one calendar day, usually below 0.
    """

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats


def prices(contracts: Contracts, vol: Floats) -> Floats:
    """Return prices in US dollars a share at volatilities (annualised fractions, above 0)."""
    d1, d2 = contracts.steps_in_the_money(vol)
    sign = contracts.sign
    received = contracts.forward * special.ndtr(sign * d1)
    paid = contracts.strike * special.ndtr(sign * d2)
    value: Floats = contracts.discount * sign * (received - paid)
    return value


def greeks(contracts: Contracts, vol: Floats, spot: Floats) -> Greeks:
    """Return the greeks at volatilities, for an ETF at ``spot`` (US dollars a share).

    What the forward has more than the spot price less interest is taken as a continuous
    dividend yield. NaN where a volatility or the spot price is.
    """
    d1, d2 = contracts.steps_in_the_money(vol)
    root, sign = np.sqrt(contracts.years), contracts.sign
    held = contracts.forward * contracts.discount
    density = np.exp(-(d1**2) / 2) / ROOT_TWO_PI
    inside, paid = special.ndtr(sign * d1), special.ndtr(sign * d2)
    dividend_yield = contracts.rate - np.log(contracts.forward / spot) / contracts.years
    interest = contracts.rate * contracts.strike * contracts.discount * paid
    decay = -held * density * vol / (2 * root)
    return Greeks(
        delta=sign * held / spot * inside,
        gamma=held * density / (spot**2 * vol * root),
        vega=held * density * root / 100,
        theta=(decay + sign * (dividend_yield * held * inside - interest)) / DAYS_IN_A_YEAR,
    )


def forward_deltas(contracts: Contracts, vol: Floats) -> Floats:
    """Return how far a call is in the money as a probability, N(d1), 0 to 1.

    It falls from 1 to 0 as the strike rises: a put of 25 delta is at 0.75, a call at 0.25.
    """
    rank: Floats = special.ndtr(contracts.steps_in_the_money(vol)[0])
    return rank


def implied_vols(contracts: Contracts, price: Floats) -> Floats:
    """Return the volatilities at which the options cost ``price`` (US dollars a share).

    NaN where no volatility from 0.01 to 5 gives the price. Error below 1e-9 for options out
    of the money; deep in the money as good as the price's own rounding allows.

    Source: Newton's method on the normalised price, started at its inflection point
    (Manaster and Koehler 1982), from which it converges from one side.
    """
    future = price / contracts.discount
    intrinsic = np.maximum(contracts.sign * (contracts.forward - contracts.strike), 0.0)
    scale = np.sqrt(contracts.forward * contracts.strike)
    away = -np.abs(np.log(contracts.forward / contracts.strike))
    deviation = np.empty(len(away))
    _invert(away, (future - intrinsic) / scale, deviation)
    vol = deviation / np.sqrt(contracts.years)
    return np.where((vol >= LEAST_VOL) & (vol <= LARGEST_VOL), vol, np.nan)


@compiled
def _invert(away: Floats, value: Floats, out: Floats) -> None:
    """Write the standard deviations at which options so far out of the money are worth ``value``.

    ``away`` is -|ln(forward / strike)|, ``value`` the forward price over sqrt(forward * strike).
    """
    for number in range(len(away)):
        x, target = away[number], value[number]
        out[number] = np.nan
        if not 0.0 < target < math.exp(x / 2):
            continue
        deviation = math.sqrt(-2.0 * x)
        if deviation > 0.0 and target < _worth(x, deviation):
            out[number] = _fall(x, target, deviation)
        else:
            out[number] = _rise(x, target, deviation)


@compiled
def _worth(x: float, deviation: float) -> float:
    """Return the normalised price of an option out of the money; ``deviation`` above 0."""
    near, half = x / deviation, deviation / 2
    received = math.exp(x / 2) * math.erfc(-(near + half) / ROOT_TWO)
    return 0.5 * (received - math.exp(-x / 2) * math.erfc(-(near - half) / ROOT_TWO))


@compiled
def _slope(x: float, deviation: float) -> float:
    """Return the change of the normalised price for the standard deviation."""
    near = x / deviation
    return math.exp(-(near**2 + deviation**2 / 4) / 2) / ROOT_TWO_PI


@compiled
def _rise(x: float, target: float, deviation: float) -> float:
    """Climb from the inflection, above which the price is concave in the deviation."""
    if deviation == 0.0:  # at the money, where the slope at 0 is known
        deviation = target * ROOT_TWO_PI
    for _ in range(STEPS):
        step = (target - _worth(x, deviation)) / _slope(x, deviation)
        deviation += step
        if abs(step) < LAST_STEP * deviation:
            break
    return deviation


@compiled
def _fall(x: float, target: float, deviation: float) -> float:
    """Descend from the inflection: the price's logarithm is convex in 1 / deviation**2."""
    for _ in range(STEPS):
        worth = _worth(x, deviation)
        slope = -_slope(x, deviation) * deviation**3 / (2 * worth)
        inverse = 1 / deviation**2 + (math.log(target) - math.log(worth)) / slope
        before, deviation = deviation, 1 / math.sqrt(inverse)
        if abs(deviation - before) < LAST_STEP * deviation:
            break
    return deviation
