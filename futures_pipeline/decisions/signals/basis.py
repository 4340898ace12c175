"""Futures against their ETF: scale, carry, and how far the price is from fair.

Source: QUANT_SPEC 6.5. An ETF share is a fraction of its index, so the plain difference of the
two prices means nothing; prices here are never joined across contracts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SCALE_ANCHORS = 20
# Fewer, and one bad price could move the median.
LEAST_ANCHORS = 5
MOST_SPOT_AGE_SECONDS = 60.0
IMPLIED, CONFIGURED = "implied", "configured"


@dataclass(frozen=True, slots=True)
class FuturesQuote:
    """A contract's price in index points, and the calendar years until it expires."""

    price: float
    years_to_expiry: float


@dataclass(frozen=True, slots=True)
class Carry:
    """The yearly rate at which a future is dearer than its index; a fraction, continuous.

    ``source``: ``implied`` by two contracts, or ``configured`` (interest less dividends).
    """

    rate: float
    source: str


@dataclass(frozen=True, slots=True)
class AnchorPrices:
    """Both prices at one past NYSE close, and the carry of that moment."""

    futures: FuturesQuote
    spot_price: float
    carry_rate: float


@dataclass(frozen=True, slots=True)
class SpotQuote:
    """The ETF's last price (US dollars), its age, and whether its market is open.

    Open means 04:00 to 20:00 New York of an NYSE day.
    """

    price: float
    age_seconds: float
    is_open: bool


@dataclass(frozen=True, slots=True)
class Basis:
    """Where the future stands against its ETF; index points, and basis points of the price.

    ``points``: futures price less scaled spot. ``fair_points``: what carry alone makes of it.
    ``deviation_bp``: above 0, the future is dear. All None with a ``reason``.
    """

    points: float | None
    fair_points: float | None
    deviation_bp: float | None
    scale: float | None
    carry: Carry
    reason: str | None = None


def carry(front: FuturesQuote, following: FuturesQuote | None, configured_rate: float) -> Carry:
    """Return the carry that two contracts imply, or the configured rate without the second.

    >>> found = carry(FuturesQuote(4824.50, 0.25), FuturesQuote(4869.25, 0.50), 0.04)
    >>> round(found.rate, 5), found.source
    (0.03693, 'implied')
    """
    if following is None or following.years_to_expiry <= front.years_to_expiry:
        return Carry(configured_rate, CONFIGURED)
    years = following.years_to_expiry - front.years_to_expiry
    return Carry(math.log(following.price / front.price) / years, IMPLIED)


def index_scale(anchors: Sequence[AnchorPrices]) -> float | None:
    """Return index points for one US dollar of the ETF: a median of the last 20 anchors.

    ``anchors``: ascending, all before the present session. None below five of them.
    """
    if len(anchors) < LEAST_ANCHORS:
        return None
    return median(_index_at(anchor) / anchor.spot_price for anchor in anchors[-SCALE_ANCHORS:])


def basis(futures: FuturesQuote, spot: SpotQuote | None, scale: float | None, cost: Carry) -> Basis:
    """Return the basis now; without number when a leg is missing, stale or closed.

    Args:
        futures: the front contract.
        spot: the ETF, None when it has no price.
        scale: see :func:`index_scale`.
        cost: see :func:`carry`.
    """
    if spot is None or scale is None or (reason := _unusable(spot)):
        why = "no_spot_price" if spot is None else "too_few_anchors" if scale is None else reason
        return Basis(None, None, None, scale, cost, why)
    index = scale * spot.price
    growth = cost.rate * futures.years_to_expiry
    return Basis(
        points=futures.price - index,
        fair_points=index * math.expm1(growth),
        deviation_bp=1e4 * (math.log(futures.price / index) - growth),
        scale=scale,
        carry=cost,
    )


def _index_at(anchor: AnchorPrices) -> float:
    return anchor.futures.price * math.exp(-anchor.carry_rate * anchor.futures.years_to_expiry)


def _unusable(spot: SpotQuote) -> str | None:
    if not spot.is_open:
        return "spot_market_closed"
    return "stale_spot_price" if spot.age_seconds > MOST_SPOT_AGE_SECONDS else None
