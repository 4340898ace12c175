"""When a contract hands over to the next, by volume and whatever happens. Source: QUANT_SPEC 2."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import (
    FuturesContract,
    Roll,
    calendar_roll,
    contracts_to_collect,
    front_month,
    local_symbol,
    overlap_start,
    rule_contracts,
    volume_rule,
)
from futures_pipeline.domain.errors import CalendarError
from futures_pipeline.domain.sessions import TradingCalendar

CALENDAR = load_calendar(date(2014, 1, 1), date(2026, 12, 31))
GLOBEX = CALENDAR.globex
ROLL, TENTH_BEFORE = date(2026, 3, 16), date(2026, 3, 6)


def es(expiry: date) -> FuturesContract:
    return FuturesContract(expiry, "ES", local_symbol("ES", expiry), int(f"{expiry:%Y%m%d}"))


MARCH, JUNE = es(date(2026, 3, 20)), es(date(2026, 6, 18))
# Less than ten years: the one digit of a local symbol's year comes round again.
QUARTERS = [
    es(expiry) for _, expiry in rule_contracts("ES", date(2018, 1, 1), date(2026, 12, 31), CALENDAR)
]
SESSIONS = GLOBEX.between(date(2018, 1, 2), date(2026, 9, 30))


def crossing(*days: date) -> dict[tuple[date, str], float]:
    """Volumes in which the next contract trades more on ``days``."""
    return {
        (day, name): volume for day in days for name, volume in (("ESH6", 100.0), ("ESM6", 200.0))
    }


@pytest.mark.parametrize(
    ("volume", "first_of_june", "rule"),
    [
        (crossing(date(2026, 3, 9)), date(2026, 3, 10), "volume"),  # the session after it
        (crossing(date(2026, 3, 6)), date(2026, 3, 9), "volume"),  # over the weekend
        (crossing(date(2026, 3, 11), date(2026, 3, 9)), date(2026, 3, 10), "volume"),
        (crossing(date(2026, 3, 5)), TENTH_BEFORE, "volume"),  # the earliest there is
        (crossing(date(2026, 3, 4)), ROLL, "calendar"),  # over ten sessions before
        (crossing(date(2026, 3, 13)), ROLL, "calendar"),  # Monday it is anyway
        (crossing(ROLL), ROLL, "calendar"),
        ({}, ROLL, "calendar"),  # unknown volume decides nothing
        ({(date(2026, 3, 9), "ESM6"): 5.0}, ROLL, "calendar"),
        ({(date(2026, 3, 9), "ESH6"): 0.0}, ROLL, "calendar"),
        ({(date(2026, 3, 9), "ESH6"): 7.0, (date(2026, 3, 9), "ESM6"): 7.0}, ROLL, "calendar"),
    ],
)
def test_the_volume_roll(
    calendar: TradingCalendar,
    volume: dict[tuple[date, str], float],
    first_of_june: date,
    rule: str,
) -> None:
    roll = volume_rule(calendar.globex, volume)(MARCH, JUNE)
    assert (roll.session_date, roll.rule) == (first_of_june, rule)


def test_without_a_next_contract_volume_rolls_nothing(calendar: TradingCalendar) -> None:
    rule = volume_rule(calendar.globex, crossing(date(2026, 3, 9)))
    assert rule(MARCH, None) == Roll(ROLL, "calendar")
    with pytest.raises(CalendarError, match="2031-03-21"):
        rule(es(date(2031, 3, 21)), None)


@given(st.sets(st.integers(-30, 0)), st.integers(0, len(QUARTERS) - 2))
def test_the_volume_roll_is_never_early_or_late(days: set[int], index: int) -> None:
    """Whatever traded when, it lies from ten sessions before expiry to the calendar roll."""
    front, following = QUARTERS[index : index + 2]
    before = [session.session_date for session in GLOBEX.before(front.expiry, 31)]
    volume = {
        (before[day - 1], contract.local_symbol): float(contract is following)
        for day in days
        for contract in (front, following)
    }
    roll = volume_rule(GLOBEX, volume)(front, following)
    latest = calendar_roll(front).session_date
    assert overlap_start(front.expiry, GLOBEX) <= roll.session_date <= latest
    assert GLOBEX.on(roll.session_date)
    assert (roll.rule == "volume") is (roll.session_date < latest)


@given(st.integers(0, len(SESSIONS) - 31), st.integers(1, 30), st.data())
def test_the_front_month_never_goes_back_and_every_contract_leads_once(
    start: int, count: int, data: st.DataObject
) -> None:
    """One front a session, by rule or with an override that comes and goes."""
    days = [session.session_date for session in SESSIONS[start : start + count]]
    current = front_month(QUARTERS, days[0], GLOBEX)
    near = [None, current.local_symbol, QUARTERS[QUARTERS.index(current) + 1].local_symbol]
    override = data.draw(st.sampled_from(near))
    fronts = [front_month(QUARTERS, day, GLOBEX, override) for day in days]
    assert fronts == sorted(fronts)
    for day, front in zip(days, fronts, strict=True):
        assert day <= front.expiry
        collected = contracts_to_collect(QUARTERS, day, GLOBEX, override)
        assert collected[0] == front
        assert len(collected) == len(set(collected)) <= 3
