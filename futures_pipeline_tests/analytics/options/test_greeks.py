"""Whose volatility and greeks a row has: the broker's when sound, else computed and flagged."""

import math

import polars as pl
import pytest

from futures_pipeline.analytics.options.cleaning import judge_quotes, with_forwards
from futures_pipeline.analytics.options.greeks import with_greeks
from futures_pipeline.simulator.options.surface import RATE
from futures_pipeline_tests.analytics.options.chains import TODAY, Truth, chain

NUMBERS = ("iv", "delta", "gamma", "vega", "theta")
STRIKES = tuple(float(strike) for strike in range(560, 621, 10))


def valued(rows: pl.DataFrame) -> pl.DataFrame:
    return with_greeks(with_forwards(judge_quotes(rows, TODAY), RATE), RATE)


def one(strike: float, right: str) -> pl.Expr:
    return (pl.col("strike") == strike) & (pl.col("right") == right)


def with_one(rows: pl.DataFrame, strike: float, right: str, **said: float | None) -> pl.DataFrame:
    return rows.with_columns(
        pl.when(one(strike, right)).then(pl.lit(value, pl.Float64)).otherwise(name).alias(name)
        for name, value in said.items()
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return chain(Truth(days=(30,), strikes=STRIKES))


def test_the_brokers_own_numbers_stand(rows: pl.DataFrame) -> None:
    planted = with_one(rows, 600.0, "C", iv=0.2, delta=0.4, gamma=0.02, theta=-0.3)
    found = valued(planted)
    assert set(found["greeks_source"]) == {"broker"}
    assert found.filter(one(600.0, "C")).select("iv", "delta", "gamma", "theta").row(0) == (
        0.2,
        0.4,
        0.02,
        -0.3,
    )


def test_computed_numbers_are_the_surfaces(rows: pl.DataFrame) -> None:
    """Nothing from the broker: quotes alone give back what the surface says, calls and puts."""
    bare = chain(Truth(days=(30,), strikes=STRIKES, half_spread=1e-9), with_greeks=False)
    found = valued(bare).sort("strike", "right")
    truth = rows.sort("strike", "right")
    assert set(found["greeks_source"]) == {"computed"}
    for name in NUMBERS:
        assert found[name].to_list() == pytest.approx(truth[name].to_list(), abs=2e-6), name


@pytest.mark.parametrize("vol", [None, math.nan, -1.0, 0.0, 0.009, 5.1, math.inf])
def test_a_volatility_that_is_none_is_computed(rows: pl.DataFrame, vol: float | None) -> None:
    """The in-the-money call gets it from the put of its strike."""
    found = valued(with_one(rows, 570.0, "C", iv=vol)).filter(strike=570.0)
    put, call = (found.filter(right=right).row(0, named=True) for right in "PC")
    assert (put["greeks_source"], call["greeks_source"]) == ("broker", "computed")
    assert call["iv"] == pytest.approx(put["iv"], abs=1e-5)
    assert call["delta"] == pytest.approx(1 + put["delta"], abs=2e-3)


@pytest.mark.parametrize(
    "said",
    [
        {"delta": -1.0},
        {"delta": -2.0},
        {"delta": math.nan},
        {"gamma": -1.0},
        {"gamma": None},
        {"vega": -2.0},
        {"theta": -1.0},
        {"theta": -2.0},
        {"theta": None},
    ],
)
def test_greeks_that_are_none_are_computed_from_the_brokers_volatility(
    rows: pl.DataFrame, said: dict[str, float | None]
) -> None:
    truth = rows.filter(one(600.0, "C")).row(0, named=True)
    found = valued(with_one(rows, 600.0, "C", **said)).filter(one(600.0, "C")).row(0, named=True)
    assert found["greeks_source"] == "broker_vol"
    assert [found[name] for name in NUMBERS] == pytest.approx(
        [truth[name] for name in NUMBERS], rel=1e-4
    )


def test_without_an_out_of_the_money_quote_it_stays_unknown(rows: pl.DataFrame) -> None:
    """The put of the strike has no bid, so nothing says what the call's volatility is."""
    broken = with_one(with_one(rows, 570.0, "P", bid=0.0), 570.0, "C", iv=None)
    found = valued(broken).filter(strike=570.0)
    assert found.select("right", "iv", "delta", "greeks_source").rows() == [
        ("C", None, None, "missing")
    ]


def test_a_missing_underlying_price_is_its_neighbours(rows: pl.DataFrame) -> None:
    bare = rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in NUMBERS[1:])
    holed = with_one(bare, 600.0, "C", underlying_price=None)
    assert valued(holed)["delta"].to_list() == valued(bare)["delta"].to_list()


def test_the_neighbours_are_of_the_same_etf(rows: pl.DataFrame) -> None:
    """Another ETF at half the price beside it changes nothing."""
    bare = rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in NUMBERS[1:])
    holed = with_one(bare, 600.0, "C", underlying_price=None)
    strikes = [float(strike) for strike in range(280, 321, 2)]
    other = chain(Truth(symbol="QQQ", spot=300.0, days=(30,), strikes=strikes))
    found = valued(pl.concat([holed, other]))
    assert found.filter(symbol="SPY")["delta"].to_list() == valued(bare)["delta"].to_list()


def test_without_any_underlying_price_there_are_no_greeks(rows: pl.DataFrame) -> None:
    bare = rows.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in (*NUMBERS, "underlying_price")
    )
    found = valued(bare)
    assert found["delta"].null_count() == found.height
    assert found["iv"].null_count() == 0


def test_refused_rows_have_no_place_here(rows: pl.DataFrame) -> None:
    found = valued(with_one(rows, 600.0, "C", bid=0.0))
    assert found.height == rows.height - 1
    assert found.filter(one(600.0, "C")).is_empty()
