"""Basis against a fair one. Vectors of QUANT_SPEC 6.5: S 478, scale 10, carry 3.7 %."""

import math

import pytest

from futures_pipeline.decisions.signals.basis import (
    AnchorPrices,
    Carry,
    FuturesQuote,
    SpotQuote,
    basis,
    carry,
    index_scale,
)

CARRY = Carry(0.037, "implied")
SPOT = SpotQuote(478.0, 5.0, is_open=True)


@pytest.mark.parametrize(
    ("years", "price", "fair"),
    [(0.25, 4824.50, 44.42), (0.10, 4797.75, 17.72), (0.02, 4783.50, 3.54), (0.0, 4780.00, 0.0)],
)
def test_a_fairly_priced_future_deviates_by_its_tick(
    years: float, price: float, fair: float
) -> None:
    assert round(4780 * math.exp(0.037 * years) * 4) / 4 == price
    found = basis(FuturesQuote(price, years), SPOT, 10.0, CARRY)
    assert found.points == pytest.approx(price - 4780)
    assert found.fair_points is not None
    assert round(found.fair_points, 2) == fair
    assert found.deviation_bp is not None
    assert abs(found.deviation_bp) < 0.2


def test_a_dear_future_deviates_upwards() -> None:
    fair = 4780 * math.exp(0.037 * 0.25)
    found = basis(FuturesQuote(fair * math.exp(0.001), 0.25), SPOT, 10.0, CARRY)
    assert found.deviation_bp == pytest.approx(10.0)


def test_carry_is_implied_by_two_contracts_or_configured() -> None:
    found = carry(FuturesQuote(4824.50, 0.25), FuturesQuote(4869.25, 0.50), 0.04)
    assert (round(found.rate, 5), found.source) == (0.03693, "implied")
    assert carry(FuturesQuote(4824.50, 0.25), None, 0.04) == Carry(0.04, "configured")


def anchors(*ratios: float) -> list[AnchorPrices]:
    return [
        AnchorPrices(FuturesQuote(478.0 * ratio * math.exp(0.037 / 4), 0.25), 478.0, 0.037)
        for ratio in ratios
    ]


def test_scale_is_a_median_so_one_bad_price_is_nothing() -> None:
    assert index_scale(anchors(10.0, 10.0, 1.0, 10.02, 10.01)) == pytest.approx(10.0)


def test_scale_looks_back_twenty_anchors_and_needs_five() -> None:
    assert index_scale(anchors(*[5.0] * 30, *[10.0] * 20)) == pytest.approx(10.0)
    assert index_scale(anchors(10.0, 10.0, 10.0, 10.0)) is None


@pytest.mark.parametrize(
    ("spot", "scale", "reason"),
    [
        (None, 10.0, "no_spot_price"),
        (SPOT, None, "too_few_anchors"),
        (SpotQuote(478.0, 60.1, is_open=True), 10.0, "stale_spot_price"),
        (SpotQuote(478.0, 5.0, is_open=False), 10.0, "spot_market_closed"),
    ],
)
def test_no_basis_without_a_live_spot(
    spot: SpotQuote | None, scale: float | None, reason: str
) -> None:
    found = basis(FuturesQuote(4824.50, 0.25), spot, scale, CARRY)
    assert (found.points, found.fair_points, found.deviation_bp) == (None, None, None)
    assert found.reason == reason


def test_a_minute_old_spot_is_live() -> None:
    found = basis(FuturesQuote(4824.50, 0.25), SpotQuote(478.0, 60.0, is_open=True), 10.0, CARRY)
    assert found.points == pytest.approx(44.5)
