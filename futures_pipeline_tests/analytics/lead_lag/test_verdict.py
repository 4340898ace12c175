"""The verdict and its sentence, in the order of QUANT_SPEC 4.8."""

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.lead_lag.profile import lead_lag_profile
from futures_pipeline.analytics.lead_lag.verdict import LeadVerdict, Leg, Verdict, lead_verdict
from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline_tests.analytics.markets import market, second_prices, sessions_of

ES = Leg("ES", bar_volatility_bp=4.2, round_trip_cost_bp=0.7)
SPY = Leg("SPY", bar_volatility_bp=4.2, round_trip_cost_bp=1.0)


def verdict_on(
    futures: np.ndarray, spot: np.ndarray, follower: Leg = SPY, tick_lead: float | None = None
) -> LeadVerdict:
    profile = lead_lag_profile(*standardised_returns(futures, spot))
    return lead_verdict(profile, len(futures), ES, follower, tick_lead)


def test_below_seven_sessions_it_says_what_is_missing() -> None:
    found = verdict_on(*market(1, 30, sessions=4).returns())
    assert found.verdict is Verdict.INSUFFICIENT
    assert found.sentence == ("ES and SPY: 4 of the 7 sessions needed are stored; collect 3 more")
    assert found.lead_seconds is None


def test_no_lead_comes_with_its_resolution() -> None:
    found = verdict_on(*market(1, 0).returns())
    assert found.verdict is Verdict.NO_DETECTABLE_LEAD
    assert found.resolution_seconds == pytest.approx(0.65, abs=0.15)
    assert f"no lead longer than {found.resolution_seconds:.1f} s" in found.sentence
    assert found.lead_seconds is None
    few = verdict_on(*market(1, 0, sessions=7).returns())
    assert few.resolution_seconds > 1.0
    assert few.sessions_for_one_second == np.ceil(7 * few.resolution_seconds**2)
    assert f"a lead of 1 s would need {few.sessions_for_one_second} sessions" in few.sentence


def test_two_seconds_are_seen_and_are_not_worth_trading() -> None:
    found = verdict_on(*market(3, 2).returns())
    assert found.verdict is Verdict.NO_EXPLOITABLE_LEAD
    assert found.lead_seconds == pytest.approx(2.0, abs=3 * found.lead_error_seconds)
    assert found.lead_error_seconds == pytest.approx(0.33, abs=0.1)
    assert found.gross_edge_bp < 0.3
    assert found.sentence.startswith(f"ES leads SPY by {found.lead_seconds:.1f} s (standard error")
    assert "too little to pay for trading it" in found.sentence


def test_half_a_minute_is_worth_trading() -> None:
    found = verdict_on(*market(31, 30).returns())
    assert found.verdict is Verdict.FUTURES_LEAD
    assert found.lead_seconds == pytest.approx(29.8, abs=3 * found.lead_error_seconds)
    assert found.gross_edge_bp == pytest.approx(1.6, abs=0.15)


def also_significant(profile: pl.DataFrame, *leads: int) -> pl.DataFrame:
    """The same profile with these leads significant and no others."""
    return profile.with_columns(is_significant=pl.col("lead_minutes").is_in(leads))


@pytest.mark.parametrize("lead_seconds", [2, 30])
@pytest.mark.parametrize("by_chance", [9, 37])
def test_a_chance_find_far_away_does_not_coarsen_a_lead_below_a_minute(
    lead_seconds: int, by_chance: int
) -> None:
    """One of sixty leads is significant by chance every now and then; here spot is first at it."""
    profile = lead_lag_profile(*standardised_returns(*market(31, lead_seconds).returns()))
    at_chance = pl.col("lead_minutes") == by_chance
    profile = profile.with_columns(
        correlation=pl.when(at_chance).then(0.05).otherwise("correlation"),
        asymmetry=pl.when(at_chance).then(-0.05).otherwise("asymmetry"),
    )
    found = lead_verdict(also_significant(profile, 1, by_chance), 20, ES, SPY)
    assert found.lead_seconds == pytest.approx(lead_seconds, abs=3 * found.lead_error_seconds)
    assert found.sentence.startswith("ES leads SPY by")


def test_a_trace_of_a_lead_is_no_old_price() -> None:
    """The peak is at 0: however seldom the follower trades, no lead is left to doubt."""
    profile = lead_lag_profile(*standardised_returns(*market(1, 0).returns()))
    seldom = Leg("SPY", 4.2, 1.0, trade_gap_seconds=0.5)
    found = lead_verdict(also_significant(profile, 9), 20, ES, seldom)
    assert found.verdict is Verdict.NO_EXPLOITABLE_LEAD
    assert found.lead_seconds == 0.0
    assert "move within the same minute, with a trace of" in found.sentence


@pytest.mark.parametrize("follower_first", [False, True])
def test_seven_minutes_either_way(follower_first: bool) -> None:
    futures, spot = market(420, 420).returns()
    found = verdict_on(spot, futures) if follower_first else verdict_on(futures, spot)
    assert found.verdict is (Verdict.SPOT_LEADS if follower_first else Verdict.FUTURES_LEAD)
    assert found.lead_seconds == (-420.0 if follower_first else 420.0)
    assert found.lead_error_seconds is None
    leader, follower = ("SPY", "ES") if follower_first else ("ES", "SPY")
    assert found.sentence.startswith(f"{leader} leads {follower} by 420.0 s; worth ")
    assert found.cost_bp == (0.7 if follower_first else 1.0)


def stale_market(seed: int, gap_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """No lead, but spot is seen only at its trades, one every ``gap_seconds`` on average."""
    random = np.random.default_rng(seed)
    legs: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for _ in range(20):
        futures, spot = second_prices(random, 0)
        trades = random.random(len(spot)) < 1 / gap_seconds
        trades[0] = True
        last = np.maximum.accumulate(np.where(trades, np.arange(len(spot)), 0))
        legs[0].append(futures[::60])
        legs[1].append(spot[last][::60])
    return sessions_of(np.array(legs[0]), np.array(legs[1])).returns()


@pytest.mark.parametrize(
    ("gap_seconds", "asymmetry", "lead_seconds"),
    [(10, 0.13, 8.1), (20, 0.29, 17.9), (30, 0.37, 23.5)],
)
def test_stale_last_trades_are_no_lead(
    gap_seconds: float, asymmetry: float, lead_seconds: float
) -> None:
    futures, spot = stale_market(6, gap_seconds)
    profile = lead_lag_profile(*standardised_returns(futures, spot))
    assert profile.filter(lead_minutes=1)["asymmetry"].item() == pytest.approx(asymmetry, abs=0.04)
    by_trades = verdict_on(futures, spot, Leg("SPY", 4.2, 1.0, gap_seconds))
    by_ticks = verdict_on(futures, spot, SPY, 0.0)
    for found in (by_trades, by_ticks):
        assert found.verdict is Verdict.STALE_QUOTE_ARTEFACT
        assert found.lead_seconds == pytest.approx(lead_seconds, abs=3)
        assert "its last price is old, which is no lead" in found.sentence
    assert verdict_on(futures, spot, SPY, 9.0).verdict is not Verdict.STALE_QUOTE_ARTEFACT
    busy = Leg("SPY", 4.2, 1.0, 0.3)
    assert verdict_on(futures, spot, busy).verdict is not Verdict.STALE_QUOTE_ARTEFACT


@pytest.mark.parametrize("late_leg", ["SPY", "ES"])
def test_bars_read_with_the_wrong_label_are_a_fault_and_no_lead(late_leg: str) -> None:
    """One leg a whole bar late: the artificial lead of 60 s of QUANT_SPEC 1.3."""
    sessions = market(8, 0)
    futures, spot = sessions.futures, sessions.spot
    if late_leg == "SPY":
        futures, spot = futures[:, 1:], spot[:, :-1]
    else:
        futures, spot = futures[:, :-1], spot[:, 1:]
    found = verdict_on(*sessions_of(futures, spot).returns())
    assert found.verdict is Verdict.BAR_LABEL_FAULT
    assert found.lead_seconds is None
    assert f"as when the bars of {late_leg} are named by their end" in found.sentence


def test_markets_that_have_nothing_in_common_have_no_lead_to_tell() -> None:
    futures, spot = market(1, 0).returns()[0], market(2, 0).returns()[1]
    found = verdict_on(futures, spot)
    assert found.verdict is Verdict.NO_DETECTABLE_LEAD
    flat = verdict_on(futures, np.zeros_like(spot))
    assert flat.resolution_seconds is None
    assert "do not move together" in flat.sentence
