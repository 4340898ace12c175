"""What starts the statistics of options: 18:00 New York, and rows that come later."""

from datetime import date

import dagster as dg

from futures_pipeline.config import OptionSettings
from futures_pipeline.orchestration.options.assets import option_statistics_assets
from futures_pipeline.orchestration.options.storing import HOUR, Statistics
from futures_pipeline.orchestration.partitions import TIME_ZONE
from futures_pipeline.orchestration.parts import Parts
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.following import Following, following_sensor

OPTIONS_JOB = "option_statistics"
ON_WEEKDAYS = f"0 {HOUR} * * 1-5"


def sessions_due(workbench: Workbench) -> dict[date, int]:
    """Return the NYSE sessions whose statistics are to be computed, with their position."""
    return Statistics(workbench).due()


FOLLOWING = Following(
    OPTIONS_JOB, sessions_due, "every NYSE session past 18:00 New York is described as stored"
)
LATE = (
    "Computes a session again whose rows came after 18:00 New York, and one that the schedule "
    "missed; by the market's clock, so in a replay too."
)


def option_parts(partitions: dg.DailyPartitionsDefinition, settings: OptionSettings) -> Parts:
    """Return the statistics of options of one configuration."""
    assets = [option_statistics_assets(partitions)]
    job = dg.define_asset_job(
        OPTIONS_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="Computes the 27 numbers and the regime of NYSE sessions that are over.",
    )
    return Parts(
        assets,
        [job],
        [following_sensor(FOLLOWING, partitions, settings.interval_seconds, LATE)],
        [_schedule(partitions)],
    )


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
        return FOLLOWING.runs(context.instance, workbench, partitions)

    return at_eighteen
