"""Each check finds its planted fault, and nothing in a sound chain."""

from datetime import timedelta

import polars as pl
import pytest

from futures_pipeline.analytics.options import checks
from futures_pipeline.analytics.options.cleaning import judge_quotes
from futures_pipeline.analytics.options.closing_numbers import closing_chain, largest_by_contract
from futures_pipeline.analytics.options.term_structure import smiles
from futures_pipeline.simulator.options.surface import RATE
from futures_pipeline_tests.analytics.options.chains import (
    CLOSE,
    DAY,
    TODAY,
    Truth,
    chain,
    frame,
    option,
)

DOLLARS = tuple(float(strike) for strike in range(560, 621, 2))


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return chain(Truth(strikes=DOLLARS, half_spread=0.02))


def test_a_sound_chain_passes_every_check(rows: pl.DataFrame) -> None:
    found = closing_chain(rows, DAY)
    assert checks.vols_out_of_range(smiles(found.valued)).is_empty()
    assert checks.missing_greeks(found.valued).is_empty()
    assert checks.parity_breaches(found.judged, RATE).is_empty()
    assert checks.variance_falls(smiles(found.valued)) == []


@pytest.mark.parametrize(("factor", "expiries"), [(0.15, 4), (0.25, 0), (14.0, 4)])
def test_impossible_volatilities_at_the_money(
    rows: pl.DataFrame, factor: float, expiries: int
) -> None:
    """About 16 % times the factor: 2.4 %, 4 %, 220 %."""
    spoilt = rows.with_columns(pl.col("iv") * factor)
    found = checks.vols_out_of_range(smiles(closing_chain(spoilt, DAY).valued))
    assert found.height == expiries


@pytest.mark.parametrize(("every", "share"), [(11, None), (5, 0.2)])
def test_missing_greeks_above_a_tenth(rows: pl.DataFrame, every: int, share: float | None) -> None:
    is_missing = pl.int_range(pl.len()) % every == 0
    spoilt = rows.with_columns(gamma=pl.when(~is_missing).then("gamma"))
    found = checks.missing_greeks(closing_chain(spoilt, DAY).valued)
    if share is None:
        assert found.is_empty()
    else:
        assert found["symbol"].to_list() == ["SPY"]
        assert found["share"][0] == pytest.approx(share, abs=0.01)


def test_calls_that_lag_behind_miss_parity(rows: pl.DataFrame) -> None:
    """A third of the calls a dollar dear: it shows; ten cents are within the tolerance."""
    late = (pl.col("right") == "C") & (pl.col("strike") % 3 == 0)

    def dear(by: float) -> pl.DataFrame:
        sides = ("bid", "ask")
        moved = (pl.when(late).then(pl.col(it) + by).otherwise(it).alias(it) for it in sides)
        return checks.parity_breaches(judge_quotes(rows.with_columns(moved), TODAY), RATE)

    found = dear(1.0)
    assert found["symbol"].to_list() == ["SPY"]
    assert 0.2 < found["share"][0] < 0.5
    assert found["worst"][0] == pytest.approx(1.0, abs=0.01)
    assert dear(0.1).is_empty()


def options(interest: float, volume: float = 10.0, count: int = 30) -> pl.DataFrame:
    return frame(
        option(strike=500.0 + number, open_interest=interest + number % 7, volume=volume)
        for number in range(count)
    )


def test_open_interest_that_did_not_change_is_stale() -> None:
    before, fresh = (largest_by_contract(options(it)) for it in (100.0, 101.0))
    assert checks.stale_open_interest(before, before).rows() == [("SPY", 30, 1.0)]
    assert checks.stale_open_interest(fresh, before).is_empty()


@pytest.mark.parametrize("before", [options(100.0, volume=0.0), options(100.0, count=19)])
def test_what_did_not_trade_may_stay_the_same(before: pl.DataFrame) -> None:
    known = largest_by_contract(before)
    assert checks.stale_open_interest(known, known).is_empty()


def test_refusals_are_told_of_thin_chains_only() -> None:
    quotes = [option(strike=500.0), option(strike=510.0, bid=0.0), option(symbol="QQQ", bid=0.0)]
    judged = judge_quotes(frame(quotes), TODAY)
    graded = pl.DataFrame({"symbol": ["SPY", "QQQ"], "quality": ["partial", "good"]})
    assert checks.mostly_refused(judged, graded).rows() == [("SPY", "no_bid", 1)]


@pytest.mark.parametrize(("factor", "count"), [(0.8, 1), (0.995, 0)])
def test_a_fall_of_total_variance(factor: float, count: int) -> None:
    """The later of two neighbouring expiries is made cheap."""
    rows = chain(Truth(days=(30, 31, 60), strikes=DOLLARS))
    is_later = pl.col("expiry") == TODAY + timedelta(days=31)
    vol = pl.when(is_later).then(pl.col("iv") * factor).otherwise("iv")
    found = checks.variance_falls(smiles(closing_chain(rows.with_columns(vol), DAY).valued))
    assert len(found) == count


def test_rounds_with_few_answers() -> None:
    rounds = pl.DataFrame(
        {
            "symbol": "SPY",
            "round_at": [CLOSE - timedelta(minutes=5 * number) for number in range(4)],
            "asked": [150, 150, 150, 0],
            "answered": [150, 135, 134, 0],
            "ended": ["complete", "complete", "cut", "cut"],
            "reason": [None, None, "close", "no chain"],
        }
    )
    found = checks.thin_rounds(rounds)
    assert found.select("asked", "answered", "ended", "reason").rows() == [
        (150, 134, "cut", "close")
    ]
    assert found["share"][0] == pytest.approx(134 / 150)
