"""Partitions are the Globex sessions, nothing else."""

from datetime import UTC, date, datetime

import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.orchestration.partitions import contiguous, session_partitions

GLOBEX = load_calendar(date(2010, 1, 1), date(2027, 12, 31)).globex


def keys_at(*moment: int) -> list[str]:
    partitions = session_partitions(date(2024, 1, 2), GLOBEX)
    return list(partitions.get_partition_keys(datetime(*moment, tzinfo=UTC)))  # type: ignore[arg-type,misc]


def test_keys_are_the_sessions_of_the_calendar() -> None:
    sessions = GLOBEX.between(date(2024, 1, 2), date(2026, 11, 24))
    assert keys_at(2026, 11, 21, 6) == [str(session.session_date) for session in sessions]


@pytest.mark.parametrize("day", ["2024-12-25", "2025-01-01", "2025-04-18", "2025-01-18"])
def test_closed_days_are_no_partition(day: str) -> None:
    assert day not in keys_at(2026, 1, 5)


@pytest.mark.parametrize("day", ["2025-01-20", "2025-11-27", "2025-11-28", "2025-12-24"])
def test_shortened_globex_sessions_are_partitions(day: str) -> None:
    assert day in keys_at(2026, 1, 5)


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ((2026, 11, 23, 1), "2026-11-23"),  # Sunday 20:00 New York
        ((2026, 11, 24, 0), "2026-11-24"),  # Monday 19:00
        ((2026, 11, 26, 0), "2026-11-26"),  # before Thanksgiving, Wednesday 19:00
        ((2026, 11, 20, 23, 30), "2026-11-23"),  # Friday evening: the next session
        ((2025, 3, 9, 22, 30), "2025-03-10"),  # the Sunday of the clock change, 18:30 EDT
    ],
)
def test_the_session_that_is_open_has_its_partition(moment: tuple[int, ...], session: str) -> None:
    assert session in keys_at(*moment)


def test_a_first_session_outside_the_calendar_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"dagster\.first_session.*2010-01-04"):
        session_partitions(date(1999, 1, 4), GLOBEX)


KEYS = ["2025-01-16", "2025-01-17", "2025-01-20", "2025-01-21"]


@pytest.mark.parametrize(
    ("days", "runs"),
    [
        ([], []),
        ([17], [["2025-01-17"]]),
        ([20, 17], [["2025-01-17", "2025-01-20"]]),  # no key lies between
        ([16, 20, 21], [["2025-01-16"], ["2025-01-20", "2025-01-21"]]),
        ([18, 21], [["2025-01-21"]]),  # a Saturday is no key
        ([16, 17, 20, 21], [["2025-01-16", "2025-01-17", "2025-01-20"], ["2025-01-21"]]),
    ],
)
def test_contiguous_groups_neighbouring_keys(days: list[int], runs: list[list[str]]) -> None:
    assert contiguous([date(2025, 1, day) for day in days], KEYS, longest=3) == runs
