"""When a person is told, by hand-worked stories and by ten thousand flaps."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.alerting.conditions import (
    COOL_DOWN,
    Condition,
    Message,
    Severity,
    State,
    due,
    observed,
    told,
)

START = datetime(2025, 1, 15, 14, tzinfo=UTC)
NONE, WARN, ERROR = Severity.NONE, Severity.WARN, Severity.ERROR


def story(*looks: tuple[float, Severity]) -> list[tuple[float, str]]:
    """Return (minute, title) of each message of a condition looked at as given."""
    made, _ = played([(START + timedelta(minutes=at), severity) for at, severity in looks])
    return [((message.made_at - START) / timedelta(minutes=1), message.title) for message in made]


def played(looks: list[tuple[datetime, Severity]]) -> tuple[list[Message], State | None]:
    state, made = None, []
    for at, severity in looks:
        found = Condition("k", severity, "bars are stale", "ES") if severity else None
        state = observed(state, found, at)
        message = None if state is None else due(state, at)
        if state is not None and message is not None:
            state = told(state, message)
            made.append(message)
    return made, state


def test_a_condition_is_told_once_and_its_end_as_well() -> None:
    looks = ((0, WARN), (1, WARN), (30, WARN), (31, NONE), (32, NONE))
    assert story(*looks) == [(0, "WARN: bars are stale"), (31, "Over: bars are stale")]


def test_an_end_within_the_cool_down_is_told_after_it() -> None:
    assert story((0, WARN), (2, NONE), (14.9, NONE), (15, NONE), (16, NONE)) == [
        (0, "WARN: bars are stale"),
        (15, "Over: bars are stale"),
    ]


def test_what_gets_worse_does_not_wait() -> None:
    assert story((0, WARN), (1, ERROR), (2, WARN), (3, ERROR)) == [
        (0, "WARN: bars are stale"),
        (1, "ERROR: bars are stale"),
    ]


def test_what_comes_back_within_the_cool_down_waits() -> None:
    looks = ((0, ERROR), (20, NONE), (21, ERROR), (34, ERROR), (35, ERROR))
    assert [at for at, _ in story(*looks)] == [0, 20, 35]


def test_what_never_held_makes_no_message() -> None:
    assert story((0, NONE), (1, NONE)) == []


def test_ten_thousand_flaps_are_one_message_a_cool_down_and_none_is_lost() -> None:
    looks = [(START + timedelta(seconds=n), ERROR if n % 2 == 0 else NONE) for n in range(10_000)]
    made, state = played(looks)

    windows = 10_000 / COOL_DOWN.total_seconds()
    assert len(made) <= windows + 1
    assert state is not None
    assert state.changes == 10_000
    assert len({message.id for message in made}) == len(made)
    assert "(came and went 900 times since the last message)" in made[1].body


LOOKS = st.lists(
    st.tuples(st.integers(1, 1200), st.sampled_from([NONE, WARN, ERROR])), min_size=1, max_size=60
)


@given(LOOKS)
def test_messages_keep_their_distance_and_the_last_state_is_told(
    steps: list[tuple[int, Severity]],
) -> None:
    at, looks = START, []
    for seconds, severity in steps:
        at += timedelta(seconds=seconds)
        looks.append((at, severity))
    calm = [(at + COOL_DOWN * n, looks[-1][1]) for n in (1, 2)]
    made, state = played([*looks, *calm])

    for before, after in pairwise(made):
        is_close = after.made_at - before.made_at < COOL_DOWN
        assert not is_close or after.severity > before.severity
    assert len({message.id for message in made}) == len(made)
    if state is not None:
        last = looks[-1][1]
        assert state.told >= last
        assert (state.told is NONE) == (last is NONE)
