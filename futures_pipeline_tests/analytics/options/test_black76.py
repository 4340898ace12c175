"""Black's formula against text books, difference quotients and a slow inversion. QUANT_SPEC 10."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from futures_pipeline.analytics.options.black76 import (
    Contracts,
    forward_deltas,
    greeks,
    implied_vols,
    prices,
)


def contracts(
    forward: object, strike: object, years: object, rate: float, is_call: object = True
) -> Contracts:
    arrays = np.broadcast_arrays(*(np.asarray(it, float) for it in (forward, strike, years)))
    sides = np.broadcast_to(np.asarray(is_call, bool), arrays[0].shape)
    forward_, strike_, years_ = (np.atleast_1d(array) for array in arrays)
    return Contracts(forward_, strike_, years_, rate, np.atleast_1d(sides))


def on_a_stock(
    spot: float, strike: float, years: float, rate: float, dividends: float, is_call: bool
) -> Contracts:
    return contracts(spot * np.exp((rate - dividends) * years), strike, years, rate, is_call)


@pytest.mark.parametrize(
    ("option", "vol", "price"),
    [
        # Hull: S 42, K 40, half a year.
        (on_a_stock(42, 40, 0.5, 0.1, 0, True), 0.2, 4.7594),
        (on_a_stock(42, 40, 0.5, 0.1, 0, False), 0.2, 0.8086),
        # Haug: Black-76 and Merton.
        (contracts(19, 19, 0.75, 0.1), 0.28, 1.70105),
        (contracts(20, 20, 1 / 3, 0.09, False), 0.25, 1.11664),
        (on_a_stock(100, 95, 0.5, 0.1, 0.05, False), 0.2, 2.46479),
    ],
)
def test_prices_are_the_text_books(option: Contracts, vol: float, price: float) -> None:
    assert prices(option, np.array([vol]))[0] == pytest.approx(price, abs=5e-5)
    assert implied_vols(option, prices(option, np.array([vol])))[0] == pytest.approx(vol, abs=1e-9)


def test_greeks_are_hulls() -> None:
    """S 49, K 50, r 5 %, 20 weeks; his theta is a year's and his vega one of 100 %."""
    found = greeks(
        on_a_stock(49, 50, 0.3846, 0.05, 0, True), np.array([0.2]), spot=np.array([49.0])
    )
    assert found.delta[0] == pytest.approx(0.5216, abs=5e-5)
    assert found.gamma[0] == pytest.approx(0.0655, abs=5e-5)
    assert found.theta[0] * 365 == pytest.approx(-4.3054, abs=5e-5)
    assert found.vega[0] * 100 == pytest.approx(12.1052, abs=5e-5)


SPOTS = st.floats(50, 800)
MONEYNESS = st.floats(0.7, 1.4)
YEARS = st.floats(7 / 365, 400 / 365)
VOLS = st.floats(0.06, 1.5)
RATES = st.floats(-0.01, 0.08)


@given(SPOTS, MONEYNESS, YEARS, VOLS, st.tuples(RATES, st.floats(0, 0.05)), st.booleans())
def test_greeks_are_difference_quotients(
    spot: float,
    moneyness: float,
    years: float,
    vol: float,
    yields: tuple[float, float],
    is_call: bool,
) -> None:
    def value(spot_now: float, years_left: float, vol_now: float) -> float:
        option = on_a_stock(spot_now, moneyness * spot, years_left, *yields, is_call)
        return float(prices(option, np.array([vol_now]))[0])

    option = on_a_stock(spot, moneyness * spot, years, *yields, is_call)
    found = greeks(option, np.array([vol]), np.array([spot]))
    h, v, t = 1e-3 * spot * vol * np.sqrt(years), 1e-4 * vol, 1e-4 * years
    up, middle, down = (value(spot + step, years, vol) for step in (h, 0, -h))
    assert found.delta[0] == pytest.approx((up - down) / (2 * h), abs=1e-6)
    bend = 1 / (spot * vol * np.sqrt(years))
    assert found.gamma[0] == pytest.approx((up - 2 * middle + down) / h**2, abs=1e-5 * bend)
    vega = (value(spot, years, vol + v) - value(spot, years, vol - v)) / (2 * v) / 100
    assert found.vega[0] == pytest.approx(vega, abs=1e-8 * spot)
    theta = (value(spot, years - t, vol) - value(spot, years + t, vol)) / (2 * t) / 365
    assert found.theta[0] == pytest.approx(theta, abs=1e-7 * spot)


@given(SPOTS, MONEYNESS, YEARS, VOLS, RATES)
def test_prices_keep_the_laws(
    forward: float, moneyness: float, years: float, vol: float, rate: float
) -> None:
    """Parity; more volatility, a lower strike or a larger forward make a call dearer; scale."""
    strike, at = moneyness * forward, np.array([vol])
    call = contracts(forward, strike, years, rate)
    put = contracts(forward, strike, years, rate, is_call=False)
    difference = prices(call, at) - prices(put, at)
    assert difference == pytest.approx(call.discount * (forward - strike), abs=1e-11 * forward)

    price = prices(call, at)
    least = price - 1e-12 * forward  # rounding
    assert prices(call, at * 1.01) >= least
    assert prices(contracts(forward, strike * 0.99, years, rate), at) >= least
    assert prices(contracts(forward * 1.01, strike, years, rate), at) >= least
    ten_times = contracts(10 * forward, 10 * strike, years, rate)
    assert prices(ten_times, at) == pytest.approx(10 * price, rel=1e-9, abs=1e-12 * forward)


def test_the_volatility_comes_back_over_a_wide_grid() -> None:
    """From an hour to five years, 1 % to 490 %, six standard deviations out: within 1e-9."""
    years, vol, steps = (
        axis.ravel()
        for axis in np.meshgrid(
            [1 / 8760, 1 / 365, 7 / 365, 0.1, 0.5, 1.0, 2.0, 5.0],
            [0.0101, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 4.9],
            np.linspace(-6, 6, 49),
        )
    )
    strike = 100 * np.exp(steps * vol * np.sqrt(years))
    options = contracts(100.0, strike, years, 0.04, strike >= 100)
    price = prices(options, vol)
    # Where an option is worth all but a millionth of what it can be, the price says no more.
    most = options.discount * np.minimum(100.0, strike)
    is_told = price < most * (1 - 1e-6)
    assert is_told.mean() > 0.95
    assert np.abs(implied_vols(options, price) - vol)[is_told].max() < 1e-9


@given(
    st.floats(-1.0, 1.0), YEARS, st.floats(0.02, 3.0), RATES, st.sampled_from([1.0, 100.0, 5000.0])
)
def test_the_inversion_agrees_with_brents_method(
    log_strike: float, years: float, vol: float, rate: float, forward: float
) -> None:
    """The slow twin: a bracketing search on the price of each option alone."""
    strike = forward * np.exp(log_strike)
    option = contracts(forward, strike, years, rate, log_strike >= 0)
    price = prices(option, np.array([vol]))
    if price[0] < 1e-9 * forward:
        return
    found = implied_vols(option, price)[0]

    def miss(guess: float) -> float:
        return float(prices(option, np.array([guess]))[0] - price[0])

    slow = optimize.brentq(miss, 0.01, 5.0, xtol=1e-14)
    slope = float(greeks(option, np.array([vol]), np.array([forward])).vega[0]) * 100
    assert found == pytest.approx(slow, abs=1e-9 + 1e-14 * forward / slope)
    assert found == pytest.approx(vol, abs=1e-9)


@pytest.mark.parametrize(
    ("price", "why"),
    [
        (0.0, "worth nothing"),
        (-1.0, "below nothing"),
        (np.nan, "not known"),
        (100.0, "worth the forward"),
        (1e-250, "below 1 %"),
        (99.99, "above 500 %"),
    ],
)
def test_a_price_without_a_volatility_has_none(price: float, why: str) -> None:
    option = contracts(100.0, 110.0, 0.1, 0.0)
    assert np.isnan(implied_vols(option, np.array([price]))[0]), why


def test_below_the_discounted_gain_there_is_no_volatility() -> None:
    option = contracts(100.0, 90.0, 0.5, 0.05)
    worth = float(option.discount[0]) * 10
    low, high = (implied_vols(option, np.array([worth + step]))[0] for step in (-0.01, 0.5))
    assert np.isnan(low)
    assert high > 0.01


def test_volatilities_are_independent_of_their_neighbours() -> None:
    strikes = np.array([90.0, 100.0, 110.0])
    together = implied_vols(contracts(100.0, strikes, 0.25, 0.0, strikes >= 100), np.full(3, 1.5))
    alone = [
        implied_vols(contracts(100.0, strike, 0.25, 0.0, strike >= 100), np.array([1.5]))[0]
        for strike in strikes
    ]
    assert together.tolist() == alone


def test_forward_deltas_rank_the_strikes() -> None:
    strikes = np.array([50.0, 100.0, 200.0])
    ranks = forward_deltas(contracts(100.0, strikes, 0.25, 0.0), np.full(3, 0.2))
    assert ranks[0] == pytest.approx(1.0)
    assert ranks[1] == pytest.approx(0.5199, abs=1e-4)
    assert ranks[2] == pytest.approx(0.0, abs=1e-9)
