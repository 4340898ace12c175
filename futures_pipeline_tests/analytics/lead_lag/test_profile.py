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
from futures_pipeline.analytics.returns.pairs import RegularSessions
from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline_tests.analytics.markets import market

RUNS, RUNS_OF_THE_TABLE = 12, 40


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
    ("lead_seconds", "correlations", "asymmetry", "peaks", "detected"),
    [
        (0, (0.9863, 0.9946, 0.9981, 0.9995), (0.0, 0.0030), {0}, (0.0, 0.2)),
        (1, (0.9698, 0.9912, 0.9969, 0.9992), (0.0167, 0.0042), {0}, (0.5, 1.0)),
        (2, (0.9535, 0.9881, 0.9960, 0.9990), (0.0328, 0.0051), {0}, (1.0, 1.0)),
        (30, (0.494, 0.897, 0.967, 0.992), (0.490, 0.015), {0, 1}, (1.0, 1.0)),
        (300, (0.0, 0.0, 0.677, 0.925), None, {5}, (1.0, 1.0)),
        (420, (0.0, 0.0, 0.544, 0.894), None, {7}, (1.0, 1.0)),
    ],
)
def test_the_table_of_recovery(
    lead_seconds: int,
    correlations: tuple[float, ...],
    asymmetry: tuple[float, float] | None,
    peaks: set[int],
    detected: tuple[float, float],
) -> None:
    """QUANT_SPEC 9.4: longer returns hide a lead, the asymmetry shows it; 20 sessions a run."""
    errors = 4 * (1 / RUNS + 1 / RUNS_OF_THE_TABLE) ** 0.5
    markets = [market(40 * lead_seconds + run, lead_seconds) for run in range(RUNS)]
    for minutes, expected in zip((1, 5, 15, 60), correlations, strict=True):
        found = [correlation_of(sessions, minutes) for sessions in markets]
        assert np.mean(found) == pytest.approx(expected, abs=5e-4 + errors * np.std(found))
    profiles = [lead_lag_profile(*standardised_returns(*it.returns())) for it in markets]
    share = np.mean([profile["is_significant"].any() for profile in profiles])
    assert detected[0] <= share <= detected[1]
    assert {profile.sort("correlation")["lead_minutes"][-1] for profile in profiles} <= peaks
    at_one = pl.concat(profiles).filter(lead_minutes=1)
    if asymmetry is not None:
        size, error = asymmetry
        assert at_one["asymmetry"].mean() == pytest.approx(size, abs=errors * error)
        assert at_one["asymmetry_error"].mean() == pytest.approx(error, rel=0.15)


def correlation_of(sessions: RegularSessions, minutes: int) -> float:
    """Return the correlation of all returns of a length."""
    legs = (sessions.futures, sessions.spot)
    return float(correlate(*(np.diff(leg[:, ::minutes], axis=1).ravel() for leg in legs)).value)


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
    beyond = both.filter(pl.col("correlation").abs() > largest)["lead_minutes"].to_list()
    assert {0, 1} <= set(beyond)
    assert len(beyond) <= 4
    first = both.filter(lead_minutes=1).row(0, named=True)
    assert first["asymmetry"] > 2 * first["placebo_asymmetry_high"]


def test_the_placebo_of_the_asymmetry_is_as_narrow_as_its_error() -> None:
    """Two seconds lie outside the band of swapped legs; other leads seldom do."""
    futures, spot = (leg[1:] for leg in standardised_returns(*market(9, 2).returns()))
    placebo = placebo_profile(futures, spot, seed=1)
    both = lead_lag_profile(futures, spot).join(placebo, on="lead_minutes")
    first = both.filter(lead_minutes=1).row(0, named=True)
    assert first["asymmetry"] > 1.5 * first["placebo_asymmetry_high"]
    others = both.filter(pl.col("lead_minutes") > 1)
    low, high, error = (
        others[name].mean()
        for name in ("placebo_asymmetry_low", "placebo_asymmetry_high", "asymmetry_error")
    )
    assert (-low, high) == pytest.approx((1.96 * error, 1.96 * error), rel=0.2)
    inside = pl.col("asymmetry").is_between("placebo_asymmetry_low", "placebo_asymmetry_high")
    assert others.filter(~inside).height <= 0.2 * others.height
    assert both.filter(pl.col("lead_minutes") <= 0)["placebo_asymmetry_low"].null_count() == 61


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
    assert alone["placebo_low"].null_count() == alone["placebo_asymmetry_low"].null_count() == 5
    assert alone["draws"].to_list() == [0] * 5
