"""When the schedule asks for a run: by the market's clock and the exchange's calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.decisions.signals.timing import futures_ticks, premarket_ticks
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.decisions.automation import decision_schedule, due_run
from futures_pipeline.orchestration.decisions.due import known_until
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.schemas import LAKE_COLUMNS
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.market_lake import CALENDAR, add, random_night, session_bars
from futures_pipeline_tests.orchestration.decisions.conftest import settings_at

MINUTE = timedelta(minutes=1)
YEARS = calendar_for(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("until", "partition", "tick"),
    [
        ("2025-02-20T14:25:00", "2025-02-20", "14:25"),
        ("2025-02-20T14:29:59", "2025-02-20", "14:25"),
        ("2025-02-20T14:30:00", "2025-02-20", "14:30"),
        ("2025-02-20T22:00:00", "2025-02-20", "22:00"),  # the bar that ends at the close
        ("2025-02-20T22:05:00", None, None),  # the pause
        ("2025-02-20T23:04:00", None, None),  # open, and no bar has ended
        ("2025-02-20T23:05:00", "2025-02-21", "23:05"),  # the evening is Friday's
        ("2025-02-22T15:00:00", None, None),  # a Saturday
        ("2025-02-23T23:05:00", "2025-02-24", "23:05"),  # Sunday evening
        ("2025-03-09T22:05:00", "2025-03-10", "22:05"),  # the Sunday of summer time
        ("2025-11-02T22:05:00", None, None),  # the Sunday of winter time: an hour later
        ("2025-11-02T23:05:00", "2025-11-03", "23:05"),
        ("2025-01-20T17:55:00", "2025-01-20", "17:55"),  # a holiday Monday, until 13:00
        ("2025-01-20T18:05:00", None, None),
        ("2025-04-18T14:00:00", None, None),  # Good Friday
        ("2025-07-03T17:15:00", "2025-07-03", "17:15"),  # shortened: until 13:15
        ("2025-07-03T17:20:00", None, None),
    ],
)
def test_what_is_due(until: str, partition: str | None, tick: str | None) -> None:
    due = due_run(datetime.fromisoformat(until).replace(tzinfo=UTC), CALENDAR)
    found = (None, None) if due is None else (due[0], f"{due[1]:%H:%M}")
    assert found == (partition, tick)


def asked(data: Path, now: datetime, instance: dg.DagsterInstance) -> dg.RunRequest | str:
    workbench = Workbench(settings_at(data, now))
    with dg.build_schedule_context(instance, resources={"workbench": workbench}) as context:
        answer = decision_schedule(context)
    return answer if isinstance(answer, dg.RunRequest) else str(answer.skip_message)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One without a run; nobody starts any here."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


def test_a_run_is_asked_for_once_for_each_fifth_minute(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """From 09:26:10 on, when the rows of 09:25 can be in the lake, until the next one."""
    nine = datetime(2025, 2, 20, 14, 20, tzinfo=UTC)
    keys = [
        found.run_key
        for minute in range(12)
        if isinstance(found := asked(tmp_path, nine + MINUTE * minute, instance), dg.RunRequest)
    ]
    assert keys == ["2025-02-20T14:15Z"] * 2 + ["2025-02-20T14:20Z"] * 5 + ["2025-02-20T14:25Z"] * 5


def test_on_a_weekend_it_says_why_it_does_nothing(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    said = asked(tmp_path, datetime(2025, 2, 22, 15, 0, tzinfo=UTC), instance)
    assert said == "Globex is closed by the market's clock"


# Hand-made: days without NYSE, shortened days, and the first days of summer and winter time.
SHUT = {
    2025: "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
}
SHORTENED = {2025: "07-03 11-28 12-24", 2026: "11-27 12-24"}
SUMMER = {
    2025: (date(2025, 3, 9), date(2025, 11, 2)),
    2026: (date(2026, 3, 8), date(2026, 11, 1)),
}


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_ticks_of_a_year_against_a_hand_made_table(year: int) -> None:
    """The pre-market ticks of every day, first and last, and how many signals follow."""
    day, wrong = date(year, 1, 1), []
    while day.year == year:
        name = f"{day:%m-%d}"
        is_open = day.weekday() < 5 and name not in SHUT[year].split()
        offset = 4 if SUMMER[year][0] <= day < SUMMER[year][1] else 5
        nights, regular = premarket_ticks(day, YEARS), futures_ticks(day, YEARS)
        found = (len(nights), len(regular), *(f"{t:%H:%M}" for t in (nights + regular)[:1]))
        last = [f"{t:%H:%M}" for t in (*nights[-1:], *regular[-1:])]
        count = 42 if name in SHORTENED[year].split() else 78
        close = 12 if count == 42 else 15
        expected = (23, count, f"{4 + offset:02}:00") if is_open else (0, 0)
        ends = [f"{9 + offset:02}:25", f"{close + offset:02}:55"] if is_open else []
        if (found, last) != (expected, ends):
            wrong.append((day, found, last))
        day += timedelta(days=1)
    assert wrong == []


# Hand-made: days without a Globex session, and sessions that end before 17:00 New York.
NO_SESSION = {2025: "01-01 04-18 12-25", 2026: "01-01 12-25"}
EARLY = {
    2025: "01-09 09:30, 01-20 13:00, 02-17 13:00, 05-26 13:00, 06-19 13:00, 07-03 13:15, "
    "07-04 13:00, 09-01 13:00, 11-27 13:00, 11-28 13:15, 12-24 13:15",
    # On Good Friday of 2026 payrolls are published.
    2026: "01-19 13:00, 02-16 13:00, 04-03 09:15, 05-25 13:00, 06-19 13:00, 07-03 13:00, "
    "09-07 13:00, 11-26 13:00, 11-27 13:15, 12-24 13:15",
}


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_warnings_of_a_year_against_a_hand_made_table(year: int) -> None:
    """First and last tick of every session, from 18:05 of the evening before to the close."""
    early = dict(told.split() for told in EARLY[year].split(", "))
    day, found, expected = date(year, 1, 1), [], []
    while day.year == year:
        closes = new_york(day, *map(int, early.get(f"{day:%m-%d}", "17:00").split(":")))
        first = new_york(day - timedelta(days=1), 18, 5)
        asked = (first - MINUTE, first, closes, closes + 5 * MINUTE)
        found.append((day, *(due_run(at, YEARS) for at in asked)))
        is_session = day.weekday() < 5 and f"{day:%m-%d}" not in NO_SESSION[year].split()
        ticks = ((str(day), first), (str(day), closes)) if is_session else (None, None)
        expected.append((day, None, *ticks, None))
        day += timedelta(days=1)
    assert [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]] == []


def test_nothing_is_said_of_minutes_whose_rows_are_on_their_way(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """Of 09:25 while the lake ends at 09:22 and the spool has more: said once it is in."""
    day, at = date(2025, 2, 20), datetime(2025, 2, 20, 14, 27, tzinfo=UTC)
    workbench = Workbench(settings_at(tmp_path, at))
    night = session_bars(day, random_night(1, 5_900.0, 15 * 60 + 25))
    held = night.filter(pl.col("ts_end") <= at - 5 * MINUTE)
    add(workbench.lake, BARS_1M.name, held)
    assert known_until(workbench, day) == at - timedelta(seconds=70)

    late = night.filter(pl.col("ts_end") > at - 5 * MINUTE).drop(*LAKE_COLUMNS)
    workbench.spool.append([NewBatch(BARS_1M.name, day, late)], at)
    assert known_until(workbench, day) == at - 5 * MINUTE
    asked_for = asked(tmp_path, at, instance)
    assert isinstance(asked_for, dg.RunRequest)
    assert asked_for.run_key == "2025-02-20T14:20Z"

    workbench.ingest(BARS_1M, [day], "run")
    assert known_until(workbench, day) == at - timedelta(seconds=70)
    workbench.spool.close()
