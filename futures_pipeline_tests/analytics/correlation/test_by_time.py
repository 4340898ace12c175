"""Correlation by hour, by part of the session and by pair. Source: QUANT_SPEC 3.6."""

from datetime import timedelta

import polars as pl
import pytest

from futures_pipeline.analytics.correlation.by_time import (
    correlation_by_hour,
    correlation_by_segment,
    correlation_matrix,
)
from futures_pipeline.analytics.returns.grid import RETURN_SCHEMA
from futures_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from futures_pipeline_tests.analytics.correlation.pairs import (
    changed_after,
    pair_frame,
    session_dates,
)


def test_a_planted_hour_is_found_where_it_was_planted(calendar: TradingCalendar) -> None:
    """Spot is the opposite of futures from 10:00 to 11:00 New York, and only there."""
    pairs = pair_frame(calendar, 22, 0.8)
    started = pl.col("at").dt.convert_time_zone(str(NEW_YORK)) - timedelta(minutes=1)
    planted = started.dt.hour() == 10
    opposite = pl.when(planted).then(-pl.col("return_futures")).otherwise("return_spot")
    found = correlation_by_hour(pairs.with_columns(return_spot=opposite), session_dates(pairs)[-1])
    by_hour = dict(found.select("hour", "correlation").iter_rows())
    assert by_hour.pop(10) == -0.999999
    assert by_hour.pop(17) is None
    assert list(by_hour.values()) == [pytest.approx(0.8, abs=0.05)] * 22
    assert found["sessions"].unique().to_list() == [20]
    assert found.filter(hour=9)["pairs"].item() == 20 * 60
    assert found.filter(hour=17)["reason"].item() == "fewer_than_30_pairs"


def test_a_thin_cell_is_masked_until_there_are_sessions_enough(calendar: TradingCalendar) -> None:
    """A return of one hour: a cell has one pair a session, and 30 are needed."""
    pairs = pair_frame(calendar, 36, 0.8, minutes=60)
    until = session_dates(pairs)[-1]
    few = correlation_by_hour(pairs, until)
    assert few["correlation"].null_count() == 24
    assert few.filter(hour=12)["pairs"].item() == 20
    more = correlation_by_hour(pairs, until, sessions=35)
    assert more["sessions"].unique().to_list() == [35]
    assert more.filter(hour=12)["correlation"].item() == pytest.approx(0.8, abs=0.2)


def test_parts_of_the_session_share_out_all_minutes(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 20, 0.8)
    found = correlation_by_segment(pairs, session_dates(pairs)[-1])
    counts = dict(found.select("segment", "pairs").iter_rows())
    shortened = 7 * 60  # on 20 January and on 17 February trading ends at 13:00
    assert counts["asia"] == 20 * 540
    assert counts["europe"] == 20 * 390
    assert 0 < 20 * 390 - counts["us"] <= shortened
    assert 0 < counts["late"] < 20 * 60
    assert sum(counts.values()) == pairs.height


def test_the_matrix_has_every_two_symbols_once(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 3, 0.7)
    until = session_dates(pairs)[-1]
    legs = [("ES", "return_futures"), ("SPY", "return_spot"), ("NQ", "return_futures")]
    front = pl.concat(
        pairs.select(
            pl.lit(symbol).alias("symbol"),
            pl.lit(symbol).alias("contract"),
            "session_date",
            "at",
            pl.lit(1.0).alias("price"),
            pl.lit("last").alias("price_source"),
            pl.lit(0.0).alias("age_seconds"),
            pl.col(column).alias("log_return"),
            pl.lit(True).alias("is_open"),
            pl.lit(False).alias("is_outlier"),
            pl.lit(False).alias("is_undone"),
            pl.lit(None, pl.String).alias("reason"),
        )
        for symbol, column in legs
    )
    assert front.schema == pl.Schema(RETURN_SCHEMA)
    found = correlation_matrix(front, ["ES", "SPY", "NQ", "GC"], until)
    by_pair = {
        (row[0], row[1]): row[2]
        for row in found.select("row_symbol", "column_symbol", "correlation").iter_rows()
    }
    assert len(by_pair) == 6
    assert by_pair["ES", "SPY"] == pytest.approx(0.7, abs=0.03)
    assert by_pair["ES", "NQ"] == 0.999999
    assert by_pair["NQ", "GC"] is None


def test_nothing_after_the_last_session_counts(calendar: TradingCalendar) -> None:
    pairs = pair_frame(calendar, 5, 0.5)
    until = session_dates(pairs)[3]
    moment = pairs.filter(session_date=until)["at"].max()
    for table in (correlation_by_hour, correlation_by_segment):
        assert table(pairs, until).equals(table(changed_after(pairs, moment), until))
