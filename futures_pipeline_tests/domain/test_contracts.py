"""Expiries, names, front months and rolls. Source: QUANT_SPEC 2."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import (
    QUARTERLY_MONTHS,
    FuturesContract,
    contracts_to_collect,
    front_month,
    local_symbol,
    overlap_start,
    parse_local_symbol,
    quarterly_expiry,
    roll_adjustment,
    roll_monday,
    roll_session,
    rule_contracts,
    third_friday,
)
from futures_pipeline.domain.errors import CalendarError, PipelineError
from futures_pipeline.domain.sessions import TradingCalendar, new_york

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


def test_an_expiry_moved_by_juneteenth_keeps_its_monday(calendar: TradingCalendar) -> None:
    """19 June 2026 is a Friday and a holiday: trading ends on Thursday, the roll is the 15th."""
    expiry = quarterly_expiry(2026, 6, calendar.regular)
    june, september = es(expiry), es(date(2026, 9, 18))
    globex = calendar.globex
    assert (expiry, roll_monday(expiry)) == (date(2026, 6, 18), date(2026, 6, 15))
    assert roll_session(expiry, globex) == date(2026, 6, 15)
    assert overlap_start(expiry, globex) == date(2026, 6, 4)
    days = [date(2026, 6, day) for day in (3, 4, 12, 15, 19)]
    both = (june, september)
    collected = [contracts_to_collect(both, day, globex) for day in days]
    assert collected == [(june,), both, both, (september,), (september,)]


def test_an_expiry_moved_by_good_friday() -> None:
    """21 March 2008 was Good Friday: the quarterly contracts expired on Thursday."""
    regular = load_calendar(date(2008, 1, 2), date(2008, 6, 30)).regular
    assert quarterly_expiry(2008, 3, regular) == date(2008, 3, 20)


@pytest.mark.parametrize(
    ("expiry", "monday", "roll"),
    [
        (date(2025, 1, 24), date(2025, 1, 20), date(2025, 1, 20)),  # a holiday with a session
        (date(2023, 12, 29), date(2023, 12, 25), date(2023, 12, 26)),  # Christmas: no session
    ],
)
def test_a_holiday_on_the_monday(
    calendar: TradingCalendar, expiry: date, monday: date, roll: date
) -> None:
    assert (roll_monday(expiry), roll_session(expiry, calendar.globex)) == (monday, roll)


@pytest.mark.parametrize(
    ("expiry", "opens_at"),
    [
        (date(2026, 3, 20), datetime(2026, 3, 15, 22, tzinfo=UTC)),  # summer time since the 8th
        (date(2025, 12, 19), datetime(2025, 12, 14, 23, tzinfo=UTC)),
        (date(2026, 6, 18), datetime(2026, 6, 14, 22, tzinfo=UTC)),
    ],
)
def test_the_roll_takes_effect_at_sundays_open(
    calendar: TradingCalendar, expiry: date, opens_at: datetime
) -> None:
    """The session that opens then is the first of the next contract; no minute is between."""
    contracts = [es(expiry), es(expiry + timedelta(days=91))]
    friday_close = new_york(opens_at.date() - timedelta(days=2), 17)
    moments = [friday_close - timedelta(seconds=1), opens_at, opens_at + timedelta(hours=1)]
    fronts = [front_month(contracts, calendar.session_date(at), calendar.globex) for at in moments]
    assert fronts == [contracts[0], contracts[1], contracts[1]]
    assert calendar.globex.on(roll_session(expiry, calendar.globex)).opens_at == opens_at  # type: ignore[union-attr]


def test_an_expiry_outside_the_calendar_is_refused(calendar: TradingCalendar) -> None:
    with pytest.raises(CalendarError, match="2031-03-21"):
        roll_session(date(2031, 3, 21), calendar.globex)


def test_an_override_wins_over_the_rule(calendar: TradingCalendar) -> None:
    assert front_month(LISTED, ROLL, calendar.globex, override="ESH6") == MARCH
    assert front_month(LISTED, date(2026, 1, 15), calendar.globex, override="ESM6") == JUNE
    with pytest.raises(PipelineError, match="ESZ9"):
        front_month(LISTED, ROLL, calendar.globex, override="ESZ9")


def test_an_override_ends_with_its_contract(calendar: TradingCalendar) -> None:
    """A forgotten override must not stop the collection in the night after expiry."""
    after = date(2026, 3, 23)
    assert front_month(LISTED, EXPIRY, calendar.globex, override="ESH6") == MARCH
    assert front_month(LISTED, after, calendar.globex, override="ESH6") == JUNE
    assert front_month([JUNE], after, calendar.globex, override="ESH6") == JUNE  # not listed
    assert contracts_to_collect([JUNE], after, calendar.globex, "ESH6") == (JUNE,)


def test_an_override_that_should_be_listed_and_is_not_is_refused(
    calendar: TradingCalendar,
) -> None:
    for day, override in ((date(2026, 3, 13), "ESH6"), (ROLL, "ESZ9"), (ROLL, "typo")):
        with pytest.raises(PipelineError, match=f"listed contracts are ESM6, need {override}"):
            front_month([JUNE], day, calendar.globex, override)


def test_without_a_contract_left_the_message_names_what_is_listed(
    calendar: TradingCalendar,
) -> None:
    with pytest.raises(PipelineError, match=r"ESH6, need one that has not rolled"):
        front_month([MARCH], ROLL, calendar.globex)
    with pytest.raises(PipelineError, match="are none"):
        front_month([], ROLL, calendar.globex)


@pytest.mark.parametrize(
    ("day", "override", "expected"),
    [
        (date(2026, 3, 5), None, (MARCH,)),
        (TENTH_BEFORE, None, (MARCH, JUNE)),
        (date(2026, 3, 13), None, (MARCH, JUNE)),
        (ROLL, None, (JUNE,)),
        (date(2026, 3, 13), "ESH6", (MARCH, JUNE)),
        (date(2026, 3, 19), "ESH6", (MARCH, JUNE)),  # stays longer: still both
        (date(2026, 3, 5), "ESM6", (JUNE,)),
        (TENTH_BEFORE, "ESM6", (JUNE, MARCH)),  # rolls early: the old one stays beside it
        (ROLL, "ESM6", (JUNE,)),
    ],
)
def test_both_contracts_are_collected_from_ten_sessions_before_expiry(
    calendar: TradingCalendar,
    day: date,
    override: str | None,
    expected: tuple[FuturesContract, ...],
) -> None:
    assert calendar.globex.sessions_apart(TENTH_BEFORE, EXPIRY) == 10
    assert contracts_to_collect(LISTED, day, calendar.globex, override) == expected


def test_an_override_of_the_only_contract_is_collected_past_its_roll(
    calendar: TradingCalendar,
) -> None:
    assert contracts_to_collect([MARCH], ROLL, calendar.globex, "ESH6") == (MARCH,)


def test_roll_adjustment() -> None:
    adjustment = roll_adjustment(4780.50, 4832.25)
    assert adjustment.ratio == pytest.approx(1.0108252, abs=5e-8)
    assert adjustment.difference_points == 51.75


def test_rule_contracts(calendar: TradingCalendar) -> None:
    rows = rule_contracts("ES", date(2026, 1, 1), date(2026, 9, 1), calendar)
    assert rows == [("ESH6", EXPIRY), ("ESM6", date(2026, 6, 18))]
