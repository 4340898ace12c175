"""Pairs whose time stamps are shifted, and pairs that do not belong together."""

from datetime import timedelta

import polars as pl
import pytest

from futures_pipeline.analytics.quality import (
    end_labelled,
    misaligned_pairs,
    pair_correlations,
    regular_hours,
    uncorrelated_pairs,
)
from futures_pipeline_tests.analytics.quality.planted import (
    CALENDAR,
    HOURS,
    MINUTE,
    OPEN,
    SESSION,
    bars,
    noise,
)
from futures_pipeline_tests.analytics.recorded import RECORDED

INDEX, OWN = noise(1), noise(2) * 0.2


def correlations(spot: pl.DataFrame) -> pl.DataFrame:
    return pair_correlations(pl.concat([bars("ES", INDEX, "ESH5"), spot]), HOURS)


def test_a_pair_that_moves_together_is_sound() -> None:
    found = correlations(bars("SPY", INDEX + OWN))

    same = found.filter(lead_minutes=0).row(0, named=True)
    assert same["correlation"] > 0.9
    assert same["pairs"] == 389
    assert misaligned_pairs(found).is_empty()
    assert uncorrelated_pairs(found).is_empty()


@pytest.mark.parametrize("minutes", [-2, -1, 1, 2])
def test_time_stamps_shifted_by_a_minute_or_two_are_found(minutes: int) -> None:
    found = correlations(bars("SPY", INDEX + OWN, start=OPEN + MINUTE * minutes))

    shifted = misaligned_pairs(found).row(0, named=True)
    assert (shifted["session_date"], shifted["subject"]) == (SESSION, "ES-SPY")
    assert shifted["measured"] == minutes
    assert f"taken {minutes} min earlier" in shifted["says"]
    assert uncorrelated_pairs(found).height == 1


def test_a_stranger_is_no_pair() -> None:
    found = correlations(bars("SPY", noise(3)))

    assert uncorrelated_pairs(found)["subject"].to_list() == ["ES-SPY"]
    assert misaligned_pairs(found).is_empty()


def test_a_fault_of_another_contract_of_the_future_does_not_count() -> None:
    thin = bars("ES", noise(4), "ESM5").with_columns(volume=pl.lit(1.0))
    both = pl.concat([bars("ES", INDEX, "ESH5"), thin, bars("SPY", INDEX + OWN)])

    assert uncorrelated_pairs(pair_correlations(both, HOURS)).is_empty()


def test_a_gap_removes_pairs_and_shifts_nothing() -> None:
    holed = (
        bars("SPY", INDEX + OWN)
        .gather_every(3, offset=1)
        .vstack(bars("SPY", INDEX + OWN).gather_every(3))
    )
    found = correlations(holed)

    assert found.filter(lead_minutes=0)["pairs"].item() == 130
    assert misaligned_pairs(found).is_empty()


def test_too_few_pairs_say_nothing() -> None:
    found = correlations(bars("SPY", noise(3))[:50])
    assert uncorrelated_pairs(found).is_empty()


def recorded(file: str, symbol: str, late_minutes: int = 0) -> pl.DataFrame:
    """Return a file's bars, labelled so many minutes later than they were recorded."""
    path = RECORDED / f"{file}.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market data at {path}")
    rows = pl.read_parquet(path).filter(symbol=symbol)
    start = pl.col("ts_utc").cast(pl.Datetime("us", "UTC")) + timedelta(minutes=late_minutes)
    trade_date = start.dt.convert_time_zone("America/New_York").dt.offset_by("6h").dt.date()
    contract = pl.col("contract") if "contract" in rows.columns else pl.col("symbol")
    return rows.select(
        "symbol",
        "close",
        contract=contract,
        ts_start=start,
        ts_end=start + MINUTE,
        volume=pl.col("volume").cast(pl.Float64),
        session_date=trade_date,
    )


def recorded_pair(late_minutes: int) -> pl.DataFrame:
    legs = [
        recorded("es_front_1m_2024_2025", "ES").drop("ts_start"),
        recorded("spy_1m_2024_2025", "SPY", late_minutes).drop("ts_start"),
    ]
    both = pl.concat(legs)
    hours = regular_hours(CALENDAR.regular, both["session_date"].unique().sort().to_list())
    return pair_correlations(both, hours)


def test_sixty_recorded_sessions_are_sound() -> None:
    found = recorded_pair(0)

    assert found["session_date"].n_unique() == 60
    assert misaligned_pairs(found).is_empty()
    assert uncorrelated_pairs(found).is_empty()


def test_recorded_bars_labelled_by_their_end_are_found_in_every_session() -> None:
    assert misaligned_pairs(recorded_pair(1)).height == 60


def test_the_recorded_file_with_end_labels_is_found_without_a_future_beside_it() -> None:
    rows = recorded("etf_vix_1m_2019_02_endlabel", "SPY")
    hours = regular_hours(CALENDAR.regular, rows["session_date"].unique().to_list())

    assert end_labelled(rows, hours)["session_date"].n_unique() == 5
    start_labelled = recorded("etf_vix_1m_2019_02_endlabel", "SPY", late_minutes=-1)
    assert end_labelled(start_labelled, hours).is_empty()
