"""The calendar against what the exchange did. Source: QUANT_SPEC 1.1 and 1.2."""

import logging
from datetime import UTC, date, datetime, time, timedelta

import pytest

from futures_pipeline.domain.calendar import (
    calendar_for,
    load_calendar,
    unreviewed_good_fridays,
)
from futures_pipeline.domain.sessions import NEW_YORK, TradingCalendar, new_york

CLOSES = [
    (date(2024, 1, 15), time(13)),  # Martin Luther King day
    (date(2025, 1, 20), time(13)),
    (date(2024, 6, 19), time(13)),  # Juneteenth
    (date(2024, 7, 3), time(13, 15)),
    (date(2024, 7, 4), time(13)),
    (date(2024, 11, 28), time(13)),  # Thanksgiving
    (date(2024, 11, 29), time(13, 15)),
    (date(2026, 11, 27), time(13, 15)),
    (date(2025, 1, 9), time(9, 30)),  # national day of mourning
    (date(2015, 4, 3), time(9, 15)),  # Good Fridays with the payroll release
    (date(2023, 4, 7), time(9, 15)),
    (date(2026, 4, 3), time(9, 15)),
    (date(2025, 1, 15), time(17)),
]
ABSENT = [
    date(2025, 12, 25),
    date(2026, 1, 1),
    date(2024, 3, 29),  # Good Fridays without one
    date(2025, 4, 18),
    date(2025, 1, 18),  # a Saturday
]


@pytest.mark.parametrize(("day", "close"), CLOSES)
def test_globex_closes_when_the_exchange_did(
    calendar: TradingCalendar, day: date, close: time
) -> None:
    session = calendar.globex.on(day)
    assert session is not None
    assert session.closes_at == new_york(day, close.hour, close.minute)


@pytest.mark.parametrize("day", ABSENT)
def test_a_closed_day_has_no_session(calendar: TradingCalendar, day: date) -> None:
    assert calendar.globex.on(day) is None


@pytest.mark.parametrize(
    ("holiday", "next_session"),
    [
        (date(2025, 1, 20), date(2025, 1, 21)),
        (date(2025, 1, 9), date(2025, 1, 10)),
        (date(2025, 12, 25), date(2025, 12, 26)),
        (date(2026, 1, 1), date(2026, 1, 2)),
    ],
)
def test_globex_reopens_on_the_evening_of_the_holiday(
    calendar: TradingCalendar, holiday: date, next_session: date
) -> None:
    session = calendar.globex.on(next_session)
    assert session is not None
    assert session.opens_at == new_york(holiday, 18)


def test_a_session_opens_the_evening_before_its_date(calendar: TradingCalendar) -> None:
    for session in calendar.globex.sessions:
        eve = session.session_date - timedelta(days=1)
        assert session.opens_at == new_york(eve, 18)


def test_every_full_session_lasts_23_hours_also_around_clock_changes(
    calendar: TradingCalendar,
) -> None:
    full = [
        session
        for session in calendar.globex.sessions
        if session.closes_at.astimezone(NEW_YORK).time() == time(17)
    ]
    assert len(full) > 3000
    assert {session.minutes for session in full} == {23 * 60}


@pytest.mark.parametrize(
    ("day", "open_hour"),
    [
        (date(2025, 1, 15), 23),
        (date(2025, 3, 7), 23),
        (date(2025, 3, 10), 22),  # the Monday after the clocks went forward
        (date(2025, 7, 15), 22),
        (date(2025, 10, 31), 22),
        (date(2025, 11, 3), 23),  # the Monday after they went back
    ],
)
def test_only_the_utc_hour_of_the_open_moves(
    calendar: TradingCalendar, day: date, open_hour: int
) -> None:
    session = calendar.globex.on(day)
    assert session is not None
    assert session.opens_at == datetime.combine(day - timedelta(days=1), time(open_hour), UTC)


def test_nyse_is_shut_on_holidays_that_globex_trades(calendar: TradingCalendar) -> None:
    for day in (date(2025, 1, 9), date(2025, 1, 20), date(2024, 6, 19), date(2026, 4, 3)):
        assert calendar.regular.on(day) is None
        assert calendar.extended.on(day) is None


def test_extended_hours_end_early_on_shortened_days(calendar: TradingCalendar) -> None:
    black_friday, ordinary = date(2024, 11, 29), date(2025, 1, 15)
    for day, regular_close, extended_close in ((black_friday, 13, 17), (ordinary, 16, 20)):
        regular, extended = calendar.regular.on(day), calendar.extended.on(day)
        assert regular is not None
        assert extended is not None
        assert regular.opens_at == new_york(day, 9, 30)
        assert regular.closes_at == new_york(day, regular_close)
        assert extended.opens_at == new_york(day, 4)
        assert extended.closes_at == new_york(day, extended_close)


def test_a_good_friday_nobody_reviewed_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_calendar(date(2034, 1, 1), date(2034, 12, 31))
    assert "good_friday_not_reviewed date=2034-04-07" in caplog.text


@pytest.mark.parametrize(
    ("good_friday", "close"),
    [(date(2027, 3, 26), None), (date(2034, 4, 7), time(9, 15))],
)
def test_a_good_friday_nobody_reviewed_opens_only_on_a_first_friday(
    good_friday: date, close: time | None
) -> None:
    span = (date(good_friday.year, 1, 1), date(good_friday.year, 12, 31))
    session = load_calendar(*span).globex.on(good_friday)
    assert (session and session.closes_at.astimezone(NEW_YORK).time()) == close


def test_reviewed_years_and_years_outside_the_span_are_not_reported() -> None:
    assert unreviewed_good_fridays(date(2015, 1, 1), date(2026, 12, 31), [2024, 2025, 2026]) == []
    assert unreviewed_good_fridays(date(2024, 1, 1), date(2024, 3, 28), []) == []
    assert unreviewed_good_fridays(date(2024, 1, 1), date(2024, 12, 31), []) == [date(2024, 3, 29)]


def test_the_calendar_of_a_moment_reaches_past_the_next_year() -> None:
    sessions = calendar_for(datetime(2025, 12, 31, tzinfo=UTC)).globex.sessions
    assert sessions[-1].session_date == date(2026, 12, 31)
