"""The spread of two log prices and its bands. Source: QUANT_SPEC 3.8."""

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.correlation.spread import (
    SPREAD_SCHEMA,
    residual_statistic,
    spread_bands,
)
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline_tests.analytics.correlation.pairs import (
    changed_after,
    pair_frame,
    session_dates,
)


def bound(calendar: TradingCalendar, sessions: int, slope: float = 0.5) -> pl.DataFrame:
    """Hourly prices: spot walks, futures follow with a slope and a noise that reverts."""
    pairs = pair_frame(calendar, sessions, 0.0, minutes=60)
    random = np.random.default_rng(9)
    walk = np.cumsum(random.normal(size=pairs.height)) * 0.01
    noise = random.normal(size=pairs.height) * 0.002
    return pairs.with_columns(
        price_spot=pl.Series(600 * np.exp(walk)),
        price_futures=pl.Series(6000 * np.exp(slope * walk + noise)),
    )


def test_slope_and_distance_are_those_of_the_sessions_before(calendar: TradingCalendar) -> None:
    pairs = bound(calendar, 22)
    days = session_dates(pairs)
    found = spread_bands(pairs, days)
    assert found.schema == pl.Schema(SPREAD_SCHEMA)
    last = found.filter(session_date=days[-1])
    history = pairs.filter(pl.col("session_date").is_between(days[1], days[-2]))
    x, y = (np.log(history[name].to_numpy()) for name in ("price_spot", "price_futures"))
    slope, _ = np.polyfit(x, y, 1)
    assert last["slope"].unique().to_list() == [pytest.approx(slope)]
    assert slope == pytest.approx(0.5, abs=0.05)
    row = last.row(0, named=True)
    usual = y - slope * x
    assert row["z"] == pytest.approx((row["spread"] - usual.mean()) / usual.std())
    assert last["label"].unique().to_list() == ["mean_reverting"]
    assert last["sessions"].unique().to_list() == [20]
    early = found.filter(pl.col("session_date") < days[10])
    assert early["reason"].unique().to_list() == ["fewer_than_10_sessions"]
    assert early["z"].null_count() == early.height


def test_a_wide_spread_stays_wide_until_it_is_back(calendar: TradingCalendar) -> None:
    pairs = bound(calendar, 22)
    day = session_dates(pairs)[-1]
    quiet = spread_bands(pairs, [day])
    at = quiet["at"].to_list()
    error = quiet["z"].to_list()
    usual_size = 0.002
    wanted = [0.0, 2.5, 1.0, 0.6, 0.2, 1.9] + [0.0] * (len(at) - 6)
    shift = [(want - have) * usual_size for want, have in zip(wanted, error, strict=True)]
    moved = pairs.join(pl.DataFrame({"at": at, "shift": shift}), on="at", how="left")
    moved = moved.with_columns(
        price_futures=pl.col("price_futures") * pl.col("shift").fill_null(0.0).exp()
    ).drop("shift")
    found = spread_bands(moved, [day])
    assert found["z"].to_list()[:5] == pytest.approx(wanted[:5], abs=0.25)
    assert found["is_wide"].to_list()[:6] == [False, True, True, True, False, False]


def test_no_spread_crosses_a_roll(calendar: TradingCalendar) -> None:
    pairs = bound(calendar, 22)
    days = session_dates(pairs)
    rolled = pairs.with_columns(
        contract_futures=pl.when(pl.col("session_date") >= days[15])
        .then(pl.lit("ESM5"))
        .otherwise("contract_futures")
    )
    found = spread_bands(rolled, [days[14], days[-1]])
    assert found.filter(session_date=days[14])["sessions"].unique().to_list() == [14]
    after = found.filter(session_date=days[-1])
    assert after["reason"].unique().to_list() == ["fewer_than_10_sessions"]
    assert after["sessions"].unique().to_list() == [6]


def test_two_walks_are_relative_strength_only(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 21, 0.0, seed=3, minutes=60)
    labels = spread_bands(pairs, session_dates(pairs)[-1:])["label"]
    assert labels.unique().to_list() == ["relative_strength"]


def test_the_statistic_is_that_of_the_reference() -> None:
    pytest.importorskip("statsmodels", reason="statsmodels is missing")
    from statsmodels.tsa.stattools import coint

    random = np.random.default_rng(4)
    x = np.cumsum(random.normal(size=460))
    y = 0.7 * x + np.cumsum(random.normal(size=460)) * 0.3 + random.normal(size=460)
    statistic, critical = residual_statistic(y, x)
    expected, _, levels = coint(y, x, maxlag=1, autolag=None)
    assert statistic == pytest.approx(expected, rel=1e-9)
    assert critical == pytest.approx(levels[1], abs=1e-4)


def test_an_unknown_price_has_no_spread(calendar: TradingCalendar) -> None:
    pairs = bound(calendar, 12)
    day = session_dates(pairs)[-1]
    first = pairs.filter(session_date=day)["at"].min()
    missing = pl.when(pl.col("at") == first).then(None).otherwise("price_spot")
    row = spread_bands(pairs.with_columns(price_spot=missing), [day]).row(0, named=True)
    assert (row["z"], row["is_wide"], row["reason"]) == (None, None, "no_price")


def test_nothing_looks_ahead(calendar: TradingCalendar) -> None:
    pairs = bound(calendar, 22)
    days = session_dates(pairs)
    moment = pairs.filter(session_date=days[-1])["at"][10]
    later = changed_after(pairs, moment).with_columns(pl.col("price_futures", "price_spot").abs())
    before, after = (
        spread_bands(frame, days).filter(pl.col("at") <= moment) for frame in (pairs, later)
    )
    assert before.equals(after)
