"""Open time and session labels of columns equal those of the scalar calendar."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.market_time import (
    UTC_TIME,
    OpenTime,
    market_hours,
    microseconds,
    session_table,
    with_session,
    without_pauses,
)
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.errors import CalendarError
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Timetable, TradingCalendar, new_york

CALENDAR = load_calendar(date(2024, 1, 1), date(2025, 12, 31))
MINUTE = timedelta(minutes=1)
TIMETABLES = [CALENDAR.globex, CALENDAR.regular, CALENDAR.extended]
FIRST, LAST = datetime(2024, 1, 3, tzinfo=UTC), datetime(2025, 12, 30, tzinfo=UTC)
# Whole minutes meet the edges of sessions; microseconds fall between them.
STEPS = st.integers(0, int((LAST - FIRST) / timedelta(minutes=1))).map(
    lambda minutes: FIRST + timedelta(minutes=minutes)
)
MOMENTS = st.lists(
    st.builds(lambda at, us: at + timedelta(microseconds=us), STEPS, st.integers(-1, 1)),
    min_size=2,
    max_size=20,
)


def column(moments: list[datetime]) -> pl.Series:
    return pl.Series("timestamp", moments, dtype=UTC_TIME)


@given(st.sampled_from(TIMETABLES), MOMENTS)
def test_open_time_equals_open_seconds(market: Timetable, moments: list[datetime]) -> None:
    readings = OpenTime(market).at(microseconds(column(moments))).tolist()
    for moment, reading in zip(moments[1:], readings[1:], strict=True):
        expected = market.open_seconds(moments[0], moment)
        assert (reading - readings[0]) / 1e6 == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("market", TIMETABLES, ids=lambda market: market.name)
def test_open_time_stands_still_outside_the_calendar(market: Timetable) -> None:
    start, end = market.sessions[0].opens_at, market.sessions[-1].closes_at
    day = timedelta(days=9)
    readings = (
        OpenTime(market).at(microseconds(column([start - day, start, end, end + day]))).tolist()
    )
    total = sum((s.closes_at - s.opens_at).total_seconds() for s in market.sessions)
    assert readings == [0, 0, total * 1e6, total * 1e6]


@given(MOMENTS)
def test_rows_carry_the_session_anchor_and_open_of_the_scalar_calendar(
    moments: list[datetime],
) -> None:
    dates = [s.session_date for s in CALENDAR.globex.sessions[1:]]
    rows = with_session(column(moments).to_frame(), session_table(CALENDAR, dates))
    assert rows["timestamp"].to_list() == sorted(moments)
    for row in rows.iter_rows(named=True):
        at, day = row["timestamp"], row["session_date"]
        regular = CALENDAR.regular.on(day)
        just_before = at - timedelta(microseconds=1)  # a close belongs to what closes
        assert day == CALENDAR.session_date(just_before)
        assert row["anchor_at"] == CALENDAR.anchor(just_before)
        assert row["regular_open"] == (regular and regular.opens_at)


def test_only_the_sessions_asked_for_are_kept(calendar: TradingCalendar) -> None:
    before, close = new_york(date(2025, 1, 14), 17), new_york(date(2025, 1, 15), 17)
    moment = timedelta(microseconds=1)
    moments = [before, before + moment, close, close + moment]
    sessions = session_table(calendar, [date(2025, 1, 15), date(2025, 1, 18)])
    kept = with_session(column(moments).to_frame(), sessions)
    assert kept["timestamp"].to_list() == [before + moment, close]


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (date(2026, 3, 2), "load a wider calendar"),
        (date(2024, 1, 2), "no NYSE session before"),  # the first session has no anchor
    ],
)
def test_dates_outside_the_calendar_are_refused(
    calendar: TradingCalendar, day: date, message: str
) -> None:
    with pytest.raises(CalendarError, match=message):
        session_table(calendar, [day])


def test_market_hours(calendar: TradingCalendar) -> None:
    assert market_hours(Kind.FUTURE, calendar) is calendar.globex
    assert market_hours(Kind.ETF, calendar) is calendar.extended
    assert market_hours(Kind.INDEX, calendar) is calendar.regular


def test_pairs_trade_through_every_pause_under_the_session_that_follows(
    calendar: TradingCalendar,
) -> None:
    hours = market_hours(Kind.CRYPTO, calendar)
    first, last = calendar.globex.sessions[0], calendar.globex.sessions[-1]

    assert hours.open_seconds(first.opens_at, last.closes_at) == (
        last.closes_at - first.opens_at
    ) / timedelta(seconds=1)
    for session, globex in zip(hours.sessions, calendar.globex.sessions, strict=True):
        for moment in (session.opens_at, globex.opens_at, globex.closes_at - MINUTE):
            assert hours.is_open(moment)
            assert hours.at(moment).session_date == calendar.session_date(moment)


def test_sessions_without_pauses_have_none_to_lose(calendar: TradingCalendar) -> None:
    once = without_pauses(calendar.globex)

    assert without_pauses(once).sessions == once.sessions
