"""When the statistics of options start: 18:00 New York of NYSE's days, and late rows."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.options.automation import ON_WEEKDAYS
from futures_pipeline.orchestration.options.storing import sessions_over
from futures_pipeline.orchestration.partitions import TIME_ZONE
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline_tests.option_lake import CALENDAR, LAST, plant_options
from futures_pipeline_tests.orchestration.options.test_assets import WIDE, describe, settings_of


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (new_york(date(2025, 3, 3), 17, 59), date(2025, 2, 28)),
        (new_york(date(2025, 3, 3), 18), date(2025, 3, 3)),
        (new_york(date(2025, 3, 9), 18), date(2025, 3, 7)),  # the Sunday clocks change
        (new_york(date(2025, 3, 10), 18), date(2025, 3, 10)),
        (new_york(date(2025, 1, 20), 18), date(2025, 1, 17)),  # Martin Luther King
        (new_york(date(2025, 1, 9), 18), date(2025, 1, 8)),  # a day of mourning
        (new_york(date(2025, 4, 18), 18), date(2025, 4, 17)),  # Good Friday
        (new_york(date(2025, 11, 28), 17), date(2025, 11, 26)),  # closed at 13:00
        (new_york(date(2025, 11, 28), 18), date(2025, 11, 28)),
    ],
)
def test_a_session_is_over_at_six_in_new_york(now: datetime, newest: date) -> None:
    assert sessions_over(CALENDAR, now)[-1] == newest


def test_the_last_three_sessions_are_looked_at() -> None:
    over = sessions_over(CALENDAR, new_york(date(2025, 3, 3), 18))
    assert over == [date(2025, 2, 27), date(2025, 2, 28), date(2025, 3, 3)]


def test_schedule_and_sensor_ask_for_what_is_due(tmp_path: Path) -> None:
    plant_options(tmp_path, LAST, WIDE)
    settings = settings_of(tmp_path)
    definitions = build_defs(settings)
    repository = definitions.get_repository_def()
    schedule = repository.get_schedule_def("option_statistics_schedule")
    sensor = repository.get_sensor_def("option_statistics_sensor")
    assert (schedule.cron_schedule, schedule.execution_timezone) == (ON_WEEKDAYS, TIME_ZONE)
    assert ON_WEEKDAYS == "0 18 * * 1-5"
    resources = {"workbench": Workbench(settings)}
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        tick = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime.now(UTC) - timedelta(minutes=1),
            repository_def=repository,
            resources=resources,
        )
        look = dg.build_sensor_context(
            instance=instance, repository_def=repository, resources=resources
        )
        asked = schedule.evaluate_tick(tick).run_requests
        assert [request.partition_key for request in asked or ()] == [str(LAST)]
        assert [r.partition_key for r in sensor.evaluate_tick(look).run_requests] == [str(LAST)]
        describe(tmp_path, LAST)
        skipped = sensor.evaluate_tick(look).skip_message
        assert skipped == "every NYSE session past 18:00 New York is described as stored"
        assert not schedule.evaluate_tick(tick).run_requests
