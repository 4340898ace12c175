"""The rows of the analysis: of their session alone, and blind to what comes after."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futures_pipeline.analytics.correlation.rolling import colour
from futures_pipeline.analytics.returns.flags import Flag
from futures_pipeline.api.pairs import Bars
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.analysis.found import Found
from futures_pipeline.orchestration.analysis.rows import heatmap_rows, matrix_rows, rolling_rows
from futures_pipeline.orchestration.analysis.verdicts import lead_lag_rows, predictive_rows
from futures_pipeline_tests.orchestration.analysis.conftest import DAYS, NEWEST, PAIR

PAIRS = [PAIR]
LOOK_BACK = 20
DAILY: dict[str, Callable[[Bars, list[date]], Found]] = {
    "matrix": matrix_rows,
    "heatmap": lambda bars, days: heatmap_rows(bars, PAIRS, days),
    "leads": lambda bars, days: lead_lag_rows(bars, PAIRS, days, LOOK_BACK),
    "value": lambda bars, days: predictive_rows(bars, PAIRS, days, LOOK_BACK),
}


@pytest.fixture(scope="module")
def newest(bars: Bars) -> Found:
    """The rolling rows of the newest session."""
    return rolling_rows(bars, PAIRS, [NEWEST])


def changed_after(bars: Bars, at: datetime, seed: int) -> Bars:
    """The same bars but for those that end after a moment: other prices, and half are gone."""
    random = np.random.default_rng(seed)
    later = pl.col("ts_end") > at
    prices = pl.Series(random.uniform(1.0, 9_000.0, bars.rows.height))
    kept = pl.Series(random.random(bars.rows.height) < 0.5)
    rows = bars.rows.with_columns(close=pl.when(later).then(prices).otherwise("close"))
    return replace(bars, rows=rows.filter(~later | kept))


def with_noise(bars: Bars, symbol: str, begins: datetime, ends: datetime) -> Bars:
    """The same bars, but between two moments a leg walks on its own."""
    random = np.random.default_rng(5)
    own = np.exp(np.cumsum(random.normal(0.0, 3e-4, bars.rows.height)))
    within = (pl.col("symbol") == symbol) & pl.col("ts_end").is_between(begins, ends)
    close = pl.when(within).then(pl.Series(588.0 * own)).otherwise("close")
    return replace(bars, rows=bars.rows.with_columns(close=close))


@given(minute=st.integers(0, 389), seed=st.integers(0, 9))
@settings(max_examples=4, deadline=None)
def test_no_reading_of_a_correlation_knows_what_comes_after(
    bars: Bars, newest: Found, minute: int, seed: int
) -> None:
    at = new_york(NEWEST, 9, 30) + timedelta(minutes=minute)
    known = pl.col("at") <= at
    now = newest.tables["correlations"].filter(known)
    then = rolling_rows(changed_after(bars, at, seed), PAIRS, [NEWEST]).tables["correlations"]
    assert then.filter(known).equals(now)


@pytest.mark.parametrize("name", DAILY)
def test_no_session_knows_the_sessions_after_it(bars: Bars, name: str) -> None:
    day = DAYS[-4]
    now = DAILY[name](bars, [day])
    then = DAILY[name](changed_after(bars, new_york(day, 17), 3), [day])
    for table, rows in now.tables.items():
        assert rows.height > 0, table
        assert then.tables[table].equals(rows), table
    assert then.sentences == now.sentences


@pytest.mark.parametrize("name", [*DAILY, "rolling"])
def test_a_session_is_the_same_alone_and_among_others(bars: Bars, name: str) -> None:
    compute = DAILY.get(name, lambda held, days: rolling_rows(held, PAIRS, days))
    looked_at = DAYS[:-1] if name == "heatmap" else DAYS[-23:-1]
    alone = compute(bars.of(looked_at), [DAYS[-2]])
    among = compute(bars, DAYS[-3:])
    for table, rows in alone.tables.items():
        assert among.tables[table].filter(session_date=DAYS[-2]).equals(rows), table


def test_an_episode_that_is_over_does_not_know_what_comes_after(bars: Bars) -> None:
    broken = with_noise(bars, "SPY", new_york(NEWEST, 11), new_york(NEWEST, 13))
    now = rolling_rows(broken, PAIRS, [NEWEST]).tables["divergences"]
    ended = now["ended_at"].max()
    then = rolling_rows(changed_after(broken, ended, 2), PAIRS, [NEWEST]).tables["divergences"]
    assert now["is_over"].all()
    assert then.filter(pl.col("ended_at") <= ended, pl.col("started_at") < ended).equals(now)


def test_an_index_pair_that_comes_apart_is_a_fault_of_the_data(bars: Bars) -> None:
    broken = with_noise(bars, "SPY", new_york(NEWEST, 11), new_york(NEWEST, 13))
    found = rolling_rows(broken, PAIRS, [NEWEST]).tables
    episode = found["divergences"].row(0, named=True)
    assert (episode["meaning"], episode["severity"]) == ("data_fault", "major")
    assert new_york(NEWEST, 11) < episode["started_at"] < new_york(NEWEST, 11, 30)
    assert episode["minimum"] < 0.2
    readings = found["correlations"].filter(window=60, timeframe_minutes=1)
    states = dict(readings.select("at", "divergence").iter_rows())
    assert states[episode["started_at"]] in ("minor", "major")
    assert states[new_york(NEWEST, 10, 30)] == "none"
    unusual = dict(readings.select("at", "is_unusual").iter_rows())
    assert unusual[new_york(NEWEST, 12, 30)]


def test_of_other_pairs_it_is_a_divergence(bars: Bars) -> None:
    broken = with_noise(bars, "SPY", new_york(NEWEST, 11), new_york(NEWEST, 13))
    found = rolling_rows(broken, [("SPY", "ES")], [NEWEST]).tables["divergences"]
    assert set(found["meaning"]) == {"divergence"}
    assert set(found["pair"]) == {"SPY-ES"}


def test_of_other_pairs_the_spread_is_kept_and_knows_nothing_of_later(bars: Bars) -> None:
    apart = [("SPY", "ES")]
    at = new_york(NEWEST, 12)
    known = pl.col("at") <= at
    now = rolling_rows(bars, apart, DAYS[-2:]).tables["spreads"]
    then = rolling_rows(changed_after(bars, at, 4), apart, [NEWEST]).tables["spreads"]
    of_newest = now.filter(session_date=NEWEST)
    assert then.filter(known).equals(of_newest.filter(known))
    assert of_newest.drop_nulls("z").height >= 6
    assert (of_newest["sessions"] == 20).all()
    assert of_newest["slope"].drop_nulls()[0] == pytest.approx(1.0, abs=0.01)
    assert now.filter(session_date=DAYS[-2]).height == of_newest.height


def test_a_spread_is_measured_against_the_history_of_its_own_contract(bars: Bars) -> None:
    """ESM5 leads in the newest session alone; its earlier sessions were collected beside ESH5."""
    spot = pl.col("symbol").replace({"SPY": "QQQ"})
    renamed = bars.rows.with_columns(spot, contract=pl.col("contract").replace({"SPY": "QQQ"}))
    next_one = renamed.filter(symbol="ES").with_columns(
        contract=pl.lit("ESM5"), close=pl.col("close") + 60.0
    )
    leads = pl.when(pl.col("session_date") == NEWEST).then(pl.lit("ESM5")).otherwise("contract")
    both = replace(
        bars,
        rows=pl.concat([renamed, next_one]),
        schedule=bars.schedule.with_columns(contract=leads),
    )
    found = rolling_rows(both, [("ES", "QQQ")], [NEWEST]).tables["spreads"]
    assert set(found["contract_futures"]) == {"ESM5"}
    assert (found["sessions"] == 20).all()
    assert found["z"].drop_nulls().abs().max() < 5.0


def test_a_spread_that_opens_is_wide(bars: Bars) -> None:
    later = (pl.col("symbol") == "SPY") & (pl.col("ts_end") > new_york(NEWEST, 12))
    close = pl.when(later).then(pl.col("close") * 1.01).otherwise("close")
    moved = replace(bars, rows=bars.rows.with_columns(close=close))
    found = rolling_rows(moved, [("SPY", "ES")], [NEWEST]).tables["spreads"]
    wide = dict(found.drop_nulls("is_wide").select("at", "is_wide").iter_rows())
    assert not wide[new_york(NEWEST, 11)]
    assert wide[new_york(NEWEST, 14)]


def test_a_whole_session_has_no_divergence_and_every_window(newest: Found) -> None:
    found = newest.tables
    assert found["divergences"].is_empty()
    windows = found["correlations"].group_by("timeframe_minutes", "window").len().sort(pl.all())
    # Both markets are open 18:00-20:00 and 04:00-17:00; bars are of NYSE hours alone, so
    # nothing is known after 16:00: 14 hours.
    assert windows.rows() == [
        *((1, 60, 840), (1, 120, 840), (5, 78, 168)),
        *((15, 52, 56), (60, 46, 14)),
    ]
    regimes = found["correlations"].filter(window=120)["regime"].drop_nulls()
    assert set(regimes) == {"middle", "high"}


def test_an_unusual_minute_is_marked_and_its_bad_tick_leaves_the_windows(bars: Bars) -> None:
    noon = new_york(NEWEST, 12)
    wrong = (pl.col("symbol") == "SPY") & (pl.col("ts_end") == noon)
    close = pl.when(wrong).then(pl.col("close") * 1.02).otherwise("close")
    absent = (pl.col("symbol") == "ES") & (pl.col("ts_end") == new_york(NEWEST, 13))
    rows = bars.rows.with_columns(close=close).filter(~absent)
    found = rolling_rows(replace(bars, rows=rows), PAIRS, [NEWEST]).tables["correlations"]
    of_window = found.filter(timeframe_minutes=1, window=60)
    flags = dict(of_window.select("at", "quality_flags").iter_rows())
    assert Flag(flags[noon]) & Flag.OUTLIER
    assert Flag(flags[new_york(NEWEST, 12, 1)]) == Flag.BAD_TICK
    assert Flag(flags[new_york(NEWEST, 13)]) == Flag.GAP
    assert flags[new_york(NEWEST, 14)] == 0
    readings = dict(of_window.select("at", "correlation").iter_rows())
    assert readings[noon] < 0.5 < 0.9 < readings[new_york(NEWEST, 12, 1)]
    assert found.filter(window=120)["quality_flags"].null_count() == 840


def test_each_session_has_its_correlation_and_days_of_one_kind_are_not_called_two(
    bars: Bars,
) -> None:
    found = heatmap_rows(bars, PAIRS, DAYS[-2:]).tables["correlation_days"]
    assert found["session_date"].to_list() == DAYS[-2:]
    assert found["correlation"].to_list() == [pytest.approx(0.98, abs=0.02)] * 2
    assert found["days"].to_list() == [len(DAYS) - 1, len(DAYS)]
    assert set(found["reason"]) == {"one_kind_fits_as_well"}


def test_colours_are_those_of_the_statistics(newest: Found) -> None:
    readings = newest.tables["correlations"]
    for r, low, high, shown in readings.select("correlation", "low", "high", "colour").iter_rows():
        assert shown == colour(r, low, high)


def test_a_pair_without_bars_has_no_rows_and_says_so(bars: Bars) -> None:
    nobody = [("NQ", "QQQ")]
    assert all(rows.is_empty() for rows in rolling_rows(bars, nobody, [NEWEST]).tables.values())
    assert heatmap_rows(bars, nobody, [NEWEST]).tables["correlation_heatmap"].is_empty()
    said = lead_lag_rows(bars, nobody, [NEWEST], LOOK_BACK).sentences[NEWEST]
    assert said == ["NQ-QQQ: Data collection in progress. Analysis available after 7 days."]


def test_six_sessions_are_too_few_and_seven_are_enough(bars: Bars) -> None:
    for count, rows in ((6, 0), (7, 4)):
        found = predictive_rows(bars.of(DAYS[:count]), PAIRS, [DAYS[count - 1]], LOOK_BACK)
        assert found.tables["predictive_value"].height == rows
    six = lead_lag_rows(bars.of(DAYS[:6]), PAIRS, [DAYS[5]], LOOK_BACK)
    assert all(rows.is_empty() for rows in six.tables.values())


def test_bars_named_by_their_end_are_told_at_once(bars: Bars) -> None:
    """Three sessions are too few for a lead, and enough for this."""
    late = pl.col("symbol") == "SPY"
    moved = bars.rows.with_columns(
        pl.when(late).then(pl.col(name) + timedelta(minutes=1)).otherwise(name)
        for name in ("ts_start", "ts_end")
    )
    found = lead_lag_rows(replace(bars.of(DAYS[:3]), rows=moved), PAIRS, [DAYS[2]], LOOK_BACK)
    assert len(found.faults) == 1
    assert "when the bars of SPY are named by their end and read as starts" in found.faults[0]
    assert not lead_lag_rows(bars.of(DAYS[:3]), PAIRS, [DAYS[2]], LOOK_BACK).faults
