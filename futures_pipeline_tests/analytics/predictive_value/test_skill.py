"""The statistics of a signal, against published numbers and by hand. Source: QUANT_SPEC 5.3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from futures_pipeline.analytics.predictive_value.skill import (
    direction,
    information_coefficient,
    net_edge,
    out_of_sample_r2,
    pesaran_timmermann,
    share_of_good_folds,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "calls", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_that_of_newcombe(right: int, calls: int, low: float, high: float) -> None:
    assert wilson(right, calls) == pytest.approx((low, high), abs=5e-5)


def table(counts: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Calls and outcomes from the counts up-up, up-down, down-up, down-down."""
    calls = np.repeat([1.0, 1.0, -1.0, -1.0], counts)
    outcomes = np.repeat([1.0, -1.0, 1.0, -1.0], counts)
    return calls[None], outcomes[None]


def test_direction_of_the_hand_worked_table() -> None:
    found = direction(*table((70, 45, 40, 45)))
    assert found.accuracy.value == 0.575
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((0.50571, 0.64146), abs=5e-6)
    assert found.base_rate == 0.55
    assert found.calls == 200
    assert found.pesaran_timmermann == pytest.approx(1.94563, abs=5e-6)
    assert found.pesaran_timmermann_p == pytest.approx(0.02585, abs=5e-6)


def test_always_up_has_no_skill_to_test() -> None:
    found = direction(np.ones((1, 50)), np.where(np.arange(50) % 2, 1.0, -1.0)[None])
    assert (found.accuracy.value, found.base_rate) == (0.5, 0.5)
    assert np.isnan([found.pesaran_timmermann, found.p_value]).all()
    assert np.isnan(pesaran_timmermann(0.5, 0.0, 0.5, 10)).all()


def test_what_did_not_move_is_no_call() -> None:
    signal = np.array([[1.0, 0.0, -1.0, np.nan, 1.0]])
    outcome = np.array([[2.0, 1.0, -1.0, 1.0, 0.0]])
    found = direction(signal, outcome)
    assert (found.calls, found.accuracy.value) == (2, 1.0)
    nothing = direction(np.zeros((1, 4)), np.ones((1, 4)))
    assert nothing.calls == 0
    assert np.isnan(nothing.accuracy.value)


def test_the_direction_test_is_the_reference_regression() -> None:
    pytest.importorskip("statsmodels", reason="statsmodels is missing")
    from statsmodels.api import OLS

    random = np.random.default_rng(8)
    signal = random.normal(size=(1, 300))
    outcome = 0.1 * signal + random.normal(size=(1, 300))
    up, rose = (signal[0] > 0).astype(float), (outcome[0] > 0).astype(float)
    fit = OLS(rose, np.column_stack([np.ones(300), up])).fit(
        cov_type="HAC", cov_kwds={"maxlags": 2, "use_correction": False}, use_t=True
    )
    assert direction(signal, outcome).p_value == pytest.approx(fit.pvalues[1] / 2, rel=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_the_rank_correlation_is_spearmans(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(0, 8, 40).astype(float)
    y = np.round(x / 3 + random.normal(size=40), 1)
    found = information_coefficient(x[None], y[None])
    assert found.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    half = 1.959964 * np.sqrt(1.06 / 37)
    expected = np.tanh(np.arctanh(found.value) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-6)


def test_a_flat_signal_has_no_rank_correlation() -> None:
    assert np.isnan(information_coefficient(np.ones((1, 9)), np.arange(9.0)[None]).value)


def test_the_edge_is_what_following_earns_less_the_cost() -> None:
    signal = np.array([[1.0, -2.0, 3.0, 0.0, np.nan]])
    outcome = np.array([[3e-4, -1e-4, -2e-4, 9e-4, 9e-4]])
    found = net_edge(signal, outcome, cost_bp=1.0)
    assert found.mean_bp == pytest.approx((3 + 1 - 2) / 3 - 1)
    deviations = np.array([3.0, 1.0, -2.0]) - 2 / 3
    total = (deviations**2).sum() + 2 * (2 / 3) * (deviations[:-1] * deviations[1:]).sum()
    total += 2 * (1 / 3) * deviations[0] * deviations[2]
    assert found.low_bp == pytest.approx(found.mean_bp - 1.2816 * np.sqrt(total) / 3)


def test_the_forecast_uses_earlier_sessions_only() -> None:
    x = np.array([[1.0, 2.0], [1.0, -1.0], [2.0, 1.0]])
    y = np.array([[1.0, 2.0], [2.0, -2.0], [4.0, 1.0]])
    slopes = [5 / 5, (5 + 4) / (5 + 2)]
    errors = ((y[1] - slopes[0] * x[1]) ** 2).sum() + ((y[2] - slopes[1] * x[2]) ** 2).sum()
    expected = 1 - errors / (y[1:] ** 2).sum()
    assert out_of_sample_r2(x, y) == pytest.approx(expected)
    assert np.isnan(out_of_sample_r2(x[:1], y[:1]))


def test_folds_are_groups_of_sessions() -> None:
    x = np.tile(np.arange(6.0), (10, 1))
    y = x.copy()
    y[5:] *= -1
    assert share_of_good_folds(x, y, 5) == 0.5
