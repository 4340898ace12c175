"""Corrections and errors of means, against the reference library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from futures_pipeline.analytics.inference import (
    f_tail,
    holm,
    mean_error,
    normal_quantile,
    normal_tail,
    student_quantile,
    student_tail,
)

multitest = pytest.importorskip("statsmodels.stats.multitest", reason="statsmodels is missing")


@settings(deadline=None, max_examples=30)
@given(arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
def test_holm_is_the_largest_of_what_the_smaller_ones_need(p_values: np.ndarray) -> None:
    needed = [min(1.0, max(
        np.count_nonzero(p_values >= other) * other for other in p_values[p_values <= value]
    )) for value in p_values]  # fmt: skip
    np.testing.assert_allclose(holm(p_values), needed, atol=1e-12)


def test_holm_is_that_of_the_reference() -> None:
    p_values = np.random.default_rng(2).random(40) ** 4
    expected = multitest.multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, atol=1e-12)


def test_holm_does_not_count_what_was_not_asked() -> None:
    found = holm(np.array([0.02, np.nan, 0.04]))
    assert found[[0, 2]].tolist() == [0.04, 0.04]
    assert np.isnan(found[1])


def test_the_error_of_a_mean_is_newey_and_wests() -> None:
    from statsmodels.api import OLS

    random = np.random.default_rng(3)
    values = np.convolve(random.normal(size=400), np.ones(3), mode="valid")
    fit = OLS(values, np.ones(len(values))).fit(
        cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False}
    )
    mean, error, count = mean_error(values[None], 5)
    assert (mean, error, count) == pytest.approx((fit.params[0], fit.bse[0], 398))


def test_neighbours_of_different_sessions_are_independent() -> None:
    alternating = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    assert mean_error(alternating, 5)[1] == pytest.approx(0.5)
    assert np.isnan(mean_error(np.full((2, 3), np.nan), 5)[0])
    assert np.isnan(mean_error(np.ones((2, 3)), 5)[1])


def test_tails_and_quantiles_are_those_of_the_tables() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)
    assert float(normal_tail(np.array(1.644854))) == pytest.approx(0.05, abs=1e-6)
    assert student_quantile(0.975, 10) == pytest.approx(2.228139, abs=1e-6)
    assert student_tail(2.228139, 10) == pytest.approx(0.025, abs=1e-6)
    found = f_tail(np.array([4.102821]), np.array([2]), np.array([10]))
    assert found[0] == pytest.approx(0.05, abs=1e-6)
