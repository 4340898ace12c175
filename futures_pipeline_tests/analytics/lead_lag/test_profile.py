"""The profile of leads and its test, on markets of known truth. Source: QUANT_SPEC 4.2, 9.4."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.analytics.correlation.estimate import correlate
from futures_pipeline.analytics.lead_lag.placebo import (
    PLACEBO_SCHEMA,
    other_sessions,
    placebo_profile,
)
from futures_pipeline.analytics.lead_lag.profile import (
    PROFILE_SCHEMA,
    lagged_correlations,
    lead_lag_profile,
)
from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline_tests.analytics.markets import market


def profile_of(seed: int, lead_seconds: int) -> pl.DataFrame:
    return lead_lag_profile(*standardised_returns(*market(seed, lead_seconds).returns()))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([0.0, 0.05, 0.3]))
def test_each_correlation_is_that_of_the_pairs_at_its_lag(
    seed: int, sessions: int, gaps: float
) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, sessions, 50)) * 1e-3 + 5.0
    x[random.random(x.shape) < gaps] = np.nan
    y[random.random(y.shape) < gaps] = np.nan
    values, pairs = lagged_correlations(x, y, 60)
    for lag, value, count in zip(range(-60, 61), values, pairs, strict=True):
        first = x[:, max(0, -lag) : max(0, 50 - max(0, lag))].ravel()
        second = y[:, max(0, lag) : max(0, 50 + min(0, lag))].ravel()
        known = ~np.isnan(first + second)
        assert count == known.sum()
        if count < 20:
            assert np.isnan(value)
        else:
            expected = np.corrcoef(first[known], second[known])[0, 1]
            assert value == pytest.approx(expected, abs=1e-9)


def test_the_sign_is_positive_when_futures_move_first() -> None:
    noise = np.random.default_rng(7).normal(size=(3, 405))
    profile = lead_lag_profile(noise[:, 5:], noise[:, :-5], 10)
    assert profile.schema == pl.Schema(PROFILE_SCHEMA)
    by_lead = dict(profile.select("lead_minutes", "correlation").iter_rows())
    assert by_lead[5] == pytest.approx(1.0)
    assert abs(by_lead[-5]) < 0.15
    assert profile.filter(lead_minutes=5)["pairs"].item() == 3 * 395
    assert profile.filter("is_significant")["lead_minutes"].to_list() == [5]


def test_a_flat_or_short_series_has_no_profile() -> None:
    noise = np.random.default_rng(7).normal(size=(1, 15))
    short = lead_lag_profile(noise, noise, 3)
    assert short["reason"].unique().to_list() == ["fewer_than_20_pairs"]
    flat = lead_lag_profile(np.zeros((2, 50)), np.ones((2, 50)), 3)
    assert flat["reason"].unique().to_list() == ["flat_series"]
    assert flat["correlation"].null_count() == flat["asymmetry"].null_count() == 7
    assert flat["is_significant"].null_count() == 7


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.98])
def test_the_interval_covers_and_stays_below_one(rho: float) -> None:
    """Fat tails of one size in both legs, as in a market; 400 times 300 pairs."""
    random, covered = np.random.default_rng(4), 0
    for _ in range(400):
        sizes = np.sqrt(5 / random.chisquare(5, size=300))
        a, b = random.normal(size=(2, 300)) * sizes
        row = lead_lag_profile(a[None], (rho * a + np.sqrt(1 - rho**2) * b)[None], 0)
        low, high = row.select("low", "high").row(0)
        assert -1.0 < low < high < 1.0
        covered += low <= rho <= high
    assert 0.91 <= covered / 400 <= 0.98


@pytest.mark.parametrize(
    ("lead_seconds", "correlation", "asymmetry", "error"),
    [(0, 0.9863, 0.0, 0.0030), (2, 0.9535, 0.0328, 0.0051), (30, 0.494, 0.490, 0.015)],
)
def test_a_lead_below_a_minute_is_measured(
    lead_seconds: int, correlation: float, asymmetry: float, error: float
) -> None:
    profile = profile_of(lead_seconds + 1, lead_seconds)
    now = profile.filter(lead_minutes=0).row(0, named=True)
    one = profile.filter(lead_minutes=1).row(0, named=True)
    assert now["correlation"] == pytest.approx(correlation, abs=0.012)
    assert one["asymmetry"] == pytest.approx(asymmetry, abs=4 * error)
    assert one["asymmetry_error"] == pytest.approx(error, rel=0.25)
    assert profile.filter("is_significant")["lead_minutes"].to_list() == [1] * (lead_seconds > 0)


@pytest.mark.parametrize("lead_seconds", [0, 1, 30, 300, 420])
def test_longer_returns_hide_a_lead_as_the_closed_form_says(lead_seconds: int) -> None:
    """QUANT_SPEC 9.4: max(0, 1 - lead / length) less what the noise of prices takes."""
    sessions = market(lead_seconds, lead_seconds, sessions=60)
    for minutes in (1, 5, 15):
        legs = (sessions.futures, sessions.spot)
        x, y = (np.diff(leg[:, ::minutes], axis=1).ravel() for leg in legs)
        noise = 2 * 0.5e-4**2 * (1 - 0.5**minutes)
        size = 0.7 * 1e-4 * minutes / 390
        expected = max(0.0, 1 - lead_seconds / 60 / minutes) / (1 + noise / size)
        assert correlate(x, y).value == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("lead_seconds", [300, 420])
def test_a_lead_of_minutes_is_the_peak(lead_seconds: int) -> None:
    profile = profile_of(lead_seconds, lead_seconds)
    best = profile.sort("correlation", descending=True, nulls_last=True).row(0, named=True)
    assert best["lead_minutes"] == lead_seconds / 60
    assert best["correlation"] > 0.97


def test_without_a_lead_false_alarms_stay_rare() -> None:
    """120 markets of 7 sessions: at most 12 % show any lead; of plain errors most would."""
    alarms = plain = 0
    for seed in range(120):
        futures, spot = quick_market(np.random.default_rng([5, seed]), 7)
        profile = lead_lag_profile(*standardised_returns(futures, spot))
        alarms += bool(profile["is_significant"].any())
        raw, pairs = lagged_correlations(futures, spot, 60)
        plain += bool((np.abs(np.delete(raw, 60)) > 3.5 / np.sqrt(np.delete(pairs, 60))).any())
    assert alarms / 120 <= 0.12
    assert plain > alarms


def quick_market(random: np.random.Generator, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Minute returns without a lead, of changing size, with noise in both prices."""
    level = np.exp(np.cumsum(random.normal(size=sessions * 391) * 0.05)).reshape(sessions, 391)
    shape = np.sqrt(1 + 2 * np.linspace(-1, 1, 391) ** 2)
    index = np.cumsum(random.normal(size=(sessions, 391)) * level * shape * 4e-4, axis=1)
    noise = random.normal(size=(2, sessions, 391)) * 0.4e-4
    return np.diff(index + noise[0], axis=1), np.diff(index + noise[1], axis=1)


def test_a_gap_moves_no_other_pair() -> None:
    """The test is of pairs on their own minutes: cutting the series short instead would shift."""
    futures, spot = standardised_returns(*market(3, 0, sessions=10).returns())
    holed = spot.copy()
    holed[:, 100:110] = np.nan
    values, pairs = lagged_correlations(futures, holed, 2)
    assert values[2] == pytest.approx(lagged_correlations(futures, spot, 2)[0][2], abs=0.01)
    assert pairs[2] == 9 * 380


def test_the_placebo_covers_noise_and_not_a_lead() -> None:
    futures, spot = (leg[1:] for leg in standardised_returns(*market(9, 30).returns()))
    profile = lead_lag_profile(futures, spot)
    placebo = placebo_profile(futures, spot, seed=1)
    assert placebo.schema == pl.Schema(PLACEBO_SCHEMA)
    both = profile.join(placebo, on="lead_minutes")
    inside = pl.col("correlation").is_between("placebo_low", "placebo_high")
    outside = both.filter(~inside)["lead_minutes"].to_list()
    assert {0, 1} <= set(outside)
    assert len(outside) <= 2 + 0.15 * 119
    largest = placebo["placebo_largest"][0]
    assert both.filter(pl.col("correlation").abs() > largest)["lead_minutes"].to_list() == [0, 1]
    first = both.filter(lead_minutes=1).row(0, named=True)
    assert first["asymmetry"] > 10 * first["placebo_asymmetry_high"]


def test_the_placebo_is_repeatable_and_pairs_no_session_with_itself() -> None:
    futures, spot = standardised_returns(*market(9, 0, sessions=4).returns())
    first, again = (
        placebo_profile(futures[1:], spot[1:], seed=3, max_lead_minutes=2) for _ in "ab"
    )
    assert first.equals(again)
    for seed in range(20):
        partners = other_sessions(np.random.default_rng(seed), 5)
        assert sorted(partners) == list(range(5))
        assert (partners != np.arange(5)).all()
    alone = placebo_profile(futures[1:2], spot[1:2], seed=3, max_lead_minutes=2)
    assert alone["placebo_low"].null_count() == 5
    assert alone["draws"].to_list() == [0] * 5
