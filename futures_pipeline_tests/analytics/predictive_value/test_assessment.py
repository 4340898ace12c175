"""Verdicts on predictive value, on markets of known truth. Source: QUANT_SPEC 5.1 to 5.4."""

import math
from collections import Counter

import numpy as np
import pytest

from futures_pipeline.analytics.predictive_value.assessment import (
    HORIZON_SCHEMA,
    HORIZONS_MINUTES,
    IN_PROGRESS,
    Usefulness,
    assess,
    overall,
    shrunk_value,
)
from futures_pipeline.analytics.predictive_value.observations import observations
from futures_pipeline_tests.analytics.markets import market


def test_below_seven_sessions_there_is_only_the_warning() -> None:
    found = assess(market(1, 0, 6), 1.0, "ES", "SPY")
    assert found.floats() == {}
    assert found.sentence == "Data collection in progress. Analysis available after 7 days."
    assert found.sentence == IN_PROGRESS
    assert found.horizons.is_empty()


def test_below_fifteen_sessions_there_are_numbers_and_no_verdict() -> None:
    found = assess(market(1, 420, 14), 1.0, "ES", "SPY")
    assert found.verdict is Usefulness.INCONCLUSIVE
    assert found.horizons["reason"].unique().to_list() == ["fewer_than_15_sessions"]
    assert found.horizons["ic"].null_count() == 0
    assert "sessions to conclusion" in found.sentence


def test_sessions_with_too_many_gaps_do_not_count() -> None:
    sessions = market(1, 0, 8)
    sessions.spot[:2, 100:200] = np.nan
    assert assess(sessions, 1.0, "ES", "SPY").floats() == {}


def test_seven_minutes_are_useful() -> None:
    found = assess(market(2, 420), 1.0, "ES", "SPY")
    assert found.verdict is Usefulness.USEFUL
    row = found.horizons.filter(horizon_minutes=15).row(0, named=True)
    assert row["n_obs"] == 15 * 25
    assert row["ic"] > row["ic_ci_low"] > row["break_even_ic"]
    assert row["signal_to_noise"] == pytest.approx(row["r2_oos"] / (1 - row["r2_oos"]))
    assert row["predictive_value"] == 1.0
    assert found.sentence.startswith(
        "ES returns foretell SPY beyond its trading cost (20 sessions)"
    )


def test_the_public_numbers_are_floats_by_horizon() -> None:
    found = assess(market(3, 0), 1.0, "ES", "SPY")
    assert found.horizons.schema == found.horizons.match_to_schema(HORIZON_SCHEMA).schema
    floats = found.floats()
    assert all(type(value) is float for value in floats.values())
    headline = found.horizons.filter(horizon_minutes=15).row(0, named=True)
    assert (floats["n_sessions"], floats["n_obs"]) == (20.0, 375.0)
    assert floats["ic"] == headline["ic"]
    assert [floats[f"n_obs_{minutes}"] for minutes in (5, 30, 60)] == [15 * 77, 15 * 12, 15 * 5]
    assert {"directional_accuracy", "pt_stat", "r2_oos", "verdict_code"} <= floats.keys()
    assert floats["verdict_code"] in (-1.0, 0.0, 1.0)


def test_days_to_conclusion_follow_from_cost_and_volatility() -> None:
    found = assess(market(3, 0), 1.0, "ES", "SPY").horizons
    for row in found.iter_rows(named=True):
        needed = (2.487 / row["break_even_ic"]) ** 2
        a_day = {5: 77, 15: 25, 30: 12, 60: 5}[row["horizon_minutes"]]
        assert row["days_to_conclusion"] == pytest.approx(needed / a_day)
        assert row["is_powered"] == (row["n_obs"] >= needed)
    assert found["is_powered"].to_list() == [True, False, False, False]
    assert found.filter(horizon_minutes=60)["verdict"].item() == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("lead_seconds", "delayed", "useful", "not_useful"),
    [
        (0, 1.0, (0.0, 0.05), (0.55, 0.90)),
        (2, 1.0, (0.0, 0.05), (0.55, 0.90)),
        (420, 0.3, (0.35, 0.75), (0.0, 0.05)),
        (420, 1.0, (1.0, 1.0), (0.0, 0.0)),
        (1200, 0.3, (0.55, 0.90), (0.0, 0.15)),
    ],
)
def test_how_often_each_verdict_is_given(
    lead_seconds: int,
    delayed: float,
    useful: tuple[float, float],
    not_useful: tuple[float, float],
) -> None:
    """20 sessions, 60 markets. Of 200: useful .005 .005 .555 1 .745, not .73 .735 0 0 .035."""
    found = Counter(
        str(assess(market(7 + run, lead_seconds, 20, delayed), 1.0, "ES", "SPY").verdict)
        for run in range(60)
    )
    assert useful[0] <= found["USEFUL"] / 60 <= useful[1]
    assert not_useful[0] <= found["NOT_USEFUL"] / 60 <= not_useful[1]


def test_the_verdict_on_the_pair() -> None:
    def rows(*horizons: tuple[str, bool, float]) -> list[dict[str, object]]:
        names = ("verdict", "is_powered", "direction_pvalue")
        return [dict(zip(names, row, strict=True)) for row in horizons]

    no, unknown = ("NOT_USEFUL", True, 0.4), ("INCONCLUSIVE", False, 0.4)
    assert overall(rows(no, ("USEFUL", True, 0.01))) is Usefulness.USEFUL
    assert overall(rows(no, unknown)) is Usefulness.NOT_USEFUL
    assert overall(rows(unknown, unknown)) is Usefulness.INCONCLUSIVE
    assert overall(rows(no, ("INCONCLUSIVE", True, 0.4))) is Usefulness.INCONCLUSIVE
    assert overall(rows(no, ("INCONCLUSIVE", False, 0.04))) is Usefulness.INCONCLUSIVE


def test_the_value_shrinks_towards_zero_with_noise() -> None:
    assert shrunk_value(float("nan"), 100) == shrunk_value(-0.3, 100) == 0.0
    assert shrunk_value(0.05, 100) == 0.0  # half a standard error
    error = math.sqrt(1.06 / 397)
    assert shrunk_value(0.1, 400) == pytest.approx(0.1 * (1 - (error / 0.1) ** 2) / 0.2)
    assert shrunk_value(0.9, 400) == 1.0


@pytest.mark.parametrize("minutes", HORIZONS_MINUTES)
def test_observations_do_not_overlap_and_never_look_ahead(minutes: int) -> None:
    sessions = market(4, 0, 9)
    seen = observations(sessions, minutes)
    step, at = sessions.futures[6], 2
    raw = step[(at + 1) * minutes] - step[at * minutes]
    earlier = np.diff(sessions.futures[:6, ::minutes], axis=1)
    assert seen.signal[6, at] == pytest.approx(raw / np.sqrt((earlier**2).mean()))
    spot = sessions.spot[6]
    assert seen.outcome[6, at] == spot[(at + 2) * minutes] - spot[(at + 1) * minutes]
    assert np.isnan(seen.signal[:5]).all()
    moment = (at + 1) * minutes
    sessions.futures[6, moment + 1 :] += 1.0
    sessions.spot[6, moment + 1 :] += 1.0
    sessions.futures[7:] *= 3.0
    after = observations(sessions, minutes)
    known = seen.signal[6, : at + 1]
    assert known.tobytes() == after.signal[6, : at + 1].tobytes()
    assert seen.signal[5].tobytes() == after.signal[5].tobytes()
    assert seen.outcome[6, :at].tobytes() == after.outcome[6, :at].tobytes()
