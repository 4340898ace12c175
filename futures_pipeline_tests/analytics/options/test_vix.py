"""The index of a chain: Cboe's worked example and chains of a known volatility."""

import math
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from futures_pipeline.analytics.options.cleaning import judge_quotes
from futures_pipeline.analytics.options.vix import (
    Strip,
    Term,
    chain_vix,
    term_variance,
    vix_of_terms,
)
from futures_pipeline.simulator.options.surface import RATE
from futures_pipeline_tests.analytics.options.chains import (
    CALM,
    STRESSED,
    TODAY,
    Truth,
    chain,
    frame,
    option,
    shuffled,
)

REPOSITORY = Path(__file__).parents[3]


def white_paper(term: str) -> Strip:
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("FUTURES_PIPELINE_RECORDED_DATA", default))
    path = folder / f"vix_whitepaper_{term}_term.dat"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in {folder}; see FUTURES_PIPELINE_RECORDED_DATA")
    return Strip(*np.loadtxt(path).T)


def test_the_white_papers_example() -> None:
    near = term_variance(white_paper("near"), 35_924, 0.000305)
    following = term_variance(white_paper("next"), 46_394, 0.000286)
    assert near is not None
    assert following is not None
    assert near.forward == pytest.approx(1962.89996, abs=1e-5)
    assert following.forward == pytest.approx(1962.40006, abs=1e-5)
    assert (near.at_the_money, following.at_the_money) == (1960.0, 1960.0)
    assert near.variance == pytest.approx(0.01846292, abs=5e-9)
    assert following.variance == pytest.approx(0.01882101, abs=5e-9)
    assert vix_of_terms(near, following) == pytest.approx(13.685820, abs=1e-6)


def test_the_white_papers_last_step() -> None:
    near = Term(35_924, 0.01846292, 0, 0, 0)
    following = Term(46_394, 0.01882101, 0, 0, 0)
    assert vix_of_terms(near, following) == pytest.approx(13.68582, abs=5e-6)


def strip(put_bids: list[float], call_bids: list[float]) -> Strip:
    """Return a strip about 100 with the money in its middle; asks are ten cents above."""
    puts, calls = np.array(put_bids), np.array(call_bids)
    strikes = 100.0 + np.arange(len(puts)) - len(puts) // 2
    return Strip(strikes, calls, calls + 0.1, puts, puts + 0.1)


def test_two_quotes_without_a_bid_end_the_strip() -> None:
    """One is passed over; what lies beyond two in a row is not used, even with a bid."""
    puts = [0.5, 0.0, 0.0, 0.2, 0.0, 0.6, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    calls = puts[::-1]
    found = term_variance(strip(puts, calls), 43_200, 0.0)
    assert found is not None
    assert found.at_the_money == 100.0
    assert found.strikes == 5  # 97, 99, 100, 101, 103


def test_the_middle_strike_lies_at_or_below_the_forward() -> None:
    wide = strip([1.0] * 6 + [2.0] + [3.0] * 6, [3.0] * 6 + [2.4] + [1.0] * 6)
    found = term_variance(wide, 43_200, 0.0)
    assert found is not None
    assert (found.forward, found.at_the_money) == (pytest.approx(100.4), 100.0)
    narrow = strip([1.0] * 6 + [2.4] + [3.0] * 6, [3.0] * 6 + [2.0] + [1.0] * 6)
    found = term_variance(narrow, 43_200, 0.0)
    assert found is not None
    assert (found.forward, found.at_the_money) == (pytest.approx(99.6), 99.0)


def test_each_strike_counts_for_half_the_way_to_its_neighbours() -> None:
    """Strikes 70, 90, 95, 100, 110, 115: widths 20, 12.5, 5, 7.5, 7.5, 5; forward 100, a year."""
    price = np.array([1.0, 2.0, 3.0, 5.0, 2.0, 1.0])
    far = np.array([40.0, 30.0, 20.0, 5.0, 30.0, 40.0])
    is_put = np.array([True, True, True, True, False, False])
    strikes = np.array([70.0, 90.0, 95.0, 100.0, 110.0, 115.0])
    call, put = np.where(is_put, far, price), np.where(is_put, price, far)
    call[3] = put[3] = 5.0
    found = term_variance(Strip(strikes, call, call, put, put), 525_600, 0.0)
    widths = np.array([20.0, 12.5, 5.0, 7.5, 7.5, 5.0])
    assert found is not None
    assert found.variance == pytest.approx(2 * float((widths / strikes**2 * price).sum()))


def test_too_few_quotes_say_nothing() -> None:
    assert term_variance(strip([0.0, 0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0, 0.0]), 1, 0) is None


@pytest.mark.parametrize(
    ("variance", "step", "index", "tolerance"),
    [
        (CALM, 1, 18.571, 0.005),
        (CALM, 5, 18.628, 0.005),
        (STRESSED, 1, 45.85, 0.02),
    ],
)
def test_the_surface_is_recovered(
    variance: float, step: int, index: float, tolerance: float
) -> None:
    """QUANT_SPEC 9.3: expiries of 23 and 37 days, every quote with a bid."""
    strikes = [float(strike) for strike in range(140, 780, step)]
    rows = chain(Truth(spot=478.0, variance=variance, days=(23, 37), strikes=strikes))
    bids = pl.max_horizontal("bid", 1e-6)
    found = chain_vix(judge_quotes(rows.with_columns(bid=bids), TODAY), RATE)["SPY"]
    assert found.value == pytest.approx(index, abs=tolerance)
    assert found.reason is None


def test_neither_order_nor_scale_nor_company_changes_the_index() -> None:
    rows = chain(Truth(days=(23, 37)))
    dollars = ("strike", "bid", "ask", "underlying_price")
    larger = rows.with_columns(pl.col(dollars) * 2, symbol=pl.lit("QQQ"))
    both = judge_quotes(shuffled(pl.concat([rows, larger]), 3), TODAY)
    found = chain_vix(both, RATE)
    alone = chain_vix(judge_quotes(rows, TODAY), RATE)
    assert found["SPY"] == alone["SPY"]
    assert found["QQQ"].value == pytest.approx(alone["SPY"].value, abs=1e-9)
    assert found["QQQ"].strikes == found["SPY"].strikes


@pytest.mark.parametrize("days", [(23,), (37,), (6, 37), (23, 61)])
def test_without_an_expiry_on_each_side_there_is_no_index(days: tuple[int, ...]) -> None:
    found = chain_vix(judge_quotes(chain(Truth(days=days)), TODAY), RATE)["SPY"]
    assert (found.value, found.reason) == (None, "30_days_not_bracketed")


def test_a_handful_of_options_gives_no_index() -> None:
    expiries = [TODAY + timedelta(days=days) for days in (23, 37)]
    rows = frame(option(expiry=expiry, right=right) for expiry in expiries for right in "CP")
    found = chain_vix(judge_quotes(rows, TODAY), RATE)["SPY"]
    assert (found.value, found.reason) == (None, "fewer_than_5_strikes")


def test_a_quote_without_a_bid_counts_as_none_at_all() -> None:
    """Null, NaN and zero bids give one index."""
    rows = chain(Truth(days=(23, 37))).with_columns(
        bid=pl.when(pl.col("strike") < 480).then(0.0).otherwise("bid")
    )
    unsaid = (
        rows.with_columns(bid=pl.col("bid").replace(0.0, None)),
        rows.with_columns(bid=pl.col("bid").replace(0.0, math.nan)),
    )
    zero, *others = (chain_vix(judge_quotes(it, TODAY), RATE)["SPY"] for it in (rows, *unsaid))
    assert others == [zero, zero]


def test_an_option_that_is_offered_for_nothing_is_not_quoted() -> None:
    """Both sides 0 at a far strike: call and put "cost the same" there, and mean nothing."""
    rows = chain(Truth(days=(23, 37)))
    expiries = rows["expiry"].unique()
    empty = frame(
        option(strike=90.0, right=right, expiry=expiry, bid=0.0, ask=0.0)
        for expiry in expiries
        for right in "CP"
    )
    both, alone = (judge_quotes(it, TODAY) for it in (pl.concat([rows, empty]), rows))
    assert chain_vix(both, RATE) == chain_vix(alone, RATE)
