"""Which expiries, strikes and contracts a round asks for."""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.options.chains import (
    CARRY,
    Money,
    OptionContract,
    chosen_contracts,
    chosen_expiries,
    chosen_strikes,
    years_to_expiry,
)
from futures_pipeline.simulator.options.pricing import greeks
from futures_pipeline.simulator.options.surface import Surface, atm_total_variance

TODAY = date(2025, 1, 15)
NOW = datetime(2025, 1, 15, 15, 0, tzinfo=UTC)
MONEY = Money(price=586.3, vol=0.16)
DOLLARS = [float(strike) for strike in range(450, 700)]


def ahead(*days: int) -> list[date]:
    return [TODAY + timedelta(days=n) for n in days]


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        # SPY on a Wednesday: dailies, Fridays, monthlies.
        ((0, 1, 2, 6, 7, 8, 16, 23, 30, 37, 65, 75, 92, 121), (7, 30, 65, 75, 92)),
        ((9, 16, 23, 37, 44, 58, 93), (9, 23, 37, 58, 93)),
        # An expiry a day short of a week is not used, two weeks are near enough.
        ((6, 14, 29, 31, 90), (14, 29, 31, 90)),
        ((6, 15, 29, 31, 90), (29, 31, 90)),
        # Nothing brackets: what is there stands alone.
        ((20, 25), (25,)),
        ((40,), (40,)),
        ((130, 200), ()),
        ((), ()),
    ],
)
def test_expiries_bracket_thirty_and_ninety_days(
    listed: tuple[int, ...], chosen: tuple[int, ...]
) -> None:
    assert chosen_expiries(ahead(*listed), TODAY) == ahead(*chosen)


def test_a_holiday_expiry_is_taken_as_it_is_listed() -> None:
    """The April monthly of 2025 ends on Thursday 17, Good Friday is the 18th."""
    today = date(2025, 3, 19)
    listed = [date(2025, 4, 17), date(2025, 4, 11), date(2025, 4, 25)]
    assert chosen_expiries(listed, today) == [date(2025, 4, 17), date(2025, 4, 25)]


def test_a_date_listed_twice_is_chosen_once() -> None:
    assert chosen_expiries(ahead(30, 30, 30), TODAY) == ahead(30)


@given(st.lists(st.integers(-5, 400), max_size=40))
def test_expiries_are_listed_ones_a_week_to_four_months_ahead(days: list[int]) -> None:
    chosen = [(expiry - TODAY).days for expiry in chosen_expiries(ahead(*days), TODAY)]

    usable = sorted({n for n in days if 7 <= n <= 120})
    assert set(chosen) <= set(usable)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= 7
    assert bool(chosen) == bool(usable)
    for target in (30, 90):
        assert [n for n in usable if n <= target][-1:] == [n for n in chosen if n <= target][-1:]
        assert [n for n in usable if n >= target][:1] == [n for n in chosen if n >= target][:1]


def test_strikes_about_the_money_are_always_in() -> None:
    """At ninety days the forward lies four dollars above the price."""
    chosen = chosen_strikes(DOLLARS, MONEY, 90 / 365)
    forward = MONEY.price * math.exp(CARRY * 90 / 365)

    assert {586.0, 587.0} <= set(chosen)
    assert {float(math.floor(forward)), float(math.ceil(forward))} <= set(chosen)
    assert len(chosen) <= 12


def test_a_price_on_a_strike_brackets_itself() -> None:
    assert 586.0 in chosen_strikes(DOLLARS, Money(586.0, 0.16), 7 / 365)


@given(
    st.sets(st.integers(100, 900), min_size=1, max_size=120),
    st.floats(150, 800),
    st.floats(0.05, 1.5),
    st.floats(1 / 365, 0.4),
)
def test_strikes_are_listed_ones_about_the_money(
    listed: set[int], price: float, vol: float, years: float
) -> None:
    strikes = [float(strike) for strike in listed]
    chosen = chosen_strikes(strikes, Money(price, vol), years)

    assert set(chosen) <= set(strikes)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= 12
    below = [strike for strike in strikes if strike <= price]
    above = [strike for strike in strikes if strike >= price]
    assert not below or max(below) in chosen
    assert not above or min(above) in chosen


@pytest.mark.parametrize("days", [7, 30, 92])
@pytest.mark.parametrize("vol", [0.10, 0.16, 0.40])
def test_strikes_reach_five_delta_on_both_sides(days: int, vol: float) -> None:
    """On a skewed smile, which a spread equal on both sides would miss or overshoot."""
    years, surface = days / 365, Surface(600.0, vol**2)
    at_the_money = math.sqrt(atm_total_variance(vol**2, years) / years)
    fine = [300 + n / 2 for n in range(1200)]
    chosen = chosen_strikes(fine, Money(600.0, at_the_money), years)

    deltas = []
    for strike in chosen:
        terms = surface.terms(strike, years)
        deltas.append(greeks(terms, "C", surface.implied_vol(strike, years)).delta)
    assert max(deltas) > 0.945
    assert 0.01 < min(deltas) < 0.05
    # Between them no step of the smile is left out.
    assert all(b - a < 0.25 for a, b in pairwise(sorted(deltas)))


def test_no_strikes_choose_none() -> None:
    assert chosen_strikes([], MONEY, 0.1) == []


def contract(expiry: date, strike: float, right: str) -> OptionContract:
    return OptionContract(
        "SPY", f"{expiry}{right}{strike}", 1, expiry, strike, right, ib_async.Contract()
    )


def listed(*expiries: date) -> dict[date, list[OptionContract]]:
    return {
        expiry: [contract(expiry, strike, right) for strike in DOLLARS for right in "CP"]
        for expiry in expiries
    }


def test_contracts_at_the_money_come_first_and_in_pairs() -> None:
    near, far = ahead(9, 65)
    chosen = chosen_contracts(listed(near, far), MONEY, NOW)

    assert {option.expiry for option in chosen} == {near, far}
    first = chosen[:8]
    assert {option.strike for option in first} <= {586.0, 587.0, 588.0, 589.0, 590.0}
    rights = [option.right for option in chosen]
    assert rights == ["C", "P"] * (len(chosen) // 2)
    last = chosen[-4:]
    assert all(abs(option.strike - MONEY.price) > 20 for option in last)


def test_years_are_calendar_time_to_four_in_new_york() -> None:
    assert years_to_expiry(TODAY, NOW) == pytest.approx(6 / 24 / 365)
    assert years_to_expiry(ahead(30)[0], NOW) == pytest.approx((30 + 6 / 24) / 365)


def test_an_option_in_its_last_minutes_still_has_a_life() -> None:
    after = datetime(2025, 1, 15, 21, 30, tzinfo=UTC)
    assert years_to_expiry(TODAY, after) > 0
