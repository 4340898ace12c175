"""Intervals against published values. Source: Newcombe 1998; QUANT_SPEC 10."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.decisions.scorecard.rates import (
    Difference,
    difference,
    rate,
)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    found = rate(right, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe(first: tuple[int, int], second: tuple[int, int], low: float, high: float) -> None:
    found = difference(rate(*first), rate(*second))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_nothing_compared_is_nothing() -> None:
    assert difference(rate(0, 0), rate(1, 2)) == Difference(None, None, None)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_a_difference_lies_in_its_interval(n: int, m: int, data: st.DataObject) -> None:
    first = rate(data.draw(st.integers(0, n)), n)
    second = rate(data.draw(st.integers(0, m)), m)
    found = difference(first, second)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert -1.0 - 1e-9 <= found.low <= found.value <= found.high <= 1.0 + 1e-9
