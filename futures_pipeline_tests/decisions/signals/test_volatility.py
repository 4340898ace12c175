"""The usual move: of history, else of a volatility index, else unknown."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.decisions.signals.volatility import (
    ImpliedVolatility,
    Volatility,
    daily_volatility,
    implied_volatility,
    overnight_volatility,
    weighted_deviation,
)

VIX = ImpliedVolatility("VIX", 16.0)


def test_newer_sessions_weigh_more_by_the_decay() -> None:
    """Two returns, 0.03 then 0.01: (0.01^2 + 0.94 * 0.03^2) / 1.94."""
    expected = math.sqrt((0.0001 + 0.94 * 0.0009) / 1.94)
    assert weighted_deviation([0.03, 0.01]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("known", "source"), [(19, "VIX"), (20, "history")])
def test_twenty_sessions_take_the_place_of_the_index(known: int, source: str) -> None:
    found = daily_volatility([None, *[0.01] * known], VIX)
    assert (found.source, found.sessions) == (source, known)


def test_gaps_do_not_count_as_sessions() -> None:
    found = daily_volatility([0.01] * 19 + [None] * 30, None)
    assert found == Volatility(None, None, 19, "19_of_20_sessions_and_no_volatility_index")


def test_an_index_of_16_is_about_one_percent_a_day() -> None:
    assert daily_volatility([], VIX).value == pytest.approx(0.16 / math.sqrt(252))


def test_a_night_has_its_share_of_a_day() -> None:
    whole = overnight_volatility([], VIX, 16.5).value
    assert whole == pytest.approx(0.16 / math.sqrt(252) * math.sqrt(0.30))
    assert overnight_volatility([], VIX, 31.75).value == whole
    half = overnight_volatility([], VIX, 8.25).value
    assert half == pytest.approx(0.16 / math.sqrt(252) * math.sqrt(0.15))
    assert overnight_volatility([], VIX, 0.0).reason == "no_time_since_the_anchor"


def test_a_market_that_never_moved_has_no_usual_move() -> None:
    found = daily_volatility([0.0] * 25, None)
    assert found.value is None
    assert found.reason == "flat_sessions_and_no_volatility_index"


@pytest.mark.parametrize(
    ("future", "points", "index"),
    [
        ("ES", {"VIX": 16.0, "VXN": 21.0}, "VIX"),
        ("NQ", {"VIX": 16.0, "VXN": 21.0}, "VXN"),
        ("NQ", {"VIX": 16.0, "VXN": None}, "VIX"),
        ("RTY", {"VIX": 16.0, "RVX": 24.0}, "RVX"),
        ("RTY", {"VIX": 16.0}, "VIX"),
    ],
)
def test_each_future_has_its_index(
    future: str, points: dict[str, float | None], index: str
) -> None:
    found = implied_volatility(future, points)
    assert found is not None
    assert found.index == index


def test_no_index_is_no_number() -> None:
    assert implied_volatility("ES", {"VIX": None}) is None
    assert daily_volatility([], None).value is None


@given(st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=60))
def test_the_deviation_lies_among_the_sizes(returns: list[float]) -> None:
    sizes = [abs(value) for value in returns]
    assert min(sizes) - 1e-12 <= weighted_deviation(returns) <= max(sizes) + 1e-12
