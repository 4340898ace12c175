"""The broker's notices in their real orders: what is lost, what is well again, what is hopeless."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.broker.backoff import in_reset_window
from futures_pipeline.collection.broker.codes import Farm, Notice
from futures_pipeline.collection.broker.health import ALARM_EVERY, UPSTREAM_PATIENCE, Health
from futures_pipeline.domain.causes import Cause
from futures_pipeline_tests.collection.builders import NOON, new_york_time

SECOND = timedelta(seconds=1)
codes = st.sampled_from([1100, 1101, 1102, 2103, 2104, 2105, 2106, 2107, 2108, 2110, 2158, 99])
steps = st.lists(st.tuples(codes, st.integers(0, 4_000)), max_size=25)


def told(*codes: int, start: datetime = NOON) -> Health:
    """Return the health after these codes, a second apart, the first at ``start``."""
    health = Health()
    for index, code in enumerate(codes):
        health.take(code, start + index * SECOND)
    return health


@pytest.mark.parametrize(
    ("codes", "trouble"),
    [
        ((), None),
        ((2104, 2106, 2158), None),  # every connection begins so
        ((1100,), Cause.UPSTREAM_LOST),
        ((1100, 1102), None),
        ((1100, 1101), None),
        ((2110,), Cause.UPSTREAM_LOST),
        ((2110, 1102), None),
        ((1100, 2110, 1102), None),
        ((1100, 2104), Cause.UPSTREAM_LOST),  # a farm is not the server
        ((2103,), Cause.FARM_BROKEN),
        ((2103, 2104), None),
        ((2103, 2108), None),  # idle, which is well
        ((2103, 2106), Cause.FARM_BROKEN),  # another farm is well
        ((2103, 1102), None),
        ((2105,), None),  # history does not keep live data away
        ((2105, 2106), None),
        ((2157, 2158), None),
        ((2103, 1100), Cause.UPSTREAM_LOST),  # the greater names it
        ((2103, 1100, 1102), None),
        ((1100, 1102, 1100), Cause.UPSTREAM_LOST),
        ((354, 162, 10197), None),  # no notices of the connection
    ],
)
def test_what_a_sequence_of_codes_leaves_behind(
    codes: tuple[int, ...], trouble: Cause | None
) -> None:
    assert told(*codes).trouble is trouble


@pytest.mark.parametrize(
    ("code", "notice"),
    [
        (1100, Notice.UPSTREAM_LOST),
        (2110, Notice.UPSTREAM_LOST),
        (1101, Notice.DATA_LOST),
        (1102, Notice.DATA_KEPT),
        (1300, Notice.SOCKET_RESET),
        (100, Notice.TOO_FAST),
        (2105, Notice.FARM_BROKEN),
        (2158, Notice.FARM_OK),
        (354, None),
        (10197, None),
    ],
)
def test_a_code_is_the_notice_the_broker_means_or_none(code: int, notice: Notice | None) -> None:
    assert Health().take(code, NOON) is notice


def test_trouble_began_with_the_first_word_of_it() -> None:
    assert told(1100, 1100, 2110).trouble_since == NOON
    assert told(2103, 2103).trouble_since == NOON
    assert told(2103, 1100).trouble_since == NOON + SECOND
    assert told(2103, 2104).trouble_since is None


@pytest.mark.parametrize(
    ("codes", "restored"),
    [
        ((2104, 2106, 2158), None),  # nothing was broken
        ((1100, 1102), NOON + SECOND),
        ((1100, 1101), NOON + SECOND),
        ((2103, 2104), NOON + SECOND),
        ((2105, 2106), NOON + SECOND),
        ((1100, 1102, 2104), NOON + SECOND),
        ((2103, 2105, 2106), NOON + 2 * SECOND),
    ],
)
def test_only_what_was_broken_is_restored(
    codes: tuple[int, ...], restored: datetime | None
) -> None:
    assert told(*codes).restored_at == restored


# --- data contradict bad news ----------------------------------------------------------------


@pytest.mark.parametrize("code", [1100, 2110, 2103])
def test_data_end_what_was_said_to_be_lost(code: int) -> None:
    health = told(code)

    health.data_came(NOON + 10 * SECOND)

    assert health.trouble is None
    assert not health.is_hopeless(NOON + timedelta(hours=3))


def test_data_after_a_lost_upstream_restore_it_so_that_each_stream_is_judged_anew() -> None:
    health = told(1100)

    health.data_came(NOON + 10 * SECOND)

    assert health.restored_at == NOON + 10 * SECOND


def test_data_end_a_competing_session() -> None:
    health = Health()
    health.compete(NOON)
    assert health.trouble is Cause.COMPETING_SESSION

    health.data_came(NOON + SECOND)

    assert (health.trouble, health.restored_at) == (None, None)


def test_live_data_do_not_mend_the_history_farm() -> None:
    health = told(2105)

    health.data_came(NOON + SECOND)
    health.take(2106, NOON + 2 * SECOND)

    assert health.restored_at == NOON + 2 * SECOND


# --- giving the session up -------------------------------------------------------------------


@given(st.integers(0, 7 * 24 * 3600), st.integers(0, 12 * 3600))
def test_a_lost_upstream_is_hopeless_after_patience_and_never_in_a_reset_window(
    start: int, later: int
) -> None:
    lost_at = NOON + start * SECOND
    now = lost_at + later * SECOND
    health = told(1100, start=lost_at)

    if in_reset_window(now) or now - lost_at <= UPSTREAM_PATIENCE:
        assert not health.is_hopeless(now)
    elif not any(in_reset_window(lost_at + m * timedelta(minutes=1)) for m in range(later // 60)):
        assert health.is_hopeless(now)


def test_what_is_lost_in_a_reset_window_has_its_patience_after_the_window() -> None:
    lost_at, over_at = new_york_time(2025, 1, 15, 0, 30), new_york_time(2025, 1, 15, 1, 45)
    health = told(1100, start=lost_at)

    assert not health.is_hopeless(over_at + UPSTREAM_PATIENCE - SECOND)
    assert health.is_hopeless(over_at + UPSTREAM_PATIENCE + SECOND)


def test_what_is_lost_just_before_a_reset_window_has_its_patience_after_the_window() -> None:
    lost_at, over_at = new_york_time(2025, 1, 15, 0, 14), new_york_time(2025, 1, 15, 1, 45)
    health = told(1100, start=lost_at)

    assert not health.is_hopeless(over_at + timedelta(minutes=1))


def test_nothing_else_is_hopeless() -> None:
    much_later = NOON + timedelta(hours=2)

    for health in (Health(), told(1100, 1102), told(1100, 1101), told(2103, 2104), told(2105)):
        assert not health.is_hopeless(much_later)


def test_a_market_farm_that_stays_broken_is_hopeless_as_well() -> None:
    assert told(2103).is_hopeless(NOON + timedelta(hours=2))
    assert not told(2103).is_hopeless(NOON + timedelta(minutes=1))


@given(steps)
def test_a_later_lost_upstream_never_borrows_the_time_of_an_earlier_one(
    steps: list[tuple[int, int]],
) -> None:
    health, now, lost_since = Health(), NOON, None
    for code, seconds in steps:
        now += seconds * SECOND
        health.take(code, now)
        if code in (1100, 2110):
            lost_since = lost_since or now
        elif code in (1101, 1102):
            lost_since = None

    assert health.upstream_lost_at == lost_since
    assert (health.trouble is Cause.UPSTREAM_LOST) is (lost_since is not None)
    if health.is_hopeless(now):
        since = lost_since or health.broken_farms[Farm.MARKET]
        assert now - since > UPSTREAM_PATIENCE


# --- a competing session ---------------------------------------------------------------------


@given(st.lists(st.integers(0, 900), max_size=60))
def test_a_person_is_told_of_a_competing_session_at_once_and_then_rarely(waits: list[int]) -> None:
    health, now, told_at = Health(), NOON, []
    for seconds in waits:
        now += seconds * SECOND
        if health.compete(now):
            told_at.append(now)

    if waits:
        assert told_at[0] == NOON + waits[0] * SECOND
        assert health.competing_since == told_at[0]
    assert all(b - a >= ALARM_EVERY for a, b in pairwise(told_at))
