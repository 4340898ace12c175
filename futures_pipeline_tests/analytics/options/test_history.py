"""Ranks, percentiles, realised volatility and trend: worked by hand. QUANT_SPEC 7.3."""

import doctest
import math
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.options import history
from futures_pipeline.analytics.options.history import (
    Measured,
    Underlying,
    by_session,
    moves,
    percentile,
    rank,
)


def test_docstring_examples_hold() -> None:
    assert doctest.testmod(history) == (0, 2)


def test_halfway_is_fifty() -> None:
    """The usual example: between 30 % and 60 %, now 45 %."""
    assert rank([0.30, 0.60, 0.45], 3).value == pytest.approx(50.0)


def test_rank_and_percentile_differ_by_an_outlier() -> None:
    """One day at 90 % leaves the rank low; by percentile today is above most days."""
    values = [0.10, 0.11, 0.12, 0.13, 0.90, 0.14]
    assert rank(values, 6).value == pytest.approx(100 * 0.04 / 0.80)
    assert percentile(values, 6).value == pytest.approx(80.0)


def test_equal_days_count_half() -> None:
    assert percentile([0.2, 0.2, 0.1, 0.2], 4).value == pytest.approx(100 * (1 + 1) / 3)


def test_a_year_of_251_earlier_days() -> None:
    values = [0.1 + number / 1000 for number in range(252)]
    assert percentile(values, 252) == Measured(100.0, 252, None)
    assert percentile(values[::-1], 252) == Measured(0.0, 252, None)


@pytest.mark.parametrize("measure", [rank, percentile])
@pytest.mark.parametrize(
    ("values", "n", "reason"),
    [
        ([None, None, *[0.1 + it / 100 for it in range(18)]], 18, "18_of_20_sessions"),
        ([*[0.1 + it / 100 for it in range(25)], None], 25, "today_unknown"),
        ([], 0, "today_unknown"),
        ([0.2], 1, "1_of_20_sessions"),
    ],
)
def test_too_little_is_null_with_a_reason(
    measure: object, values: list[float | None], n: int, reason: str
) -> None:
    """Never 50: two thirds of 30 sessions are needed, and today."""
    assert callable(measure)
    assert measure(values, 30) == Measured(None, n, reason)


def test_two_thirds_are_enough() -> None:
    values = [None if it % 3 == 0 else 0.1 + it / 100 for it in range(30)]
    assert rank(values, 30) == Measured(100.0, 20, None)
    assert percentile(values, 30).n == 20


def test_a_flat_window_has_no_rank_but_a_percentile() -> None:
    assert rank([0.2] * 30, 30) == Measured(None, 30, "flat")
    assert percentile([0.2] * 30, 30).value == 50.0  # each of the 29 counts half


@given(
    st.lists(st.one_of(st.none(), st.floats(0.05, 1.0)), min_size=30, max_size=30),
    st.floats(0.1, 10.0),
)
def test_ranks_are_bounded_and_scale_free(values: list[float | None], scale: float) -> None:
    scaled = [None if value is None else value * scale for value in values]
    for measure in (rank, percentile):
        found, other = measure(values, 30), measure(scaled, 30)
        assert found.n == other.n == sum(value is not None for value in values)
        assert (found.value is None) == (found.reason is not None)
        if found.value is not None and other.value is not None:
            assert 0.0 <= found.value <= 100.0
            assert measure is percentile or other.value == pytest.approx(found.value, abs=1e-6)


def closes(returns: list[float], start: float = 100.0) -> list[Underlying]:
    """Return closes with these log returns."""
    levels = [start]
    for value in returns:
        levels.append(levels[-1] * math.exp(value))
    return [Underlying(level, 0.0) for level in levels]


def test_volatility_and_trend_of_a_steady_rise() -> None:
    """1 % each day: the root of 252 times a hundredth; a trend of root 20 sigmas."""
    found = moves(closes([0.01] * 20))
    assert found.log_return.value == pytest.approx(0.01)
    assert found.volatility == Measured(pytest.approx(0.01 * math.sqrt(252)), 20, None)
    assert found.trend.value == pytest.approx(math.sqrt(20))


def test_a_swing_has_volatility_and_no_trend() -> None:
    found = moves(closes([0.02, -0.02] * 10))
    assert found.volatility.value == pytest.approx(0.02 * math.sqrt(252))
    assert found.trend.value == pytest.approx(0.0, abs=1e-12)


def test_only_the_last_twenty_returns_count() -> None:
    assert moves(closes([0.5] + [0.01] * 20)) == moves(closes([0.01] * 20, start=100 * math.e**0.5))


def test_an_ex_date_is_no_fall() -> None:
    """The price falls by the dividend: nothing was lost."""
    before = [Underlying(100.0, 0.0)] * 20
    found = moves([*before, Underlying(98.0, 2.0)])
    assert found.log_return.value == 0.0
    assert found.volatility.value == 0.0
    assert (found.trend.value, found.trend.reason) == (None, "flat")


def test_a_missing_close_is_said() -> None:
    known = closes([0.01] * 25)
    holed = [*known[:10], Underlying(None, 0.0), *known[11:]]
    found = moves(holed)
    assert found.log_return.value == pytest.approx(0.01)
    assert found.volatility == found.trend == Measured(None, 18, "18_of_20_returns")
    assert moves([*known[:-1], Underlying(None, 0.0)]).log_return == Measured(None, 0, "no_close")
    assert moves([]).log_return.reason == moves(known[:1]).log_return.reason == "no_close"


def test_a_stored_column_meets_the_calendar() -> None:
    days = [date(2025, 3, day) for day in (3, 4, 5)]
    rows = pl.DataFrame({"date": [days[2], days[0]], "iv": [0.3, 0.1]})
    assert by_session(rows, "iv", days) == [0.1, None, 0.3]
