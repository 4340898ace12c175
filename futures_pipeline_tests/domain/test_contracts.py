"""Expiries, names, front months and rolls. Source: QUANT_SPEC 2."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import (
    QUARTERLY_MONTHS,
    FuturesContract,
    contracts_to_collect,
    front_month,
    front_month_by_volume,
    local_symbol,
    parse_local_symbol,
    quarterly_expiry,
    roll_adjustment,
    roll_session,
    rule_contracts,
    third_friday,
)
from futures_pipeline.domain.errors import CalendarError, PipelineError
from futures_pipeline.domain.sessions import TradingCalendar

EXPIRY = date(2026, 3, 20)
ROLL = date(2026, 3, 16)
TENTH_BEFORE = date(2026, 3, 6)


def es(expiry: date) -> FuturesContract:
    return FuturesContract(expiry, "ES", local_symbol("ES", expiry), int(f"{expiry:%Y%m%d}"))


MARCH, JUNE = es(EXPIRY), es(date(2026, 6, 18))
LISTED = (JUNE, MARCH)


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(2025, 3, 21), (2026, 3, 20), (2026, 5, 15), (2026, 6, 19), (2024, 12, 20), (2024, 11, 15)],
)
def test_third_friday(year: int, month: int, day: int) -> None:
    assert third_friday(year, month) == date(year, month, day)


@pytest.mark.parametrize(
    ("year", "month", "expected"),
    [(2026, 3, EXPIRY), (2026, 6, date(2026, 6, 18)), (2025, 3, date(2025, 3, 21))],
)
def test_expiry_moves_ahead_of_an_nyse_holiday(
    calendar: TradingCalendar, year: int, month: int, expected: date
) -> None:
    assert quarterly_expiry(year, month, calendar.regular) == expected


def test_contract_month_is_written_as_the_broker_does() -> None:
    assert MARCH.contract_month == "202603"


@given(
    st.sampled_from(["ES", "NQ", "RTY", "M2K"]),
    st.integers(2016, 2030),
    st.sampled_from(QUARTERLY_MONTHS),
    st.integers(-4, 5),
)
def test_names_round_trip_from_five_years_before_expiry_to_four_after(
    symbol: str, year: int, month: int, years_early: int
) -> None:
    name = local_symbol(symbol, third_friday(year, month))
    assert parse_local_symbol(name, date(year - years_early, 6, 1)) == (symbol, year, month)


@pytest.mark.parametrize("text", ["", "ES", "ESM5-ESU5", "ESA5", "esh6", "ESH26", "ESH6\n", "SPY"])
def test_other_names_are_no_contracts(text: str) -> None:
    assert parse_local_symbol(text, ROLL) is None


def test_the_next_contract_leads_from_the_monday_of_expiry_week(calendar: TradingCalendar) -> None:
    assert roll_session(EXPIRY, calendar.globex) == ROLL
    assert front_month(LISTED, date(2026, 3, 13), calendar.globex) == MARCH
    assert front_month(LISTED, ROLL, calendar.globex) == JUNE


def test_an_expiry_outside_the_calendar_is_refused(calendar: TradingCalendar) -> None:
    with pytest.raises(CalendarError, match="2031-03-21"):
        roll_session(date(2031, 3, 21), calendar.globex)


def test_an_override_wins_over_the_rule(calendar: TradingCalendar) -> None:
    assert front_month(LISTED, ROLL, calendar.globex, override="ESH6") == MARCH
    with pytest.raises(PipelineError, match="ESZ9"):
        front_month(LISTED, ROLL, calendar.globex, override="ESZ9")


def test_without_a_contract_left_the_message_names_what_is_listed(
    calendar: TradingCalendar,
) -> None:
    with pytest.raises(PipelineError, match=r"ESH6, need one that has not rolled"):
        front_month([MARCH], ROLL, calendar.globex)
    with pytest.raises(PipelineError, match="are none"):
        front_month([], ROLL, calendar.globex)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 5), (MARCH,)),
        (TENTH_BEFORE, (MARCH, JUNE)),
        (date(2026, 3, 13), (MARCH, JUNE)),
        (ROLL, (JUNE,)),
    ],
)
def test_both_contracts_are_collected_from_ten_sessions_before_expiry(
    calendar: TradingCalendar, day: date, expected: tuple[FuturesContract, ...]
) -> None:
    assert calendar.globex.sessions_apart(TENTH_BEFORE, EXPIRY) == 10
    assert contracts_to_collect(LISTED, day, calendar.globex) == expected


def crossing(*days: date) -> dict[tuple[date, str], float]:
    """Volumes in which the next contract trades more on ``days``."""
    return {
        (day, name): volume for day in days for name, volume in (("ESH6", 100.0), ("ESM6", 200.0))
    }


@pytest.mark.parametrize(
    ("day", "volume", "expected"),
    [
        (date(2026, 3, 10), crossing(date(2026, 3, 9)), JUNE),
        (date(2026, 3, 9), crossing(date(2026, 3, 9)), MARCH),  # that session is not complete
        (date(2026, 3, 12), crossing(date(2026, 3, 9)), JUNE),  # and never back
        (date(2026, 3, 5), crossing(date(2026, 3, 4)), MARCH),  # over ten sessions before
        (date(2026, 3, 13), {}, MARCH),  # unknown volume decides nothing
        (date(2026, 3, 13), {(date(2026, 3, 9), "ESM6"): 5.0}, MARCH),
        (ROLL, {}, JUNE),  # never later than the Monday
    ],
)
def test_the_volume_roll_keeps_its_bounds(
    calendar: TradingCalendar,
    day: date,
    volume: dict[tuple[date, str], float],
    expected: FuturesContract,
) -> None:
    assert front_month_by_volume(LISTED, day, calendar.globex, volume) == expected


@given(st.sets(st.integers(0, 25)), st.integers(0, 25))
def test_the_volume_roll_is_never_early_or_late(days: set[int], at: int) -> None:
    globex = load_calendar(date(2014, 1, 1), date(2026, 12, 31)).globex
    sessions = [s.session_date for s in globex.between(date(2026, 2, 16), EXPIRY)]
    day = sessions[min(at, len(sessions) - 1)]
    volume = crossing(*(sessions[index] for index in days if index < len(sessions)))
    front = front_month_by_volume(LISTED, day, globex, volume)
    assert front == MARCH or day >= TENTH_BEFORE
    assert front == JUNE or day < ROLL


def test_without_a_next_contract_the_volume_roll_stays(calendar: TradingCalendar) -> None:
    assert front_month_by_volume([JUNE], ROLL, calendar.globex, {}) == JUNE


def test_roll_adjustment() -> None:
    adjustment = roll_adjustment(4780.50, 4832.25)
    assert adjustment.ratio == pytest.approx(1.0108252, abs=5e-8)
    assert adjustment.difference_points == 51.75


def test_rule_contracts(calendar: TradingCalendar) -> None:
    rows = rule_contracts("ES", date(2026, 1, 1), date(2026, 9, 1), calendar)
    assert rows == [("ESH6", EXPIRY), ("ESM6", date(2026, 6, 18))]
