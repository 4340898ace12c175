"""The surface and its prices against published figures and the laws of no arbitrage."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.simulator.options.pricing import Terms, greeks, implied_vol
from futures_pipeline.simulator.options.surface import (
    Surface,
    atm_total_variance,
    swap_vol,
    variance_of,
)

CALM, STRESSED = 0.15**2, 0.40**2
MONTH = 30 / 365


@pytest.mark.parametrize(
    ("variance", "days", "vol"),
    [
        (CALM, 23, 0.15510),
        (CALM, 30, 0.15649),
        (CALM, 37, 0.15783),
        (CALM, 90, 0.16623),
        (STRESSED, 30, 0.38256),
    ],
)
def test_at_the_money_vols_are_those_of_the_specification(
    variance: float, days: int, vol: float
) -> None:
    """QUANT_SPEC 9.3; at the forward the whole surface says the same."""
    years = days / 365
    surface = Surface(100.0, variance)
    at_the_money = surface.terms(100.0, years).forward

    assert math.sqrt(atm_total_variance(variance, years) / years) == pytest.approx(vol, abs=5e-6)
    assert surface.implied_vol(at_the_money, years) == pytest.approx(vol, abs=5e-6)


def test_the_smile_has_the_specified_skew() -> None:
    """QUANT_SPEC 9.3: 25-delta put .19978, call .12769 at 30 days, forward deltas."""
    surface = Surface(100.0, CALM)
    found = {}
    for right, target in (("P", 0.25), ("C", 0.25)):
        strikes = [80 + n / 100 for n in range(4000)]
        forward = math.exp(-surface.terms(100.0, MONTH).dividend_yield * MONTH)
        by_delta = {
            abs(abs(found_delta) / forward - target): surface.implied_vol(strike, MONTH)
            for strike in strikes
            if (
                found_delta := greeks(
                    surface.terms(strike, MONTH), right, surface.implied_vol(strike, MONTH)
                ).delta
            )
        }
        found[right] = by_delta[min(by_delta)]

    assert found["P"] == pytest.approx(0.19978, abs=5e-5)
    assert found["C"] == pytest.approx(0.12769, abs=5e-5)


def test_the_variance_swap_is_the_vix_of_the_surface_and_back() -> None:
    assert swap_vol(CALM) == pytest.approx(0.185287, abs=1e-5)
    assert math.sqrt(variance_of(0.185287)) == pytest.approx(0.15, abs=1e-4)


def test_a_calmer_market_than_the_floor_has_the_floors_surface() -> None:
    assert math.sqrt(variance_of(0.05)) == pytest.approx(0.08)


HULL = Terms(spot=49.0, strike=50.0, years=0.3846, rate=0.05, dividend_yield=0.0)


def test_greeks_are_hulls() -> None:
    """Hull, Options, Futures and Other Derivatives: S 49, K 50, r 5 %, vol 20 %, 20 weeks."""
    found = greeks(HULL, "C", 0.2)

    assert found.delta == pytest.approx(0.5216, abs=5e-5)
    assert found.gamma == pytest.approx(0.0655, abs=5e-5)
    assert found.vega * 100 == pytest.approx(12.1052, abs=5e-5)
    assert found.theta * 365 == pytest.approx(-4.3054, abs=5e-5)


@pytest.mark.parametrize(
    ("terms", "right", "vol", "price"),
    [
        (Terms(42.0, 40.0, 0.5, 0.1, 0.0), "C", 0.2, 4.7594),
        (Terms(42.0, 40.0, 0.5, 0.1, 0.0), "P", 0.2, 0.8086),
        (Terms(100.0, 95.0, 0.5, 0.1, 0.05), "P", 0.2, 2.46479),
        # Black-76: a dividend yield that equals the rate.
        (Terms(19.0, 19.0, 0.75, 0.1, 0.1), "C", 0.28, 1.70105),
        (Terms(20.0, 20.0, 1 / 3, 0.09, 0.09), "P", 0.25, 1.11664),
    ],
)
def test_prices_are_the_text_books(terms: Terms, right: str, vol: float, price: float) -> None:
    assert greeks(terms, right, vol).price == pytest.approx(price, abs=5e-5)


@given(
    strike=st.floats(60, 150),
    years=st.floats(1 / 365, 2),
    vol=st.floats(0.05, 1.5),
    right=st.sampled_from("CP"),
)
def test_the_implied_vol_gives_the_price_back(
    strike: float, years: float, vol: float, right: str
) -> None:
    terms = Terms(100.0, strike, years, 0.04, 0.01)
    price = greeks(terms, right, vol).price
    found = implied_vol(terms, right, price)

    if found is not None:
        assert greeks(terms, right, found).price == pytest.approx(price, abs=1e-6)
    else:
        assert price == pytest.approx(greeks(terms, right, 0.01).price, abs=1e-9)


@pytest.mark.parametrize(("price", "why"), [(0.0, "nothing paid"), (61.0, "above the stock")])
def test_an_impossible_price_has_no_implied_vol(price: float, why: str) -> None:
    assert implied_vol(Terms(60.0, 50.0, 0.1, 0.04, 0.0), "C", price) is None, why


@given(
    spot=st.floats(100, 700),
    variance=st.sampled_from([CALM, STRESSED, 0.08**2]),
    days=st.integers(1, 400),
)
def test_no_butterfly_costs_less_than_nothing(spot: float, variance: float, days: int) -> None:
    """Call prices fall with the strike and are convex in it; puts obey parity."""
    surface, years = Surface(spot, variance), days / 365
    strikes = [spot * (0.6 + n / 50) for n in range(41)]
    calls = []
    for strike in strikes:
        terms, vol = surface.terms(strike, years), surface.implied_vol(strike, years)
        call, put = greeks(terms, "C", vol).price, greeks(terms, "P", vol).price
        parity = terms.discount * (terms.forward - strike)
        assert call - put == pytest.approx(parity, abs=1e-9 * spot)
        calls.append(call)

    slopes = [b - a for a, b in pairwise(calls)]
    assert all(slope <= 1e-9 for slope in slopes)
    assert all(b - a >= -1e-9 * spot for a, b in pairwise(slopes))
