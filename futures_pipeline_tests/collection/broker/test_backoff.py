"""Waits grow and stay bounded; the breaker opens on failures that are not the nightly reset."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.broker.backoff import (
    FAILURES_TO_OPEN,
    FIRST_OPEN_SECONDS,
    FIRST_SECONDS,
    JITTER,
    LONGEST_IN_RESET_SECONDS,
    LONGEST_OPEN_SECONDS,
    LONGEST_SECONDS,
    Breaker,
    State,
    in_reset_window,
)
from futures_pipeline_tests.collection.builders import NOON, new_york_time

IN_RESET = new_york_time(2025, 1, 15, 1, 0)
MIDDLE = 0.5  # chance at which there is no jitter

chances = st.floats(0.0, 1.0)
moments = st.integers(0, 3 * 365 * 24 * 3600).map(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
calm = moments.filter(lambda at: not in_reset_window(at))
nights = st.builds(
    lambda days, minutes: new_york_time(2024, 1, 1, 0, 15) + timedelta(days=days, minutes=minutes),
    st.integers(0, 1_000),
    st.integers(0, 89),
).filter(in_reset_window)


def after(failures: int, now: datetime = NOON) -> Breaker:
    """Return the breaker after so many failed tries in a row."""
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.trying().failed(now)
    return breaker


# --- waits -----------------------------------------------------------------------------------


def test_the_first_waits_double_from_a_second_to_a_minute() -> None:
    waits = [after(failures).wait_seconds(NOON, MIDDLE) for failures in range(8)]

    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]


def test_an_open_breaker_waits_two_minutes_and_in_the_end_a_quarter_of_an_hour() -> None:
    waits = [after(FAILURES_TO_OPEN + more).wait_seconds(NOON, MIDDLE) for more in range(6)]

    assert waits == [120.0, 240.0, 480.0, 900.0, 900.0, 900.0]


def test_in_a_reset_window_no_wait_is_longer_than_five_minutes() -> None:
    waits = [after(failures, IN_RESET).wait_seconds(IN_RESET, MIDDLE) for failures in (1, 7, 9, 30)]

    assert waits == [1.0, 64.0, 256.0, LONGEST_IN_RESET_SECONDS]


@given(st.integers(0, 40), moments, chances)
def test_a_wait_is_never_shorter_nor_longer_than_the_jitter_allows(
    failures: int, now: datetime, chance: float
) -> None:
    breaker = after(failures, now)
    middle = breaker.wait_seconds(now, MIDDLE)

    wait = breaker.wait_seconds(now, chance)

    assert (1 - JITTER) * middle <= wait * (1 + 1e-12)
    assert wait <= (1 + JITTER) * middle * (1 + 1e-12)
    assert FIRST_SECONDS <= middle <= max(LONGEST_OPEN_SECONDS, LONGEST_SECONDS)


@given(chances, chances)
def test_more_chance_is_more_wait(one: float, other: float) -> None:
    waits = [after(3).wait_seconds(NOON, chance) for chance in sorted((one, other))]

    assert waits == sorted(waits)


@given(st.integers(0, 25), calm)
def test_another_failure_never_makes_the_wait_shorter(failures: int, now: datetime) -> None:
    assert after(failures).wait_seconds(now, MIDDLE) <= after(failures + 1).wait_seconds(
        now, MIDDLE
    )


@pytest.mark.parametrize("failures", [2_000, 20_000])
def test_a_gateway_that_stays_away_for_weeks_is_still_tried(failures: int) -> None:
    """2,000 tries a quarter of an hour apart are three weeks."""
    assert after(failures).wait_seconds(NOON, MIDDLE) == LONGEST_OPEN_SECONDS


# --- the breaker -----------------------------------------------------------------------------


@given(calm)
def test_it_opens_at_the_eighth_failure_outside_the_windows(now: datetime) -> None:
    states = [after(failures, now).state for failures in range(FAILURES_TO_OPEN + 1)]

    assert states == [State.CLOSED] * FAILURES_TO_OPEN + [State.OPEN]


@given(st.integers(1, 60), nights)
def test_it_never_opens_in_a_reset_window(failures: int, now: datetime) -> None:
    assert after(failures, now).state is State.CLOSED


def test_one_try_of_an_open_breaker_is_half_open_and_a_failure_opens_it_for_longer() -> None:
    opened = after(FAILURES_TO_OPEN)
    trying = opened.trying()
    again = trying.failed(NOON)

    assert (trying.state, again.state) == (State.HALF_OPEN, State.OPEN)
    assert again.wait_seconds(NOON, MIDDLE) == 2 * FIRST_OPEN_SECONDS


def test_an_open_breaker_whose_try_fails_in_a_window_closes_for_its_length() -> None:
    breaker = after(FAILURES_TO_OPEN).trying().failed(IN_RESET)

    assert breaker.state is State.CLOSED
    assert breaker.wait_seconds(IN_RESET, MIDDLE) <= LONGEST_IN_RESET_SECONDS


def test_a_closed_breaker_stays_closed_while_it_tries() -> None:
    assert after(3).trying().state is State.CLOSED


@given(st.integers(0, 30))
def test_success_forgets_every_failure(failures: int) -> None:
    breaker = after(failures).trying().succeeded()

    assert breaker == Breaker()
    assert breaker.wait_seconds(NOON, MIDDLE) == FIRST_SECONDS


def test_failures_of_a_reset_window_do_not_open_it_afterwards() -> None:
    """A night's tries are expected to fail: the first one after it calls no person."""
    breaker = after(30, IN_RESET).trying().failed(NOON)

    assert breaker.state is State.CLOSED


# --- the windows -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        (new_york_time(2025, 1, 15, 0, 14, 59), False),
        (new_york_time(2025, 1, 15, 0, 15), True),
        (new_york_time(2025, 1, 15, 1, 44, 59), True),
        (new_york_time(2025, 1, 15, 1, 45), False),
        (new_york_time(2025, 1, 19, 0, 30), True),  # Sunday
        (new_york_time(2025, 1, 17, 22, 59), False),  # Friday
        (new_york_time(2025, 1, 17, 23, 0), True),
        (new_york_time(2025, 1, 18, 2, 59), True),  # Saturday
        (new_york_time(2025, 1, 18, 3, 0), False),
        (new_york_time(2025, 1, 19, 23, 30), False),  # Sunday evening
        # The same wall clock after the change of 9 March 2025, an hour earlier in UTC.
        (datetime(2025, 3, 7, 5, 30, tzinfo=UTC), True),
        (datetime(2025, 3, 9, 5, 30, tzinfo=UTC), True),
        (datetime(2025, 3, 10, 4, 30, tzinfo=UTC), True),
        (datetime(2025, 3, 10, 5, 50, tzinfo=UTC), False),
        # And after that of 2 November 2025, an hour later.
        (datetime(2025, 10, 31, 4, 30, tzinfo=UTC), True),
        (datetime(2025, 11, 3, 4, 30, tzinfo=UTC), False),
        (datetime(2025, 11, 3, 5, 30, tzinfo=UTC), True),
    ],
)
def test_the_windows_are_new_york_wall_clock(at: datetime, inside: bool) -> None:
    assert in_reset_window(at) is inside
