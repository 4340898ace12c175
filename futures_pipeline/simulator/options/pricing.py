"""Black-Scholes-Merton: prices, greeks, and the volatility that a price implies.

Source: QUANT_SPEC 7.1 and 10 (Hull, Haug). Calls have the right ``C``, puts ``P``.
"""

import math
from dataclasses import dataclass

DAYS = 365.0
SMALLEST_VOL, LARGEST_VOL = 0.01, 5.0
PRICE_TOLERANCE = 1e-7
STEPS = 60


@dataclass(frozen=True, slots=True)
class Terms:
    """What an option's price depends on beside its volatility.

    ``years`` to expiry, above 0; the rates are continuous, annualised fractions.
    """

    spot: float
    strike: float
    years: float
    rate: float
    dividend_yield: float

    @property
    def forward(self) -> float:
        return self.spot * math.exp((self.rate - self.dividend_yield) * self.years)

    @property
    def discount(self) -> float:
        return math.exp(-self.rate * self.years)

    def intrinsic(self, right: str) -> float:
        """Return what exercise would bring now, never below 0."""
        gain = self.spot - self.strike
        return max(gain if right == "C" else -gain, 0.0)


@dataclass(frozen=True, slots=True)
class Greeks:
    """An option's value: vega for one volatility point, theta for one calendar day."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def greeks(terms: Terms, right: str, vol: float) -> Greeks:
    """Return price and greeks at a volatility (annualised fraction, above 0)."""
    sign = 1.0 if right == "C" else -1.0
    root = math.sqrt(terms.years)
    d1 = math.log(terms.forward / terms.strike) / (vol * root) + vol * root / 2
    d2 = d1 - vol * root
    held = terms.spot * math.exp(-terms.dividend_yield * terms.years)
    owed = terms.strike * terms.discount
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    inside, paid = normal(sign * d1), normal(sign * d2)
    decay = -held * density * vol / (2 * root)
    carry = sign * (terms.dividend_yield * held * inside - terms.rate * owed * paid)
    return Greeks(
        price=sign * (held * inside - owed * paid),
        delta=sign * held / terms.spot * inside,
        gamma=held / terms.spot * density / (terms.spot * vol * root),
        vega=held * density * root / 100,
        theta=(decay + carry) / DAYS,
    )


def implied_vol(terms: Terms, right: str, price: float) -> float | None:
    """Return the volatility at which an option costs ``price``; None where there is none.

    Bisection, so that it ends at every price.
    """
    low, high = SMALLEST_VOL, LARGEST_VOL
    if not greeks(terms, right, low).price < price < greeks(terms, right, high).price:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        gap = greeks(terms, right, middle).price - price
        if abs(gap) < PRICE_TOLERANCE:
            return middle
        low, high = (low, middle) if gap > 0 else (middle, high)
    return (low + high) / 2


def normal(at: float) -> float:
    """Return the standard normal distribution function."""
    return math.erfc(-at / math.sqrt(2)) / 2
