"""Lead and lag from ticks: hand-worked, published and simulated. Source: QUANT_SPEC 4.5, 10."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.lead_lag.hayashi_yoshida import (
    TICK_PROFILE_SCHEMA,
    hayashi_yoshida,
    lead_lag_ratio,
    tick_lead,
)
from futures_pipeline_tests.analytics.markets import second_prices

RECORDED = Path(
    os.environ.get("FUTURES_PIPELINE_RECORDED_DATA")
    or Path(__file__).resolve().parents[4] / "shared" / "data"
)
TX, X = np.array([0, 2, 5, 9]), np.array([0.0, 1.0, -1.0, 2.0])
TY, Y = np.array([0, 3, 4, 10]), np.array([0.0, 2.0, 1.0, 4.0])
DAY = date(2025, 1, 15)
NOON = datetime(2025, 1, 15, 17, tzinfo=UTC)


def ticks(seconds: np.ndarray, prices: np.ndarray, day: date = DAY) -> pl.DataFrame:
    at = [NOON + timedelta(seconds=float(second)) for second in seconds]
    return pl.DataFrame({"session_date": day, "at": at, "price": prices})


def test_the_hand_worked_example() -> None:
    found = hayashi_yoshida(TX, X, TY, Y, np.array([0, 1]))
    assert found == pytest.approx([3 / 14, 0.5])


def test_touching_intervals_do_not_meet() -> None:
    x = np.array([0.0, 1.0])
    assert hayashi_yoshida(np.array([0, 2]), x, np.array([2, 4]), x, np.array([0, 1]))[0] == 0.0
    assert hayashi_yoshida(np.array([0, 2]), x, np.array([1, 4]), x, np.array([0]))[0] == 1.0


def test_the_sign_of_the_correlation_is_kept() -> None:
    assert hayashi_yoshida(TX, X, TY, -Y, np.array([0]))[0] == pytest.approx(-3 / 14)
    assert np.isnan(hayashi_yoshida(TX, X * 0, TY, Y, np.array([0]))[0])


def test_bitflyer_leads_btcbox_by_fifteen_seconds() -> None:
    """The published result, on the recorded ticks: first price of each second."""
    if not RECORDED.is_dir():
        pytest.skip(f"no recorded market data at {RECORDED}")
    frames = [
        pl.read_parquet(RECORDED / f"btcjpy_ticks_{name}_2018_08_12.parquet")
        .select(pl.col("date").dt.replace_time_zone("UTC").alias("at"), price="last")
        .unique("at", keep="first", maintain_order=True)
        .with_columns(session_date=pl.col("at").dt.date())
        for name in ("bitflyer", "btcbox")
    ]
    assert [frame.height for frame in frames] == [17_507, 10_516]
    found, profile = tick_lead(*frames, [float(second) for second in range(-30, 31)])
    assert profile.schema == pl.Schema(TICK_PROFILE_SCHEMA)
    assert found.lead_seconds == 15.0
    assert found.correlation == pytest.approx(0.14919, abs=5e-6)
    assert found.lead_lag_ratio == pytest.approx(18.2, abs=0.06)
    back, _ = tick_lead(frames[1], frames[0], [float(second) for second in range(-30, 31)])
    assert back.lead_seconds == -15.0


def test_the_lead_of_hoffmann_rosenbaum_and_yoshida_is_recovered() -> None:
    """10,000 moments, 500 and 3,000 random observations, correlation 0.8, lead 200."""
    misses = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        n, lead = 10_000, 200
        steps = random.normal(size=(2, n + lead))
        steps[1] = 0.8 * steps[0] + 0.6 * steps[1]
        first, second = np.cumsum(steps, axis=1)
        x, y = 1.0 + first[lead:], 2.0 + 1.5 * second[:-lead]
        x_at = np.sort(random.choice(n, 500, replace=False))
        y_at = np.sort(random.choice(n, 3_000, replace=False))
        leads = np.arange(0, 401)
        found = hayashi_yoshida(x_at, x[x_at], y_at, y[y_at], leads)
        misses.append(abs(int(leads[np.argmax(found)]) - lead))
    assert max(misses) <= 5
    assert np.mean(np.array(misses) <= 2) >= 0.9


@pytest.mark.parametrize(
    ("lead", "low", "high"), [(0, 0.80, 1.22), (2, 2.2, 3.4), (10, 25.0, 160.0), (30, 10.0, np.inf)]
)
def test_the_ratio_of_one_day(lead: int, low: float, high: float) -> None:
    """Poisson ticks, correlation 0.8: the bands of QUANT_SPEC 4.5, widened for few days."""
    ratios, best = [], []
    leads = np.arange(-60, 61)
    for seed in range(8):
        x_at, x, y_at, y = poisson_day(np.random.default_rng([lead, seed]), lead)
        found = hayashi_yoshida(x_at, x, y_at, y, leads * 1000)
        ratios.append(lead_lag_ratio(leads.astype(float), found))
        best.append(int(leads[np.argmax(found)]))
    assert low <= min(ratios)
    assert max(ratios) <= high
    assert best == [lead] * 8


@pytest.mark.parametrize("gap_seconds", [10, 30])
def test_seldom_trades_do_not_shift_the_lead(gap_seconds: int) -> None:
    """No lead, but one leg trades seldom: bars of a minute would say 8 or 24 s, ticks do not."""
    random = np.random.default_rng(gap_seconds)
    x, y = second_prices(random, 0)
    at = np.arange(len(x))
    seldom = np.flatnonzero(random.random(len(at)) < 1 / gap_seconds)
    leads = np.arange(-60, 61)
    found = hayashi_yoshida(at, x, seldom, y[seldom], leads)
    assert abs(leads[np.argmax(found)]) <= 1


def poisson_day(
    random: np.random.Generator, lead_seconds: int, rates: tuple[float, float] = (0.5, 0.2)
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two Brownian prices at Poisson ticks, in milliseconds on a grid of tenths."""
    length = 234_000
    late = lead_seconds * 10
    steps = random.normal(size=(2, length + late))
    steps[1] = 0.8 * steps[0] + 0.6 * steps[1]
    first, second = np.cumsum(steps, axis=1)
    x, y = first[late:], second[:length]
    x_at, y_at = (np.flatnonzero(random.random(length) < rate / 10) for rate in rates)
    return x_at * 100, x[x_at], y_at * 100, y[y_at]


@pytest.mark.parametrize("apart", [0, 20])
def test_prices_a_minute_apart_tell_nothing_below_a_minute(apart: int) -> None:
    """Steps where the observations fall, whatever the market did; so none is made of snapshots."""
    random = np.random.default_rng(3)
    at = 60 * np.arange(500)
    x, y = random.normal(size=(2, 500)).cumsum(axis=1)
    found = hayashi_yoshida(at, x, at + apart, y, np.arange(-59, 60))
    assert len(np.unique(np.round(found, 9))) <= 5  # of 119


def test_the_interval_of_the_ratio_is_over_sessions() -> None:
    frames: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([], [])
    for session in range(4):
        x_at, x, y_at, y = poisson_day(np.random.default_rng(session), 2)
        day = DAY + timedelta(days=session)
        frames[0].append(ticks(x_at / 1000, np.exp(x * 1e-4), day))
        frames[1].append(ticks(y_at / 1000, np.exp(y * 1e-4), day))
    leads = [float(lead) for lead in range(-30, 31)]
    found, _ = tick_lead(pl.concat(frames[0]), pl.concat(frames[1]), leads)
    assert (found.lead_seconds, found.sessions) == (2.0, 4)
    assert 1.0 < found.ratio_low < found.lead_lag_ratio < found.ratio_high
    one, _ = tick_lead(frames[0][0], frames[1][0], leads)
    assert one.ratio_low is None


def test_of_several_ticks_at_one_moment_the_last_counts() -> None:
    doubled = ticks(np.array([0, 1, 1, 2]), np.array([100.0, 50.0, 101.0, 102.0]))
    single = ticks(np.array([0, 1, 2]), np.array([100.0, 101.0, 102.0]))
    assert tick_lead(doubled, single, [0.0])[0].correlation == pytest.approx(1.0)


def test_nothing_meets_across_sessions() -> None:
    other = ticks(TY, np.exp(Y), DAY + timedelta(days=1))
    found, profile = tick_lead(ticks(TX, np.exp(X)), other, [0.0, 1.0])
    assert found.lead_seconds is None
    assert (found.sessions, profile["correlation"].null_count()) == (0, 2)
