"""The shared clock: its text form, its speed and what it refuses."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.clock import (
    ReplayClock,
    SystemClock,
    checked_speed,
    parse_clock,
    parse_time,
    start_clock,
)
from futures_pipeline.domain.errors import ConfigurationError

START = datetime(2025, 1, 15, 13, 55, tzinfo=UTC)
AWARE = st.datetimes(timezones=st.just(UTC))
SPEEDS = st.floats(0.0, 3600.0, exclude_min=True)


@given(AWARE, st.floats(0.0, 1e11), SPEEDS)
def test_the_text_of_a_clock_is_that_clock(start: datetime, anchor: float, speed: float) -> None:
    clock = ReplayClock(start, anchor, speed)
    assert parse_clock(str(clock)) == clock


def test_the_text_form() -> None:
    clock = ReplayClock(START, 1763700000.0, 60)
    assert str(clock) == "2025-01-15T13:55:00+00:00@1763700000.0*60"


def test_the_empty_text_is_system_time() -> None:
    assert isinstance(parse_clock(""), SystemClock)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "2025-01-15T13:55:00+00:00",
        "2025-01-15T13:55:00+00:00@5",
        "2025-01-15T13:55:00+00:00@*1",
        "2025-01-15T13:55:00+00:00@nan*1",
        "2025-01-15T13:55:00+00:00@inf*1",
        "2025-01-15T13:55:00+00:00@5*fast",
    ],
)
def test_a_clock_text_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^clock: .* empty, or START@SYSTEM_SECONDS"):
        parse_clock(text)


def test_a_clock_text_refuses_its_parts_by_their_own_names() -> None:
    with pytest.raises(ConfigurationError, match=r"^time: '2025-01-15T13:55:00'"):
        parse_clock("2025-01-15T13:55:00@5*1")
    with pytest.raises(ConfigurationError, match=r"^speed: 0\.0"):
        parse_clock("2025-01-15T13:55:00+00:00@5*0")


@pytest.mark.parametrize(
    "text", ["2025-01-15T08:55-05:00", "2025-01-15T13:55Z", "2025-01-15T14:55+01:00"]
)
def test_times_are_read_as_utc(text: str) -> None:
    assert parse_time(text) == START
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2025-01-15", "2025-01-15T08:55", "0001-01-01T00:00+14:00", "2025-02-30T00Z"],
)
def test_a_time_without_offset_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^time: .* ISO 8601 time with its UTC offset"):
        parse_time(text)


@pytest.mark.parametrize("speed", [0.0, -1.0, 3600.1, float("nan"), float("inf")])
def test_a_speed_no_clock_runs_at_is_refused(speed: float) -> None:
    with pytest.raises(ConfigurationError, match=r"^speed: .* above 0 and up to 3600"):
        checked_speed(speed)
    with pytest.raises(ConfigurationError, match=r"^speed"):
        start_clock(START, speed)


def test_the_bounds_of_speed_are_allowed() -> None:
    assert checked_speed(3600.0) == 3600.0
    assert checked_speed(0.01) == 0.01


def test_system_time_has_one_speed() -> None:
    assert isinstance(start_clock(None, 1.0), SystemClock)
    with pytest.raises(ConfigurationError, match="--from is given"):
        start_clock(None, 2.0)


def test_a_clock_refuses_a_naive_start() -> None:
    with pytest.raises(ValueError, match="aware start"):
        start_clock(datetime(2025, 1, 15), 1.0)  # noqa: DTZ001 - what is tested


def test_a_clock_starts_in_utc_whatever_zone_it_is_given() -> None:
    clock = start_clock(START.astimezone(timezone(timedelta(hours=-5))), 60.0)
    assert isinstance(clock, ReplayClock)
    assert clock.starts_at.tzinfo is UTC
    assert START <= clock.now() < START + timedelta(hours=1)


def test_market_time_runs_at_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ReplayClock(START, 1000.0, 60.0)
    monkeypatch.setattr(time, "time", lambda: 1002.0)
    assert clock.now() == START + timedelta(minutes=2)
    assert clock.system_seconds(120.0) == 2.0
    monkeypatch.setattr(time, "time", lambda: 900.0)  # the machine's clock was set back
    assert clock.now() == START


def test_the_system_clock_is_aware_and_waits_as_long_as_it_says() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert SystemClock().system_seconds(3.0) == 3.0
