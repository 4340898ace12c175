"""One correlation and its interval. Source: QUANT_SPEC 3.2, 3.3, 3.5."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.analytics.correlation.estimate import (
    correlate,
    fisher_interval,
    pooled_correlation,
    volatility_adjusted,
)

REPETITIONS = 1500


def test_the_plain_interval_is_fishers() -> None:
    low, high = fisher_interval(np.float64(0.5), np.float64(60))
    assert (float(low), float(high)) == pytest.approx((0.28186, 0.66899), abs=5e-6)


def test_repetition_costs_effective_pairs() -> None:
    t = np.arange(60.0)
    found = correlate(np.sin(t), np.sin(t + 0.5) + 0.3 * np.cos(3 * t))
    assert float(found.value) == pytest.approx(0.838972, abs=5e-7)
    assert float(found.effective_pairs) == pytest.approx(7.778598, abs=5e-7)
    assert (float(found.low), float(found.high)) == pytest.approx((0.310497, 0.971273), abs=5e-7)


def test_independent_normal_pairs_count_fully() -> None:
    """K and A are about one; where noise would make them less, they are not."""
    x, y = np.random.default_rng(1).normal(size=(2, 200, 1000))
    effective = correlate(x, y).effective_pairs
    assert effective.max() == 1000.0
    assert np.median(effective) > 850


@pytest.mark.parametrize("pairs", [60, 390])
@pytest.mark.parametrize("kind", ["normal", "fat", "changing", "shape_of_day", "repeating"])
def test_the_interval_covers(kind: str, pairs: int) -> None:
    rho, random = 0.5, np.random.default_rng(11)
    if kind == "repeating":
        x, y = repeating(random, pairs, rho)
    else:
        x, y = correlated(random, pairs, rho) * sizes(kind, random, pairs)
    found = correlate(x, y)
    covered = float(((found.low <= rho) & (rho <= found.high)).mean())
    assert 0.91 <= covered <= 0.98


def correlated(random: np.random.Generator, pairs: int, rho: float) -> np.ndarray:
    a, b = random.normal(size=(2, REPETITIONS, pairs))
    return np.stack([a, rho * a + np.sqrt(1 - rho**2) * b])


def sizes(kind: str, random: np.random.Generator, pairs: int) -> np.ndarray:
    if kind == "fat":
        return np.sqrt(5 / random.chisquare(5, size=(REPETITIONS, pairs)))
    if kind == "changing":
        steps = random.normal(size=(REPETITIONS, pairs)) * 0.1
        return np.exp(np.cumsum(steps, axis=1) - steps.sum(axis=1, keepdims=True) / 2)
    if kind == "shape_of_day":
        return np.sqrt(1 + 2 * np.linspace(-1, 1, pairs) ** 2)[None]
    return np.ones((1, 1))


def repeating(random: np.random.Generator, pairs: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    shocks = correlated(random, pairs + 50, rho)
    for t in range(1, pairs + 50):
        shocks[:, :, t] += 0.5 * shocks[:, :, t - 1]
    return shocks[0, :, 50:], shocks[1, :, 50:]


def test_volatility_adjustment_undoes_a_volatile_driver() -> None:
    """y = x + e with correlation 0.4; four times the variance of x raises it to 0.6576."""
    random = np.random.default_rng(2)
    x, e = random.normal(size=(2, 400_000))
    noise = np.sqrt(1 / 0.4**2 - 1)
    volatile = np.corrcoef(2 * x, 2 * x + noise * e)[0, 1]
    assert volatile == pytest.approx(0.6576, abs=0.003)
    exact = 0.4 * 2 / np.sqrt(0.4**2 * 4 + 1 - 0.4**2)
    assert exact == pytest.approx(0.6576, abs=5e-5)
    adjusted = volatility_adjusted(np.float64(exact), np.float64(4.0), np.float64(1.0))
    assert float(adjusted) == pytest.approx(0.4, abs=1e-12)
    assert np.isnan(volatility_adjusted(np.float64(0.4), np.float64(0.0), np.float64(1.0)))


def test_stale_prices_lower_the_correlation_of_short_returns() -> None:
    """The Epps effect of Poisson ticks at 0.5 and 0.1 a second, correlation 0.9."""
    random = np.random.default_rng(5)
    length = 6_000_000  # tenths of a second
    steps = random.normal(size=(2, length))
    steps[1] = 0.9 * steps[0] + np.sqrt(1 - 0.9**2) * steps[1]
    seen = []
    for rate, path in zip((0.5, 0.1), np.cumsum(steps, axis=1), strict=True):
        ticks = random.random(length) < rate / 10
        seen.append(path[np.maximum.accumulate(np.where(ticks, np.arange(length), 0))])
    expected = {1: 0.0682, 5: 0.2547, 10: 0.3961, 30: 0.6524, 60: 0.7703, 300: 0.8740}
    for seconds, correlation in expected.items():
        sampled = (np.diff(prices[:: 10 * seconds]) for prices in seen)
        assert float(correlate(*sampled).value) == pytest.approx(correlation, abs=0.01)


def test_unknown_is_said_and_never_zero() -> None:
    x = np.random.default_rng(3).normal(size=40)
    few = correlate(x[:19], x[:19])
    assert np.isnan(few.value)
    assert int(few.pairs) == 19
    assert np.isnan(few.low)
    assert np.isnan(correlate(x, np.full(40, 0.1)).value)
    assert float(correlate(x, x).value) == 0.999999
    assert np.isnan(correlate(np.empty(0), np.empty(0)).value)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(20, 80))
def test_gaps_change_nothing_but_the_pairs_they_take(seed: int, pairs: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, pairs + 12))
    x[random.permutation(pairs + 12)[:12]] = np.nan
    known = ~np.isnan(x)
    found = correlate(x, y)
    assert int(found.pairs) == pairs
    expected = np.corrcoef(x[known], y[known])[0, 1]
    assert float(found.value) == pytest.approx(expected, abs=1e-12)
    assert found.low < found.value < found.high


def test_a_window_does_not_depend_on_its_neighbours() -> None:
    x, y = np.random.default_rng(4).normal(size=(2, 50, 60))
    together = correlate(x, y)
    for row in range(0, 50, 7):
        alone = correlate(x[row], y[row])
        for one, of_many in zip(alone, together, strict=True):
            assert np.float64(one).tobytes() == of_many[row].tobytes()


def test_pooled_sessions_are_not_neighbours() -> None:
    """Two sessions of an alternating series: joined end to end it would go on alternating."""
    x = np.tile([1.0, -1.0], 40)
    x[::7] += 0.5
    one = pooled_correlation(x, x**3, np.zeros(80, dtype=np.int64))
    many = pooled_correlation(x, x**3, np.arange(80))
    assert float(one.value) == pytest.approx(float(many.value))
    assert float(many.effective_pairs) > 2 * float(one.effective_pairs)
