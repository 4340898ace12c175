"""Recorded chains through cleaning and statistics: what is refused, and what is left."""

import os
import sys
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.analytics.options import checks
from futures_pipeline.analytics.options.cleaning import (
    OptionDay,
    judge_quotes,
    refusals,
)
from futures_pipeline.analytics.options.closing_numbers import closing_chain
from futures_pipeline.analytics.options.derived_statistics import (
    SCHEMA,
    Background,
    derived_statistics,
)
from futures_pipeline.analytics.options.term_structure import smiles

REPOSITORY = Path(__file__).parents[3]
SAME_DAY, MANY_EXPIRIES = "spy_0dte_chain_5min_2026.parquet", "etf_option_chain_eod_2026_08.parquet"
VIX = "vix_daily.parquet"
SYMBOLS = ["IWM", "QQQ", "SPY"]
RATE = 0.04
MISSING = [pl.lit(None, pl.Float64).alias(name) for name in ("delta", "gamma", "vega", "theta")]
CLOSES = {"symbol": pl.String, "date": pl.Date, "close": pl.Float64, "dividend": pl.Float64}


def recorded(name: str) -> pl.DataFrame:
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("FUTURES_PIPELINE_RECORDED_DATA", default))
    if not (folder / name).is_file():
        pytest.skip(f"{name} is not in {folder}; see FUTURES_PIPELINE_RECORDED_DATA")
    return pl.read_parquet(folder / name)


@pytest.fixture(scope="module")
def same_day() -> pl.DataFrame:
    """Return five-minute chains of options on the day they expire."""
    rows = recorded(SAME_DAY).with_columns(right=pl.col("type").cast(pl.String))
    name = pl.format("SPY{}{}{}", pl.col("expiry"), "right", "strike")
    return rows.with_columns(
        contract=name, round_at="ts_utc", timestamp="ts_utc", received_at="fetched_ts_utc"
    )


@pytest.fixture(scope="module")
def many_expiries() -> pl.DataFrame:
    """Return chains up to 90 days on six days, quoted in the morning of the next session."""
    rows = recorded(MANY_EXPIRIES)
    return rows.select(
        "symbol",
        "expiry",
        "strike",
        "bid",
        "ask",
        "volume",
        pl.col("type").cast(pl.String).alias("right"),
        *MISSING,
        contract="contractSymbol",
        round_at="ts_utc",
        timestamp="ts_utc",
        received_at="ts_utc",
        open_interest="openInterest",
        iv="impliedVolatility",
        underlying_price="spot_live",
    )


def test_same_day_options_are_all_refused_and_counted(same_day: pl.DataFrame) -> None:
    judged = pl.concat(judge_quotes(rows, day) for (day,), rows in same_day.group_by("expiry"))
    counted = refusals(judged)
    show(counted)
    assert counted.rows() == [
        ("SPY", "expires_within_7_days", 159_679),
        ("SPY", "no_bid", 69_534),
        ("SPY", "wide_spread", 23_459),
        ("SPY", "locked", 34),
        ("SPY", "crossed", 4),
    ]
    assert counted["rows"].sum() == same_day.height


def test_refusals_of_six_days(many_expiries: pl.DataFrame) -> None:
    """Judged by the session the quotes are of, the next one, not by the file's."""
    chains = [closing_chain(rows, day) for day, rows in by_day(many_expiries)]
    counted = refusals(pl.concat(chain.judged for chain in chains))
    show(counted)
    by_reason = dict(counted.group_by("reason").agg(pl.col("rows").sum()).iter_rows())
    assert by_reason == REFUSED
    clean = sum(chain.valued.height for chain in chains)
    assert clean + sum(by_reason.values()) == many_expiries.height == 73_763


REFUSED = {
    "expires_within_7_days": 11_612,
    "no_bid": 6_525,
    "wide_spread": 4_010,
    "below_intrinsic": 1_573,
    "locked": 22,
}


def show(frame: pl.DataFrame) -> None:
    """Print a whole table, for ``pytest -s``."""
    with pl.Config(tbl_rows=-1, tbl_cols=-1):
        sys.stdout.write(f"{frame}\n")


def by_day(rows: pl.DataFrame) -> list[tuple[OptionDay, pl.DataFrame]]:
    return [
        (OptionDay(at.date(), at, RATE), rows.filter(timestamp=at))
        for at in rows["timestamp"].unique().sort()
    ]


def statistics(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the statistics of each day, without history."""

    def past(day: date) -> Background:
        return Background([day], pl.DataFrame(schema=CLOSES), pl.DataFrame(schema=SCHEMA), None)

    found = [
        derived_statistics(chain, day, SYMBOLS, past(day.session_date), day.closes_at)
        for day, chain in by_day(rows)
    ]
    return pl.concat(found)


def test_computed_volatilities_agree_with_vix(many_expiries: pl.DataFrame) -> None:
    """SPY's strip of the morning is within 0.8 points of the close of VIX that day."""
    bare = many_expiries.with_columns(iv=pl.lit(None, pl.Float64))
    found = statistics(bare)
    show(found.select("symbol", "date", "iv_atm_30d", "skew_25d", "vix_chain", "n_clean"))
    vix = recorded(VIX).filter(symbol="VIX").group_by("date").agg(pl.col("close").median())
    spy = found.filter(symbol="SPY").join(vix, on="date")
    assert spy.height == 6
    assert (spy["vix_chain"] - spy["close"]).abs().max() < 0.8
    # At the money lies below the strip, by the skew; small companies move more than large.
    assert (spy["iv_atm_30d"] * 100 < spy["vix_chain"]).all()
    assert set(found["greeks_source"]) == {"computed"}
    assert set(found["quality"]) == {"good"}
    atm = found.pivot("symbol", index="date", values="iv_atm_30d")
    assert (atm["SPY"] < atm["IWM"]).all()
    assert (atm["IWM"] < atm["QQQ"]).all()


def test_the_recorded_volatilities_show_as_calendar_arbitrage(many_expiries: pl.DataFrame) -> None:
    """The vendor's own volatilities break what those computed from its quotes keep."""

    def falls(rows: pl.DataFrame) -> int:
        chains = (closing_chain(chain, day) for day, chain in by_day(rows))
        return sum(len(checks.variance_falls(smiles(chain.valued))) for chain in chains)

    assert falls(many_expiries) == 4
    assert falls(many_expiries.with_columns(iv=pl.lit(None, pl.Float64))) == 0


def test_the_day_with_stale_quotes_misses_parity(many_expiries: pl.DataFrame) -> None:
    found = {
        day.session_date: checks.parity_breaches(closing_chain(rows, day).judged, RATE)
        for day, rows in by_day(many_expiries)
    }
    assert [day for day, breaches in found.items() if breaches.height] == [date(2026, 8, 21)]


def test_every_quote_is_of_the_next_session() -> None:
    """The file's session would put the quotes a day, or a weekend, too early."""
    sessions = recorded(MANY_EXPIRIES).select("session", "ts_utc").unique()
    for session, at in sessions.iter_rows():
        assert isinstance(at, datetime)
        assert session < at.date()
