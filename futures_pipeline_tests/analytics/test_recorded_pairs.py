"""The statistics on recorded markets: what is known of them must come out."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.correlation.by_time import correlation_by_segment
from futures_pipeline.analytics.correlation.divergence import divergence_episodes, divergence_states
from futures_pipeline.analytics.correlation.estimate import correlate, pooled_correlation
from futures_pipeline.analytics.correlation.rolling import rolling_correlations
from futures_pipeline.analytics.lead_lag.profile import lagged_correlations, lead_lag_profile
from futures_pipeline.analytics.lead_lag.verdict import LeadVerdict, Leg, Verdict, lead_verdict
from futures_pipeline.analytics.predictive_value.assessment import Usefulness, assess
from futures_pipeline.analytics.returns.pairs import RegularSessions, regular_sessions
from futures_pipeline.analytics.returns.standardised import standardised_returns
from futures_pipeline_tests.analytics.recorded import CALENDAR, paired, recorded_closes

FIRST, LAST = date(2024, 12, 12), date(2025, 4, 2)
ENDED_AT_LABEL, ENDED_A_MINUTE_LATER = 0, 1


@pytest.fixture(scope="module")
def es_spy() -> pl.DataFrame:
    legs = (
        recorded_closes("es_front_1m_2024_2025", "ES", ENDED_A_MINUTE_LATER),
        recorded_closes("spy_1m_2024_2025", "SPY", ENDED_A_MINUTE_LATER),
    )
    return paired(legs, FIRST, LAST)


@pytest.fixture(scope="module")
def sessions(es_spy: pl.DataFrame) -> RegularSessions:
    return regular_sessions(es_spy, CALENDAR).valid()


def verdict_on(sessions: RegularSessions, futures: str, spot: str) -> LeadVerdict:
    returns = sessions.returns()
    volatility = [float(np.nanstd(leg)) * 1e4 for leg in returns]
    profile = lead_lag_profile(*standardised_returns(*returns))
    legs = Leg(futures, volatility[0], 0.7), Leg(spot, volatility[1], 1.0)
    return lead_verdict(profile, len(sessions), *legs)


def test_es_and_spy_are_one_market(sessions: RegularSessions) -> None:
    """60 sessions: 0.994 in regular hours, the worst session about 0.98, nothing a minute off."""
    assert len(sessions) == 60
    futures, spot = sessions.returns()
    number = np.repeat(np.arange(60), futures.shape[1])
    pooled = pooled_correlation(futures.ravel(), spot.ravel(), number)
    assert float(pooled.value) == pytest.approx(0.994, abs=0.003)
    assert float(pooled.low) > 0.99
    assert correlate(futures, spot).value.min() == pytest.approx(0.97, abs=0.01)
    around, _ = lagged_correlations(futures, spot, 1)
    assert np.abs(around[[0, 2]]).max() < 0.02


def test_no_exploitable_lead_of_es_over_spy(sessions: RegularSessions) -> None:
    whole = verdict_on(sessions, "ES", "SPY")
    assert whole.verdict in (Verdict.NO_DETECTABLE_LEAD, Verdict.NO_EXPLOITABLE_LEAD)
    assert whole.resolution_seconds < 0.5
    assert abs(whole.lead_seconds or 0.0) < 1.0
    month = sessions.where(np.arange(60) < 20)
    first = verdict_on(month, "ES", "SPY")
    assert first.verdict is Verdict.NO_DETECTABLE_LEAD
    assert first.sentence.startswith("ES and SPY: no lead longer than 0.5 s in either direction")


def test_es_says_nothing_usable_of_spy(sessions: RegularSessions) -> None:
    found = assess(sessions, 1.0, "ES", "SPY")
    assert found.verdict is Usefulness.NOT_USEFUL
    by_horizon = dict(found.horizons.select("horizon_minutes", "verdict").iter_rows())
    assert by_horizon[5] == "NOT_USEFUL"
    assert by_horizon[60] == "INCONCLUSIVE"
    assert found.horizons.filter(horizon_minutes=60)["days_to_conclusion"].item() > 500


def test_an_index_pair_gives_no_alarm(es_spy: pl.DataFrame) -> None:
    days = es_spy["session_date"].unique().sort().tail(10).to_list()
    rolling = rolling_correlations(es_spy, 60, days)
    assert divergence_episodes(divergence_states(rolling), is_index_pair=True).is_empty()
    by_part = correlation_by_segment(es_spy, days[-1]).filter(segment="us")
    assert by_part["correlation"].item() > 0.99


@pytest.mark.parametrize("wrong", ["SPY", "QQQ"])
def test_bars_labelled_by_their_end_and_read_as_starts_are_a_fault(wrong: str) -> None:
    """The file names bars by their end; one leg of it is read as if by the start."""
    legs = [
        recorded_closes(
            "etf_vix_1m_2019_02_endlabel",
            symbol,
            ENDED_A_MINUTE_LATER if symbol == wrong else ENDED_AT_LABEL,
        )
        for symbol in ("SPY", "QQQ")
    ]
    sessions = regular_sessions(paired(legs, date(2019, 2, 11), date(2019, 2, 15)), CALENDAR)
    futures, spot = sessions.returns()
    correlations, _ = lagged_correlations(futures, spot, 1)
    late = 0 if wrong == "SPY" else 2
    assert correlations[late] > 0.85
    assert abs(correlations[1]) < 0.1
    profile = lead_lag_profile(futures, spot)
    found = lead_verdict(profile, 7, Leg("SPY", 3.0, 1.0), Leg("QQQ", 3.0, 1.0))
    assert found.verdict is Verdict.BAR_LABEL_FAULT
    assert found.lead_seconds is None
    assert f"when the bars of {wrong} are named by their end" in found.sentence


def test_es_read_against_a_spy_file_with_the_wrong_label(es_spy: pl.DataFrame) -> None:
    del es_spy  # skips without the files
    legs = (
        recorded_closes("es_front_1m_2024_2025", "ES", ENDED_A_MINUTE_LATER),
        recorded_closes("spy_1m_2024_2025", "SPY", ENDED_A_MINUTE_LATER + 1),
    )
    sessions = regular_sessions(paired(legs, date(2025, 1, 6), date(2025, 1, 31)), CALENDAR)
    assert verdict_on(sessions.valid(), "ES", "SPY").verdict is Verdict.BAR_LABEL_FAULT


def test_bitcoin_moves_with_es_by_half() -> None:
    legs = (
        recorded_closes("es_front_1m_2024_2025", "ES", ENDED_A_MINUTE_LATER),
        recorded_closes("btcusdt_1m_2024_2025", "BTCUSDT", ENDED_A_MINUTE_LATER),
    )
    sessions = regular_sessions(paired(legs, FIRST, date(2025, 3, 31)), CALENDAR).valid()
    futures, spot = sessions.returns()
    known = ~np.isnan(futures + spot)
    assert np.corrcoef(futures[known], spot[known])[0, 1] == pytest.approx(0.485, abs=0.03)
