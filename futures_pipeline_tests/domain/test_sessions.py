"""Session labels, anchors and open time. Source: QUANT_SPEC 1.1 and 1.4."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.errors import CalendarError
from futures_pipeline.domain.sessions import (
    Segment,
    Timetable,
    TradingCalendar,
    minute_floor,
    new_york,
    segment,
)

CALENDAR = load_calendar(date(2014, 1, 1), date(2026, 12, 31))
TIMETABLES = [CALENDAR.globex, CALENDAR.regular, CALENDAR.extended]
MOMENTS = st.datetimes(datetime(2014, 1, 3), datetime(2026, 12, 30)).map(  # noqa: DTZ001 - made aware here
    lambda naive: naive.replace(tzinfo=UTC)
)

# t and A(t) in New York, e_d in Globex-open hours.
ANCHORS = [
    (new_york(date(2025, 1, 15), 9, 15), new_york(date(2025, 1, 14), 16), 16.25),
    (new_york(date(2025, 1, 15), 16), new_york(date(2025, 1, 14), 16), 23.0),
    (new_york(date(2025, 1, 14), 18, 30), new_york(date(2025, 1, 14), 16), 1.5),
    (new_york(date(2025, 1, 13), 9, 15), new_york(date(2025, 1, 10), 16), 16.25),
    (new_york(date(2025, 1, 12), 18, 30), new_york(date(2025, 1, 10), 16), 1.5),
    (new_york(date(2025, 1, 20), 12, 59), new_york(date(2025, 1, 17), 16), 19 + 59 / 60),
    (new_york(date(2025, 1, 21), 9, 15), new_york(date(2025, 1, 17), 16), 35.25),
    (new_york(date(2025, 1, 10), 9, 15), new_york(date(2025, 1, 8), 16), 31.75),
]


@pytest.mark.parametrize(("moment", "anchor", "elapsed"), ANCHORS)
def test_anchor_and_elapsed_hours(
    calendar: TradingCalendar, moment: datetime, anchor: datetime, elapsed: float
) -> None:
    assert calendar.anchor(moment) == anchor
    assert calendar.elapsed_hours(moment) == pytest.approx(elapsed, abs=1e-9)


def test_the_anchor_follows_a_shortened_day(calendar: TradingCalendar) -> None:
    assert calendar.anchor(new_york(date(2024, 12, 2), 9)) == new_york(date(2024, 11, 29), 13)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (new_york(date(2025, 1, 14), 16, 59), date(2025, 1, 14)),
        (new_york(date(2025, 1, 14), 17), date(2025, 1, 15)),  # the pause is the next session's
        (new_york(date(2025, 1, 14), 18), date(2025, 1, 15)),
        (new_york(date(2025, 1, 11), 12), date(2025, 1, 13)),  # Saturday
        (new_york(date(2025, 1, 20), 14), date(2025, 1, 21)),  # after the holiday's early close
        (new_york(date(2025, 1, 9), 9, 30), date(2025, 1, 10)),
        (new_york(date(2025, 4, 18), 12), date(2025, 4, 21)),  # closed Good Friday
        (datetime(2026, 3, 8, 22, 30, tzinfo=UTC), date(2026, 3, 9)),  # Sunday, EDT from today
    ],
)
def test_session_date(calendar: TradingCalendar, moment: datetime, expected: date) -> None:
    assert calendar.session_date(moment) == expected


def test_a_session_is_half_open(calendar: TradingCalendar) -> None:
    open_, close = new_york(date(2025, 1, 14), 18), new_york(date(2025, 1, 15), 17)
    just = timedelta(microseconds=1)
    readings = [calendar.globex.is_open(m) for m in (open_ - just, open_, close - just, close)]
    assert readings == [False, True, True, False]


def test_sessions_are_found_by_date(calendar: TradingCalendar) -> None:
    globex = calendar.globex
    week = globex.between(date(2025, 1, 11), date(2025, 1, 17))
    assert [s.session_date.day for s in week] == [13, 14, 15, 16, 17]
    assert globex.before(date(2025, 1, 18), 5) == week
    assert globex.sessions_apart(date(2025, 1, 10), date(2025, 1, 17)) == 5


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [
        (18, 0, Segment.ASIA),
        (2, 59, Segment.ASIA),
        (3, 0, Segment.EUROPE),
        (9, 29, Segment.EUROPE),
        (9, 30, Segment.US),
        (15, 59, Segment.US),
        (16, 0, Segment.LATE),
        (17, 0, None),
        (17, 59, None),
    ],
)
def test_segments(hour: int, minute: int, expected: Segment | None) -> None:
    assert segment(new_york(date(2025, 7, 15), hour, minute)) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (new_york(date(2025, 1, 15), 3, 59), False),
        (new_york(date(2025, 1, 15), 4), True),
        (new_york(date(2025, 1, 15), 9, 29), True),
        (new_york(date(2025, 1, 15), 9, 30), False),
        (new_york(date(2025, 1, 20), 8), False),  # NYSE is shut
        (new_york(date(2025, 1, 12), 8), False),  # Sunday
    ],
)
def test_premarket(calendar: TradingCalendar, moment: datetime, expected: bool) -> None:
    assert calendar.is_premarket(moment) is expected


def test_naive_times_are_refused(calendar: TradingCalendar) -> None:
    naive = datetime(2025, 1, 15, 12)  # noqa: DTZ001 - what is tested
    aware = naive.replace(tzinfo=UTC)
    calls = (
        lambda: calendar.session_date(naive),
        lambda: calendar.anchor(naive),
        lambda: calendar.elapsed_hours(naive),
        lambda: calendar.is_premarket(naive),
        lambda: calendar.globex.at(naive),
        lambda: calendar.globex.is_open(naive),
        lambda: calendar.globex.open_seconds(naive, aware),
        lambda: calendar.globex.open_seconds(aware, naive),
        lambda: segment(naive),
    )
    for call in calls:
        with pytest.raises(ValueError, match="needs an aware datetime"):
            call()


@pytest.mark.parametrize("year", [2013, 2027])
def test_a_moment_outside_the_calendar_is_refused(calendar: TradingCalendar, year: int) -> None:
    with pytest.raises(CalendarError, match="load a wider calendar"):
        calendar.session_date(datetime(year, 6, 2, tzinfo=UTC))


def test_the_first_session_has_no_anchor(calendar: TradingCalendar) -> None:
    first = calendar.globex.sessions[0]
    with pytest.raises(CalendarError, match="no NYSE session before"):
        calendar.anchor(first.opens_at)


def test_minute_floor() -> None:
    at = datetime(2025, 1, 15, 12, 34, 56, 789, tzinfo=UTC)
    assert minute_floor(at) == datetime(2025, 1, 15, 12, 34, tzinfo=UTC)


@given(MOMENTS, MOMENTS)
def test_session_date_never_goes_back(one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    assert CALENDAR.session_date(earlier) <= CALENDAR.session_date(later)


@given(st.sampled_from(TIMETABLES), st.tuples(MOMENTS, MOMENTS, MOMENTS))
def test_open_time_adds_up_and_is_never_negative(
    market: Timetable, moments: tuple[datetime, datetime, datetime]
) -> None:
    a, b, c = sorted(moments)
    first, second = market.open_seconds(a, b), market.open_seconds(b, c)
    assert first >= 0.0
    assert first <= (b - a).total_seconds()
    assert first + second == pytest.approx(market.open_seconds(a, c), abs=1e-5)
    assert market.open_seconds(c, a) == pytest.approx(-market.open_seconds(a, c))


@given(st.sampled_from(TIMETABLES), MOMENTS)
def test_at_is_the_session_around_a_moment_or_the_next(market: Timetable, moment: datetime) -> None:
    session = market.at(moment)
    contains = session.opens_at <= moment < session.closes_at
    assert contains is market.is_open(moment)
    if not contains:
        assert moment < session.opens_at
        before = market.before(session.session_date, 1)
        assert all(earlier.closes_at <= moment for earlier in before)
