"""What starts the statistics of options: 18:00 New York, and rows that come later."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from futures_pipeline.config import OptionSettings
from futures_pipeline.orchestration.options.assets import option_statistics_assets
from futures_pipeline.orchestration.options.storing import HOUR, Statistics
from futures_pipeline.orchestration.partitions import TIME_ZONE
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.planning import next_runs
from futures_pipeline.orchestration.sensors.runs import failed_runs, run_request, unfinished_run

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

OPTIONS_JOB = "option_statistics"
ON_WEEKDAYS = f"0 {HOUR} * * 1-5"


@dataclass(frozen=True, slots=True)
class OptionParts:
    """What the definitions take in: the assets, their job and what starts it."""

    assets: list[dg.AssetsDefinition]
    jobs: "list[UnresolvedAssetJobDefinition]"
    sensors: list[dg.SensorDefinition]
    schedules: list[dg.ScheduleDefinition]


def option_parts(partitions: dg.DailyPartitionsDefinition, settings: OptionSettings) -> OptionParts:
    """Return the statistics of options of one configuration."""
    assets = [option_statistics_assets(partitions)]
    job = dg.define_asset_job(
        OPTIONS_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="Computes the 27 numbers and the regime of NYSE sessions that are over.",
    )
    return OptionParts(
        assets,
        [job],
        [_sensor(partitions, settings.interval_seconds)],
        [_schedule(partitions)],
    )


def runs_due(
    instance: dg.DagsterInstance, workbench: Workbench, partitions: dg.DailyPartitionsDefinition
) -> list[dg.RunRequest] | str:
    """Return the runs to start now, or why there is none."""
    running = unfinished_run(instance, OPTIONS_JOB)
    if running is not None:
        return f"run {running} of job {OPTIONS_JOB} is still under way"
    late = Statistics(workbench).due()
    if not late:
        return "every NYSE session past 18:00 New York is described as stored"
    failed = failed_runs(instance, OPTIONS_JOB)
    plan = next_runs(late, failed, partitions.get_partition_keys(), datetime.now(UTC))
    if not plan.ranges:
        return f"waiting before {', '.join(plan.waiting)} is tried again"
    return [run_request(keys, max(late.values())) for keys in plan.ranges]


def _schedule(partitions: dg.DailyPartitionsDefinition) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="option_statistics_schedule",
        job_name=OPTIONS_JOB,
        cron_schedule=ON_WEEKDAYS,
        execution_timezone=TIME_ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At 18:00 New York on NYSE's days, early closes and holidays by the calendar.",
    )
    def at_eighteen(
        context: dg.ScheduleEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        found = runs_due(context.instance, workbench, partitions)
        return dg.SkipReason(found) if isinstance(found, str) else found

    return at_eighteen


def _sensor(partitions: dg.DailyPartitionsDefinition, seconds: int) -> dg.SensorDefinition:
    @dg.sensor(
        name="option_statistics_sensor",
        job_name=OPTIONS_JOB,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Computes a session again whose rows came after 18:00 New York, and one that "
        "the schedule missed; by the market's clock, so in a replay too.",
    )
    def look(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SensorResult | dg.SkipReason:
        found = runs_due(context.instance, workbench, partitions)
        return dg.SkipReason(found) if isinstance(found, str) else dg.SensorResult(found)

    return look
