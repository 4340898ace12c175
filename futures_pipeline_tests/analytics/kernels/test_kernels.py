"""The compiled loops against slow, obvious twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.analytics.kernels.as_of import NOWHERE, latest_known
from futures_pipeline.analytics.kernels.lag_products import (
    centred,
    lag_products,
    sums_beside_gaps,
)
from futures_pipeline.analytics.kernels.rolling import rolling_correlation
from futures_pipeline.analytics.kernels.sweep import overlap_sums

SEEDS = st.integers(0, 2**32 - 1)


def with_gaps(random: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    values = random.normal(size=shape)
    values[random.random(shape) < share] = np.nan
    return values


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(1, 4), st.integers(1, 30), st.integers(0, 8))
def test_lagged_products_are_those_of_a_double_loop(
    seed: int, sessions: int, width: int, max_lag: int
) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, sessions, width))
    expected = [
        sum(
            x[s, t] * y[s, t + lag]
            for s in range(sessions)
            for t in range(width)
            if 0 <= t + lag < width
        )
        for lag in range(-max_lag, max_lag + 1)
    ]
    np.testing.assert_allclose(lag_products(x, y, max_lag), expected, atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(1, 4), st.integers(1, 30), st.integers(0, 40))
def test_sums_beside_gaps_leave_out_what_has_no_partner(
    seed: int, sessions: int, width: int, max_lag: int
) -> None:
    random = np.random.default_rng(seed)
    values = with_gaps(random, (sessions, width), 0.2)
    other = with_gaps(random, (sessions, width), 0.2)
    own = centred(values)
    from_mean = values - (np.nanmean(values) if not np.isnan(values).all() else 0.0)
    np.testing.assert_allclose(own.values, np.nan_to_num(from_mean), atol=1e-12)
    sums = np.transpose(sums_beside_gaps(own, centred(other), max_lag))
    for lag, found in zip(range(-max_lag, max_lag + 1), sums, strict=True):
        paired = [
            from_mean[s, t]
            for s in range(sessions)
            for t in range(width)
            if 0 <= t + lag < width and not np.isnan(values[s, t] + other[s, t + lag])
        ]
        expected = (len(paired), sum(paired), sum(value**2 for value in paired))
        np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(2, 9), st.integers(0, 40), st.sampled_from([0.0, 0.1]))
def test_a_rolling_correlation_is_that_of_each_window(
    seed: int, window: int, length: int, gaps: float
) -> None:
    random = np.random.default_rng(seed)
    x, y = with_gaps(random, (length,), gaps), with_gaps(random, (length,), gaps)
    found = rolling_correlation(x, y, window)
    for end in range(length):
        a, b = x[max(0, end + 1 - window) : end + 1], y[max(0, end + 1 - window) : end + 1]
        if len(a) < window or np.isnan(a + b).any():
            assert np.isnan(found[end])
        else:
            assert found[end] == pytest.approx(
                np.corrcoef(a, b)[0, 1], abs=rounding(a) + rounding(b)
            )


def rounding(values: np.ndarray) -> float:
    """Return what sums of squares of values this close together may lose of a correlation.

    The sums are of deviations from an earlier value, at most 10 away for normal numbers.
    """
    return float(1e-14 * (1.0 + 100.0 / values.var()))


def test_a_bad_tick_leaves_no_trace_once_it_has_left_the_window() -> None:
    random = np.random.default_rng(7)
    x = random.normal(size=3_000)
    y = 0.5 * x + random.normal(size=3_000)
    clean = rolling_correlation(x, y, 60)
    for at in (1_000, 1_020, 1_079):  # at the start, within and at the end of a block
        bad = x.copy()
        bad[at] = 1e6
        after = rolling_correlation(bad, y, 60)[at + 60 :]
        np.testing.assert_allclose(after, clean[at + 60 :], rtol=0, atol=1e-12)


def test_a_flat_window_has_no_correlation() -> None:
    x = np.concatenate([np.random.default_rng(1).normal(size=30), np.full(40, 0.1)])
    found = rolling_correlation(x, np.arange(70.0), 10)
    assert not np.isnan(found[9:30]).any()
    assert np.isnan(found[39:]).all()


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(2, 60))
def test_a_rolling_correlation_never_looks_ahead(seed: int, window: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, 200))
    moment = int(random.integers(0, 199))
    before = rolling_correlation(x, y, window)
    x[moment + 1 :] = 1e9
    y[moment + 1 :] = np.nan
    after = rolling_correlation(x, y, window)
    assert before[: moment + 1].tobytes() == after[: moment + 1].tobytes()


def test_rolling_correlation_refuses_series_of_different_length() -> None:
    with pytest.raises(ValueError, match="need equal lengths"):
        rolling_correlation(np.zeros(3), np.zeros(4), 2)


def obvious_overlap_sum(
    x_at: np.ndarray, x: np.ndarray, y_at: np.ndarray, y: np.ndarray, shift: int
) -> float:
    total = 0.0
    for i in range(1, len(x)):
        for j in range(1, len(y)):
            begin = max(x_at[i - 1], y_at[j - 1] - shift)
            end = min(x_at[i], y_at[j] - shift)
            if begin < end:
                total += (x[i] - x[i - 1]) * (y[j] - y[j - 1])
    return total


@settings(deadline=None, max_examples=100)
@given(SEEDS, st.integers(0, 12), st.integers(0, 12))
def test_overlap_sums_are_those_of_all_pairs_of_changes(seed: int, nx: int, ny: int) -> None:
    random = np.random.default_rng(seed)
    x_at = np.sort(random.choice(30, nx, replace=False)).astype(np.int64)
    y_at = np.sort(random.choice(30, ny, replace=False)).astype(np.int64)
    x, y = random.normal(size=nx), random.normal(size=ny)
    shifts = np.arange(-35, 36)
    expected = [obvious_overlap_sum(x_at, x, y_at, y, shift) for shift in shifts]
    np.testing.assert_allclose(overlap_sums(x_at, x, y_at, y, shifts), expected, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 30))
def test_the_latest_known_is_that_of_a_search_through_the_run(
    seed: int, runs: int, most: int
) -> None:
    """Runs may be empty on either side; moments meet observations exactly one time in three."""
    random = np.random.default_rng(seed)
    seen, asked = (random.integers(0, most + 1, runs) for _ in range(2))
    seen_ends, asked_ends = np.cumsum(seen), np.cumsum(asked)
    seen_at = np.concatenate([np.sort(random.integers(0, 3 * most + 1, n)) for n in seen])
    asked_at = np.concatenate([np.sort(random.integers(0, 3 * most + 1, n)) for n in asked])
    values = np.where(random.random(len(seen_at)) < 0.3, np.nan, 1.0)
    expected = []
    for run in range(runs):
        own = range(seen_ends[run] - seen[run], seen_ends[run])
        for moment in asked_at[asked_ends[run] - asked[run] : asked_ends[run]]:
            usable = [at for at in own if seen_at[at] <= moment and values[at] == 1.0]
            expected.append(usable[-1] if usable else NOWHERE)
    found = latest_known(seen_at, values, seen_ends, asked_at, asked_ends)
    assert found.tolist() == expected
