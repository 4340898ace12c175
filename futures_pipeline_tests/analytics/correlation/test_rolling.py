"""Rolling correlations: windows, intervals, the reference variance, nothing ahead."""

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.correlation.estimate import correlate, volatility_adjusted
from futures_pipeline.analytics.correlation.rolling import (
    ROLLING_SCHEMA,
    WINDOWS,
    rolling_correlations,
)
from futures_pipeline.analytics.kernels.rolling import rolling_correlation
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline_tests.analytics.correlation.pairs import (
    changed_after,
    pair_frame,
    session_dates,
)


def test_each_row_is_the_estimate_of_its_window(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 2, 0.6)
    rows = rolling_correlations(pairs, 60, session_dates(pairs))
    assert rows.schema == pl.Schema(ROLLING_SCHEMA)
    assert rows["at"].to_list() == pairs["at"].to_list()
    x, y = (pairs[name].to_numpy() for name in ("return_futures", "return_spot"))
    for end in (59, 700, 1400, 2759):
        window = slice(end - 59, end + 1)
        expected = correlate(x[window], y[window])
        found = rows.select("correlation", "effective_pairs", "low", "high").row(end)
        wanted = [float(part) for part in (expected[0], expected[2], expected[3], expected[4])]
        assert found == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(
        rows["correlation"].to_numpy()[59:], rolling_correlation(x, y, 60)[59:], atol=1e-9
    )


def test_the_first_windows_say_why_they_are_unknown(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 1, 0.6)
    rows = rolling_correlations(pairs, 60, session_dates(pairs))
    assert rows["reason"].to_list()[:20] == ["fewer_than_20_pairs"] * 19 + [None]
    assert rows["pairs"].to_list()[:70:23] == [1, 24, 47, 60]
    flat = pairs.with_columns(return_spot=pl.lit(0.0))
    reasons = rolling_correlations(flat, 60, session_dates(pairs))["reason"]
    assert reasons.to_list()[30] == "flat_series"


def test_minutes_of_a_closed_market_take_no_place_in_a_window(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 1, 0.6)
    hour = pl.col("at").is_between(pairs["at"][100], pairs["at"][159])
    shut = pairs.with_columns(
        both_open=~hour, return_spot=pl.when(hour).then(None).otherwise("return_spot")
    )
    rows = rolling_correlations(shut, 60, session_dates(pairs))
    assert rows.height == pairs.height - 60
    assert rows.filter(pl.col("at") == pairs["at"][160])["pairs"].item() == 60


def test_markets_that_are_never_open_together_have_no_readings(
    calendar: TradingCalendar,
) -> None:
    pairs = pair_frame(calendar, 1, 0.6).with_columns(both_open=pl.lit(False))
    for frame in (pairs, pairs.clear()):
        rows = rolling_correlations(frame, 60, session_dates(pairs))
        assert rows.is_empty()
        assert rows.schema == pl.Schema(ROLLING_SCHEMA)


def test_a_bad_tick_leaves_as_soon_as_it_is_known(calendar: TradingCalendar) -> None:
    """Return 500 is a hundred times too large and 501 takes it back, so that it is null."""
    pairs = pair_frame(calendar, 1, 0.9).with_row_index("row")
    wrong = pairs.with_columns(
        return_spot=pl.when(pl.col("row") == 500)
        .then(pl.lit(0.01))
        .when(pl.col("row") != 501)
        .then("return_spot"),
        is_undone=pl.col("row") == 500,
    ).drop("row")
    rows = rolling_correlations(wrong, 60, session_dates(pairs))
    values = rows["correlation"].to_list()
    assert abs(values[500]) < 0.5
    assert min(values[501:600]) > 0.8
    assert rows["pairs"].to_list()[499:503] == [60, 60, 58, 58]
    assert rows["pairs"][561] == 60


def test_a_volatile_driver_is_taken_out(calendar: TradingCalendar) -> None:
    """In the last session futures move twice as much and spot follows with the same noise."""
    pairs = pair_frame(calendar, 21, 0.4)
    last = session_dates(pairs)[-1]
    extra = pl.when(pl.col("session_date") == last).then(pl.col("return_futures")).otherwise(0.0)
    wild = pairs.with_columns(
        return_spot=pl.col("return_spot") + 0.4 * extra,
        return_futures=pl.col("return_futures") + extra,
    )
    row = rolling_correlations(wild, 1380, [last]).row(-1, named=True)
    assert row["correlation"] == pytest.approx(0.6576, abs=0.04)
    assert row["variance_ratio"] == pytest.approx(4.0, rel=0.1)
    assert row["correlation_adjusted"] == pytest.approx(0.4, abs=0.05)
    expected = volatility_adjusted(
        np.float64(row["correlation"]), np.float64(row["variance_ratio"]), np.float64(1.0)
    )
    assert row["correlation_adjusted"] == pytest.approx(float(expected))
    early = rolling_correlations(wild, 60, session_dates(pairs)[:20])
    assert early["correlation_adjusted"].null_count() == early.height


def test_a_session_under_way_ends_with_its_last_return(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 2, 0.6)
    last, days = pairs["at"][-90], session_dates(pairs)
    is_past = pl.col("at") <= last
    under_way = pairs.with_columns(
        pl.when(is_past).then(name).alias(name) for name in ("return_futures", "return_spot")
    )
    assert rolling_correlations(under_way, 60, days)["at"].max() == last
    one_leg = pairs.with_columns(return_spot=pl.when(is_past).then("return_spot"))
    assert rolling_correlations(one_leg, 60, days)["at"].max() == pairs["at"][-1]


@pytest.mark.parametrize("minutes", sorted(WINDOWS))
def test_nothing_looks_ahead(calendar: TradingCalendar, minutes: int) -> None:
    pairs = pair_frame(calendar, 22, 0.5, minutes=minutes)
    moment = pairs["at"][int(pairs.height * 0.97)]
    days = session_dates(pairs)[-2:]
    before, after = (
        rolling_correlations(frame, WINDOWS[minutes], days).filter(pl.col("at") <= moment)
        for frame in (pairs, changed_after(pairs, moment))
    )
    assert before["correlation_adjusted"].drop_nulls().len() > 5
    assert before.equals(after)
