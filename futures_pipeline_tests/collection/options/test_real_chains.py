"""The choice of contracts on real chains: what QUANT_SPEC 7 needs is asked for."""

import math
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.collection.options.chains import (
    Money,
    chosen_expiries,
    chosen_strikes,
    years_to_expiry,
)

REPOSITORY = Path(__file__).parents[3]
FILE = "etf_option_chain_eod_2026_08.parquet"


@pytest.fixture(scope="module")
def chains() -> pl.DataFrame:
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("FUTURES_PIPELINE_RECORDED_DATA", default))
    if not (folder / FILE).is_file():
        pytest.skip(f"{FILE} is not in {folder}; see FUTURES_PIPELINE_RECORDED_DATA")
    return pl.read_parquet(folder / FILE).filter(pl.col("bid") > 0)


@pytest.mark.parametrize("symbol", ["SPY", "QQQ", "IWM"])
def test_the_smile_at_thirty_days_is_asked_for(chains: pl.DataFrame, symbol: str) -> None:
    """On each day: 30 days are bracketed, the money too, and out-of-the-money wings to 5 delta."""
    for (session,), day in chains.filter(symbol=symbol).group_by("session"):
        expiries = chosen_expiries(day["expiry"], session)
        ahead = [(expiry - session).days for expiry in expiries]
        assert any(7 <= days <= 30 for days in ahead)
        assert any(30 <= days <= 60 for days in ahead)
        assert len(expiries) <= 7
        price = day["spot_live"][0]
        now = datetime(session.year, session.month, session.day, 18, 0, tzinfo=UTC)
        for expiry in (it for it in expiries if (it - session).days <= 45):
            quotes = day.filter(expiry=expiry)
            years = years_to_expiry(expiry, now)
            strikes = chosen_strikes(quotes["strike"], Money(price, at_the_money(quotes)), years)
            assert strikes[0] < price < strikes[-1]
            put = delta(quotes.filter(type="P"), strikes[0], price, years)
            call = delta(quotes.filter(type="C"), strikes[-1], price, years)
            assert 1 - put < 0.08, (session, expiry)
            assert call < 0.08, (session, expiry)
            assert 8 <= len(strikes) <= 12


def at_the_money(quotes: pl.DataFrame) -> float:
    """Return the quoted volatility of the strike nearest to the money."""
    away = (pl.col("strike") - pl.col("spot_live")).abs()
    return float(quotes.filter(away == away.min())["impliedVolatility"].mean())


def delta(quotes: pl.DataFrame, strike: float, price: float, years: float) -> float:
    """Return the call delta at a strike, by the volatility quoted nearest to it."""
    nearest = quotes.sort((pl.col("strike") - strike).abs())
    deviation = nearest["impliedVolatility"][0] * math.sqrt(years)
    d1 = math.log(price / strike) / deviation + deviation / 2
    return 0.5 * math.erfc(-d1 / math.sqrt(2))
