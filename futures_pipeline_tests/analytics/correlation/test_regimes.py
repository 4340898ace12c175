"""States of correlation, episodes of divergence. Source: QUANT_SPEC 3.7, 3.8."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.correlation.divergence import (
    EPISODE_SCHEMA,
    divergence_episodes,
    divergence_states,
)
from futures_pipeline.analytics.correlation.regimes import (
    correlation_regimes,
    daily_correlations,
    day_kinds,
    newest_day,
)
from futures_pipeline.analytics.correlation.rolling import rolling_correlations
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline_tests.analytics.correlation.pairs import (
    changed_after,
    pair_frame,
    session_dates,
)
from futures_pipeline_tests.analytics.markets import market

START = datetime(2025, 1, 14, 23, tzinfo=UTC)


def readings(*days: list[float | None], half: float = 0.3) -> pl.DataFrame:
    """Rolling readings a minute apart; the interval's upper bound is ``half`` above."""
    rows = [
        (
            date(2025, 1, 15) + timedelta(days=day),
            START + timedelta(days=day, minutes=minute),
            value,
            None if value is None else value + half,
        )
        for day, values in enumerate(days)
        for minute, value in enumerate(values)
    ]
    names = ["session_date", "at", "correlation", "high"]
    schema_overrides = {"correlation": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides=schema_overrides)


def regimes(*values: float | None) -> list[str | None]:
    return correlation_regimes(readings(list(values)))["regime"].to_list()


def test_a_regime_needs_three_readings_to_begin_and_to_end() -> None:
    low, middle = "low", "middle"
    assert regimes(0.1, 0.1, 0.25, 0.1, 0.1, 0.1) == [middle] * 5 + [low]
    assert regimes(0.1, 0.1, 0.1, 0.25, 0.4, 0.4, 0.25, 0.4, 0.4, 0.4)[2:] == [low] * 7 + [middle]
    assert regimes(0.7, 0.7, 0.7, 0.55, 0.4, 0.4, 0.4)[2:] == ["high"] * 4 + [middle]
    assert regimes(0.7, 0.7, 0.7, 0.1, 0.1, 0.1)[2:] == ["high"] * 3 + [low]


def test_an_unknown_reading_is_no_regime_and_breaks_a_run() -> None:
    assert regimes(0.1, 0.1, None, 0.1, 0.1, 0.1) == [
        "middle",
        "middle",
        None,
        "middle",
        "middle",
        "low",
    ]


def episodes(*days: list[float | None], half: float = 0.5) -> list[dict[str, object]]:
    states = divergence_states(readings(*days, half=half))
    found = divergence_episodes(states, is_index_pair=False)
    assert found.schema == pl.Schema(EPISODE_SCHEMA)
    return found.to_dicts()


def test_an_episode_has_a_start_an_end_and_a_depth() -> None:
    day = [0.5, 0.1, 0.1, 0.1, -0.2, 0.25, 0.31, 0.1, 0.1, 0.5]
    (found,) = episodes(day)
    assert found == {
        "session_date": date(2025, 1, 15),
        "started_at": START + timedelta(minutes=3),
        "ended_at": START + timedelta(minutes=6),
        "is_over": True,
        "duration_minutes": 3.0,
        "severity": "minor",
        "minimum": -0.2,
        "readings": 3,
        "meaning": "divergence",
        "earlier_episodes": 0,
    }


def test_an_episode_is_major_when_the_whole_interval_is_low() -> None:
    (found,) = episodes([0.5] + [-0.3] * 5 + [0.5], half=0.4)
    assert (found["severity"], found["duration_minutes"]) == ("major", 3.0)


def test_no_episode_crosses_a_session() -> None:
    first, second = episodes([0.1] * 5, [0.1] * 4 + [0.9])
    assert (first["is_over"], first["ended_at"]) == (False, START + timedelta(minutes=4))
    assert (second["started_at"], second["is_over"]) == (
        START + timedelta(days=1, minutes=2),
        True,
    )
    assert (first["earlier_episodes"], second["earlier_episodes"]) == (0, 1)


def test_of_an_index_pair_it_is_a_fault_of_the_data() -> None:
    states = divergence_states(readings([0.1] * 5))
    found = divergence_episodes(states, is_index_pair=True)
    assert found["meaning"].to_list() == ["data_fault"]


def test_unusually_low_is_measured_against_twenty_sessions() -> None:
    usual = [0.88, 0.90, 0.92]
    days = [usual] * 20 + [[0.9, 0.85, 0.83, 0.4]]
    states = divergence_states(readings(*days))
    assert states["is_unusual"].to_list()[:60] == [None] * 60
    assert states["is_unusual"].to_list()[60:] == [False, False, True, True]


@pytest.mark.parametrize(
    ("rho", "fewest", "most"), [(0.2, 1.5, 4.5), (0.4, 0.5, 2.5), (0.6, 0.0, 0.4)]
)
def test_false_episodes_are_as_rare_as_stated(
    calendar: TradingCalendar, rho: float, fewest: float, most: float
) -> None:
    """Per 390 minutes: 2.9 at a correlation of 0.2, 1.5 at 0.4, 0.1 at 0.6."""
    pairs = pair_frame(calendar, 12, rho, seed=5)
    tails = np.sqrt(5 / np.random.default_rng(1).chisquare(5, size=pairs.height))
    fat = pairs.with_columns(
        pl.col("return_futures") * pl.Series(tails), pl.col("return_spot") * pl.Series(tails)
    )
    rolling = rolling_correlations(fat, 60, session_dates(pairs))
    found = divergence_episodes(divergence_states(rolling), is_index_pair=False)
    days = pairs.height / 390
    assert fewest <= found.height / days <= most
    major = found.filter(severity="major").height / days
    assert major <= {0.2: 0.9, 0.4: 0.2, 0.6: 0.05}[rho]


def test_states_never_look_ahead(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 22, 0.3)
    moment = pairs["at"][int(pairs.height * 0.97)]
    frames = [
        rolling_correlations(frame, 60, session_dates(pairs))
        for frame in (pairs, changed_after(pairs, moment))
    ]
    for table in (divergence_states, correlation_regimes):
        before, after = (table(frame).filter(pl.col("at") <= moment) for frame in frames)
        assert before.equals(after)


def test_one_kind_of_day_is_not_called_two() -> None:
    daily = daily_correlations(market(3, 0, sessions=30))
    assert daily["correlation"].to_list() == [pytest.approx(0.986, abs=0.015)] * 30
    assert daily["realized_variance"].mean() == pytest.approx(0.7e-4, rel=0.2)
    found = day_kinds(daily)
    assert found.labels is None
    assert found.reason == "one_kind_fits_as_well"
    assert day_kinds(daily.head(19)).reason == "fewer_than_20_days"


def test_two_kinds_of_day_are_told_apart() -> None:
    random = np.random.default_rng(3)
    high = random.random(60) < 0.4
    daily = pl.DataFrame(
        {
            "session_date": [date(2025, 1, 1) + timedelta(days=day) for day in range(60)],
            "correlation": np.tanh(np.where(high, 1.5, 0.2) + 0.1 * random.normal(size=60)),
            "realized_variance": np.exp(np.where(high, -8, -9.5) + 0.2 * random.normal(size=60)),
        }
    )
    found = day_kinds(daily)
    assert found.bic_gain > 10
    assert found.labels == high.astype(int).tolist()
    for last in (40, 59, 60):
        row = newest_day(daily.head(last)).row(0, named=True)
        assert row["session_date"] == daily["session_date"][last - 1]
        assert (row["kind"], row["days"]) == ("higher" if high[last - 1] else "lower", last)
    unknown = daily.with_columns(
        correlation=pl.when(pl.int_range(pl.len()) < 59).then("correlation")
    )
    assert newest_day(unknown).select("kind", "reason", "days").row(0) == (None, "unknown", 59)
    few = newest_day(daily.head(10)).row(0, named=True)
    assert (few["kind"], few["reason"], few["days"]) == (None, "fewer_than_20_days", 10)
    assert newest_day(daily.clear()).is_empty()
