"""When the sensors start the analysis: after new bars, and daily after the close."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from futures_pipeline.config import Settings
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.analysis.automation import (
    DAILY_JOB,
    DAILY_NEWEST,
    ROLLING_JOB,
    ROLLING_NEWEST,
    daily_behind,
    rolling_behind,
)
from futures_pipeline.orchestration.analysis.positions import newest_over
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline_tests.orchestration.analysis.conftest import (
    DAYS,
    NEWEST,
    run_job,
    settings_of,
)
from futures_pipeline_tests.pair_lake import CALENDAR, fill, planted_bars

NOON, EVENING = new_york(NEWEST, 12), new_york(NEWEST, 17, 30)


def at(settings: Settings, now: datetime) -> Settings:
    return settings.model_copy(update={"clock_text": f"{now.astimezone(UTC).isoformat()}@4e9*1"})


def test_the_newest_sessions_are_behind_until_they_are_computed(workbench: Workbench) -> None:
    assert list(rolling_behind(workbench)) == DAYS[-ROLLING_NEWEST:]
    assert list(daily_behind(workbench)) == DAYS[-DAILY_NEWEST:]

    run_job(workbench.settings, ROLLING_JOB, NEWEST)
    run_job(workbench.settings, DAILY_JOB, NEWEST)

    assert NEWEST not in rolling_behind(workbench)
    assert NEWEST not in daily_behind(workbench)
    assert DAYS[-2] in rolling_behind(workbench)


def test_new_bars_of_a_session_put_it_and_those_after_it_behind(
    workbench: Workbench, lake: Path
) -> None:
    for day in DAYS[-2:]:
        run_job(workbench.settings, ROLLING_JOB, day)
    assert not {*DAYS[-2:]} & set(rolling_behind(workbench))

    fill(lake, planted_bars(2, 0, [DAYS[-2]]))

    assert {*DAYS[-2:]} <= set(rolling_behind(workbench))


@pytest.mark.parametrize(("now", "newest"), [(NOON, DAYS[-2]), (EVENING, NEWEST)])
def test_the_daily_job_waits_for_the_close(lake: Path, now: datetime, newest: date) -> None:
    workbench = Workbench(at(settings_of(lake), now))
    assert max(daily_behind(workbench)) == newest
    assert max(rolling_behind(workbench)) == NEWEST


def test_a_shortened_session_is_over_when_it_closes() -> None:
    """Good Friday's eve is whole; 3 July 2025 ends at 13:00 New York."""
    early = date(2025, 7, 3)
    closes_at = CALENDAR.globex.on(early).closes_at
    assert closes_at < new_york(early, 14)
    assert newest_over([early], CALENDAR.globex, closes_at, 3) == [early]
    assert newest_over([early], CALENDAR.globex, new_york(early, 12), 3) == []


def test_an_empty_lake_is_behind_with_nothing(tmp_path: Path) -> None:
    workbench = Workbench(settings_of(tmp_path))
    assert rolling_behind(workbench) == daily_behind(workbench) == {}


def look(
    settings: Settings, job: str, instance: dg.DagsterInstance
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """What the sensor of a job answers."""
    sensor = build_defs(settings).resolve_sensor_def(f"{job}_sensor")
    context = dg.build_sensor_context(
        instance=instance, resources={"workbench": Workbench(settings)}
    )
    answer = sensor(context)
    assert isinstance(answer, list | dg.SkipReason)
    return answer


def test_the_sensor_asks_for_contiguous_sessions_in_one_run(workbench: Workbench) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        answer = look(workbench.settings, DAILY_JOB, instance)
    assert isinstance(answer, list)
    (request,) = answer
    assert request.tags["dagster/asset_partition_range_start"] == str(DAYS[-DAILY_NEWEST])
    assert request.tags["dagster/asset_partition_range_end"] == str(NEWEST)


def test_the_sensor_waits_for_its_own_run(workbench: Workbench) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(
            build_defs(workbench.settings).resolve_job_def(ROLLING_JOB),
            status=dg.DagsterRunStatus.STARTED,
        )
        rolling = look(workbench.settings, ROLLING_JOB, instance)
        daily = look(workbench.settings, DAILY_JOB, instance)
    assert isinstance(rolling, dg.SkipReason)
    assert "still under way" in str(rolling.skip_message)
    assert isinstance(daily, list)


def test_the_sensors_look_no_more_often_than_configured(lake: Path) -> None:
    settings = settings_of(lake)
    often = settings.analysis.model_copy(update={"interval_seconds": 600})
    defs = build_defs(settings.model_copy(update={"analysis": often}))
    for job in (ROLLING_JOB, DAILY_JOB):
        assert defs.resolve_sensor_def(f"{job}_sensor").minimum_interval_seconds == 600
