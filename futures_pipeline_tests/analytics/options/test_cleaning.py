"""Which quotes are refused, why, and the forwards that the others imply. QUANT_SPEC 7.1."""

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.options.cleaning import (
    closing_rows,
    judge_quotes,
    parity_residuals,
    refusals,
    with_forwards,
)
from futures_pipeline.simulator.options.surface import RATE, Surface
from futures_pipeline_tests.analytics.options.chains import (
    CALM,
    CLOSE,
    TODAY,
    Truth,
    chain,
    frame,
    option,
    shuffled,
)

NEAR = tuple(float(strike) for strike in range(500, 651, 10))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, None),
        ({"bid": None}, "no_bid"),
        ({"bid": 0.0}, "no_bid"),
        ({"bid": -1.0}, "no_bid"),
        ({"bid": math.nan}, "no_bid"),
        ({"bid": math.inf}, "no_bid"),
        ({"ask": None}, "no_ask"),
        ({"ask": math.nan}, "no_ask"),
        ({"bid": 2.0, "ask": 1.99}, "crossed"),
        ({"bid": 2.0, "ask": 2.0}, "locked"),
        ({"bid": 1.0, "ask": 1.67}, "wide_spread"),  # .67 is 50.2 % of 1.335
        ({"bid": 1.0, "ask": 1.66}, None),
        ({"expiry": TODAY + timedelta(days=6)}, "expires_within_7_days"),
        ({"expiry": TODAY + timedelta(days=7)}, None),
        ({"expiry": TODAY + timedelta(days=400)}, None),
        ({"expiry": TODAY + timedelta(days=401)}, "expires_after_400_days"),
        ({"bid": 0.0, "ask": 0.0, "expiry": TODAY}, "no_bid"),  # the first reason stands
    ],
)
def test_each_fault_has_its_reason(said: dict[str, object], reason: str | None) -> None:
    assert judge_quotes(frame([option(**said)]), TODAY)["refused"].to_list() == [reason]


def test_the_middle_is_null_where_it_means_nothing() -> None:
    quotes = [{}, {"bid": 0.0}, {"bid": None}, {"ask": math.nan}, {"bid": 5.0, "ask": 4.0}]
    judged = judge_quotes(frame(option(**quote) for quote in quotes), TODAY)
    assert judged["mid"].to_list() == [10.0, None, None, None, None]


def test_time_runs_to_sixteen_new_york_of_the_expiry() -> None:
    """A week over the change to summer time is an hour shorter."""
    at = datetime(2025, 3, 5, 21, tzinfo=UTC)
    row = option(expiry=at.date() + timedelta(days=7), timestamp=at)
    judged = judge_quotes(frame([row]), at.date())
    assert judged["dte"].to_list() == [7]
    assert judged["years"].to_list() == [pytest.approx((7 * 24 - 1) / 24 / 365)]


def test_refusals_are_counted_by_reason() -> None:
    rows = frame(
        [option(bid=None), option(strike=600.0, bid=0.0), option(ask=None), option(strike=1.0)]
    )
    counted = refusals(judge_quotes(rows, TODAY))
    assert counted.rows() == [("SPY", "no_bid", 2), ("SPY", "no_ask", 1)]


def test_the_last_row_before_the_close_stands() -> None:
    minutes = [20, 14, 4, -1]
    rows = [
        option(
            round_at=CLOSE - timedelta(minutes=before, seconds=30),
            timestamp=CLOSE - timedelta(minutes=before),
            bid=float(before) if before > 0 else 1.0,
        )
        for before in minutes
    ]
    assert closing_rows(frame(rows), CLOSE, ["SPY"])["bid"].to_list() == [4.0]
    assert closing_rows(frame(rows[:2]), CLOSE, ["SPY"])["bid"].to_list() == [14.0]
    assert closing_rows(frame(rows[3:]), CLOSE, ["SPY"]).is_empty()


def test_a_symbol_not_quoted_at_the_close_stands_as_last_quoted() -> None:
    """And what it was quoted at over a quarter of an hour before that does not."""
    rows = [
        option(symbol=symbol, strike=strike, round_at=at, timestamp=at)
        for symbol, strike, minutes in [
            ("SPY", 590.0, 5),
            ("SPY", 600.0, 20),
            ("QQQ", 500.0, 90),
            ("QQQ", 510.0, 100),
            ("QQQ", 520.0, 110),
        ]
        for at in [CLOSE - timedelta(minutes=minutes)]
    ]
    assert sorted(closing_rows(frame(rows), CLOSE, ["QQQ", "SPY"])["strike"]) == [
        500.0,
        510.0,
        590.0,
    ]


def test_of_two_rows_of_one_round_the_one_received_last_stands() -> None:
    first = option(bid=2.0)
    second = option(bid=1.0, received_at=CLOSE - timedelta(minutes=1))
    other = option(strike=600.0)
    rows = frame([second, first, other])
    assert closing_rows(rows, CLOSE, ["SPY"])["bid"].to_list() == [1.0, 9.9]


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    rows = frame(
        option(
            strike=strike,
            bid=bid,
            round_at=CLOSE - timedelta(minutes=before),
            timestamp=CLOSE - timedelta(minutes=before),
        )
        for strike in (590.0, 600.0)
        for before in (3, 8)
        for bid in (1.0, 2.0, None)
    )
    found, plain = (
        closing_rows(it, CLOSE, ["SPY"]).sort("strike") for it in (shuffled(rows, seed), rows)
    )
    assert found.equals(plain)
    assert found["bid"].to_list() == [2.0, 2.0]


def test_forwards_are_those_the_chain_was_made_from() -> None:
    rows = chain(Truth(strikes=NEAR))
    judged = judge_quotes(rows, TODAY)
    found = parity_residuals(judged, RATE)
    years = judged.filter(right="C")["years"]
    surface = Surface(590.0, CALM)
    assert found["forward"].to_list() == [
        pytest.approx(surface.terms(590.0, it).forward, abs=1e-6) for it in years
    ]
    assert found.group_by("expiry").len()["len"].to_list() == [len(NEAR)] * 4
    assert found["residual"].abs().max() < 1e-6


def test_the_forward_comes_from_where_call_and_put_cost_the_same() -> None:
    """A wrong price elsewhere does not move it, and shows as a residual of that pair."""
    rows = chain(Truth(days=(30,)))
    wrong = (pl.col("strike") == 500.0) & (pl.col("right") == "C")
    moved = rows.with_columns(pl.when(wrong).then(pl.col(side) + 2).otherwise(side).alias(side)
                              for side in ("bid", "ask"))  # fmt: skip
    sound, residuals = (parity_residuals(judge_quotes(it, TODAY), RATE) for it in (rows, moved))
    assert residuals["forward"].equals(sound["forward"])
    assert residuals.filter(pl.col("residual").abs() > 1)["strike"].to_list() == [500.0]
    assert residuals["residual"].max() == pytest.approx(2.0, abs=1e-6)


def test_a_refused_quote_makes_no_forward() -> None:
    rows = frame([option(right="C", bid=10.0, ask=10.2), option(right="P", bid=10.0, ask=10.0)])
    judged = with_forwards(judge_quotes(rows, TODAY), RATE)
    assert judged["refused"].to_list() == ["no_forward", "locked"]
    assert judged["forward"].to_list() == [None, None]


def test_less_than_the_discounted_gain_is_refused() -> None:
    rows = chain(Truth(days=(30,), strikes=NEAR))
    deep = (pl.col("strike") == 500.0) & (pl.col("right") == "C")
    worth = math.exp(-RATE * 30 / 365) * (Surface(590.0, CALM).terms(1.0, 30 / 365).forward - 500)
    cheap = rows.with_columns(
        bid=pl.when(deep).then(worth - 0.06).otherwise("bid"),
        ask=pl.when(deep).then(worth + 0.02).otherwise("ask"),
    )
    judged = with_forwards(judge_quotes(cheap, TODAY), RATE)
    refused = judged.filter(pl.col("refused").is_not_null())
    assert refused.filter(right="C").select("strike", "refused").rows() == [
        (500.0, "below_intrinsic")
    ]
    assert judged.filter(strike=590.0)["log_strike"][0] == pytest.approx(
        math.log(590 / judged["forward"][0])
    )


@given(st.floats(0.1, 20.0))
def test_another_currency_gives_the_same_judgement(scale: float) -> None:
    rows = chain(Truth(days=(30,), half_spread=0.05))
    dollars = ("strike", "bid", "ask", "underlying_price")
    one, other = (
        with_forwards(judge_quotes(it, TODAY), RATE)
        for it in (rows, rows.with_columns(pl.col(dollars) * scale))
    )
    assert other["forward"].to_list() == pytest.approx((one["forward"] * scale).to_list())
    assert other["refused"].to_list() == one["refused"].to_list()
