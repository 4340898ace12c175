"""Volatility at the money, at 25 delta and at constant maturities. QUANT_SPEC 7.2, 9.3."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from futures_pipeline.analytics.options.closing_numbers import closing_chain
from futures_pipeline.analytics.options.term_structure import (
    MONTH,
    QUARTER,
    Smile,
    between,
    calendar_arbitrage,
    constant_maturity_vol,
    skew_25_delta,
    smiles,
)
from futures_pipeline_tests.analytics.options.chains import (
    CALM,
    DAY,
    STRESSED,
    TODAY,
    Truth,
    chain,
    shuffled,
)


def smile(days: int, vol: float | None, **said: object) -> Smile:
    expiry = TODAY + timedelta(days=days)
    values = {"symbol": "SPY", "put_25_vol": vol, "call_25_vol": vol, **said}
    return Smile(expiry=expiry, dte=days, years=days / 365, atm_vol=vol, **values)  # type: ignore[arg-type]


def atm(known: Sequence[Smile], days: int = 30) -> float | None:
    maturity = MONTH if days == 30 else QUARTER
    return constant_maturity_vol(known, lambda it: it.atm_vol, maturity)


def test_total_variance_is_linear_between_the_nearest_expiries() -> None:
    """20 % at 20 days and 30 % at 40 days: (.04 * 20 + .09 * 40) / 2 / 30 at 30."""
    known = [smile(40, 0.3), smile(20, 0.2), smile(10, 0.9), smile(80, 0.9)]
    assert atm(known) == pytest.approx(np.sqrt((0.04 * 20 + 0.09 * 40) / 2 / 30), abs=1e-12)


def test_an_expiry_on_the_day_stands_for_it() -> None:
    assert atm([smile(20, 0.2), smile(30, 0.25), smile(40, 0.3)]) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("days", "found"), [((21,), 0.2), ((20,), None), ((45, 50), 0.2), ((46,), None), ((), None)]
)
def test_a_near_expiry_stands_alone(days: tuple[int, ...], found: float | None) -> None:
    assert atm([smile(it, 0.2 + 0.1 * (it == 50)) for it in days]) == found


@pytest.mark.parametrize(("days", "found"), [(60, 0.2), (59, None), (120, 0.2), (121, None)])
def test_ninety_days_have_their_own_nearness(days: int, found: float | None) -> None:
    assert atm([smile(days, 0.2)], 90) == found


def test_an_expiry_without_a_volatility_is_passed_over() -> None:
    known = [smile(20, 0.2), smile(29, None), smile(40, 0.2)]
    assert atm(known) == pytest.approx(0.2)


def test_between_needs_values_on_both_sides() -> None:
    x, y = np.array([3.0, 1.0]), np.array([30.0, 10.0])
    assert between(x, y, 2.0) == 20.0
    assert between(x, y, 3.0) == 30.0
    assert between(x, y, 3.1) is None
    assert between(np.array([]), np.array([]), 0.0) is None


@pytest.mark.parametrize(
    ("variance", "month", "quarter", "skew"),
    [(CALM, 0.15649, 0.16623, 0.07208), (STRESSED, 0.38256, 0.35327, None)],
)
def test_the_surface_is_recovered(
    variance: float, month: float, quarter: float, skew: float | None
) -> None:
    """QUANT_SPEC 9.3 from the quotes alone; summer time makes the expiries an hour nearer."""
    truth = Truth(spot=478.0, variance=variance, days=(30, 90), strikes=dollars(300, 640))
    found = smiles(closing_chain(chain(truth, with_greeks=False), DAY).valued)
    assert found[0].atm_vol == pytest.approx(month, abs=5e-5)
    assert found[1].atm_vol == pytest.approx(quarter, abs=5e-5)
    if skew is not None:
        first = found[0]
        assert first.put_25_vol == pytest.approx(0.19978, abs=5e-5)
        assert first.call_25_vol == pytest.approx(0.12769, abs=5e-5)
        both = [first, found[1]]
        assert skew_25_delta(both) == pytest.approx(skew, abs=2e-4)


@pytest.mark.parametrize(("days", "error"), [((23, 37), 0.0004), ((7, 60), 0.005)])
def test_interpolation_costs_what_was_measured(days: tuple[int, int], error: float) -> None:
    """QUANT_SPEC 7.2: .03 volatility points from 23 and 37 days, .40 from 7 and 60."""
    truth = Truth(spot=478.0, days=days, strikes=dollars(380, 560))
    found = atm(smiles(closing_chain(chain(truth), DAY).valued))
    assert found == pytest.approx(0.15649, abs=error)
    assert found != pytest.approx(0.15649, abs=error / 3)


def dollars(low: int, high: int) -> list[float]:
    return [float(strike) for strike in range(low, high)]


def test_the_money_must_be_bracketed_by_strikes() -> None:
    one_sided = Truth(days=(30,), strikes=dollars(540, 585))
    (found,) = smiles(closing_chain(chain(one_sided), DAY).valued)
    assert found.atm_vol is None
    assert found.call_25_vol is None
    assert found.put_25_vol is not None


def test_smiles_do_not_depend_on_the_order_of_rows() -> None:
    valued = closing_chain(chain(Truth()), DAY).valued
    assert smiles(shuffled(valued, 5)) == smiles(valued)
    assert smiles(valued.clear()) == []


def test_total_variance_may_not_fall() -> None:
    """20 % for 20 days is more than 15 % for 30."""
    known = [smile(40, 0.3), smile(30, 0.15), smile(25, None), smile(20, 0.2)]
    (found,) = calendar_arbitrage([*known, smile(45, 0.01, symbol="QQQ")])
    assert (found.earlier, found.later) == (known[3].expiry, known[1].expiry)
    assert found.lost == pytest.approx(1 - 0.15**2 * 30 / (0.2**2 * 20))


def test_the_surface_has_no_calendar_arbitrage() -> None:
    truth = Truth(days=tuple(range(7, 100, 7)))
    assert calendar_arbitrage(smiles(closing_chain(chain(truth), DAY).valued)) == []
