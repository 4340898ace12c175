"""When rounds are due, and in which order."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.options.schedule import due_round, next_round, round_ends, turn_of
from futures_pipeline.domain.calendar import load_calendar

REGULAR = load_calendar(date(2024, 1, 1), date(2025, 12, 31)).regular
FIVE = timedelta(minutes=5)
WEDNESDAY_OPEN = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)


def rounds_of(day: date) -> list[datetime]:
    """Return the rounds of a day as a collector meets them."""
    session = REGULAR.on(day)
    assert session is not None
    found, now = [], session.opens_at - timedelta(hours=1)
    while (now := next_round(now, REGULAR, FIVE)) < session.closes_at:
        found.append(now)
        assert due_round(now, REGULAR, FIVE) == now
    return found


def test_a_day_has_seventy_eight_rounds_from_the_open_on() -> None:
    found = rounds_of(date(2025, 1, 15))
    assert len(found) == 78
    assert (found[0], found[-1]) == (WEDNESDAY_OPEN, datetime(2025, 1, 15, 20, 55, tzinfo=UTC))


def test_a_shortened_day_has_fewer() -> None:
    """29 November 2024 closes at 13:00."""
    assert len(rounds_of(date(2024, 11, 29))) == 42


@pytest.mark.parametrize(
    ("seconds", "due"), [(-1, None), (0, 0), (299, 0), (300, 300), (23399, 23100), (23400, None)]
)
def test_the_round_of_a_moment(seconds: int, due: int | None) -> None:
    found = due_round(WEDNESDAY_OPEN + timedelta(seconds=seconds), REGULAR, FIVE)
    assert found == (None if due is None else WEDNESDAY_OPEN + timedelta(seconds=due))


def test_after_the_last_round_comes_the_next_days_first() -> None:
    friday = datetime(2025, 1, 17, 20, 58, tzinfo=UTC)
    # Monday 20 January is a holiday.
    assert next_round(friday, REGULAR, FIVE) == datetime(2025, 1, 21, 14, 30, tzinfo=UTC)


def test_the_clocks_change_between_two_rounds() -> None:
    friday = datetime(2025, 3, 7, 20, 58, tzinfo=UTC)
    assert next_round(friday, REGULAR, FIVE) == datetime(2025, 3, 10, 13, 30, tzinfo=UTC)


@given(st.integers(0, 600 * 24 * 60), st.integers(1, 3600))
def test_a_moment_lies_in_its_round(minutes: int, seconds: int) -> None:
    now = datetime(2024, 2, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    interval = timedelta(seconds=seconds)
    due = due_round(now, REGULAR, interval)

    assert (due is not None) == REGULAR.is_open(now)
    assert now < next_round(now, REGULAR, interval)
    if due is not None:
        assert due <= now < due + interval


@pytest.mark.parametrize(
    ("due", "at_least", "ends"),
    [
        ("15:00", "15:02", "15:05"),
        ("15:00", "15:06", "15:06"),  # taken up late, or the market's clock runs fast
        ("20:55", "20:57", "21:00"),
        ("20:55", "23:00", "21:00"),
    ],
)
def test_a_round_ends_before_the_next_and_with_the_market(
    due: str, at_least: str, ends: str
) -> None:
    def at(clock: str) -> datetime:
        return datetime.fromisoformat(f"2025-01-15T{clock}:00+00:00")

    assert round_ends(at(due), FIVE, REGULAR, at(at_least)) == at(ends)


def test_each_symbol_comes_first_in_its_turn() -> None:
    orders = [turn_of(["SPY", "QQQ", "IWM"], WEDNESDAY_OPEN + n * FIVE, FIVE) for n in range(3)]
    assert {order[0] for order in orders} == {"SPY", "QQQ", "IWM"}
    assert all(sorted(order) == ["IWM", "QQQ", "SPY"] for order in orders)


def test_no_symbols_have_no_order() -> None:
    assert turn_of([], WEDNESDAY_OPEN, FIVE) == []
