"""When series are looked at: every quarter of an hour while Globex is open."""

from datetime import timedelta

import dagster as dg

from futures_pipeline.orchestration.quality.series import QUALITY_JOB
from futures_pipeline.orchestration.resources import Workbench

EVERY_QUARTER = "*/15 * * * *"
# One more look after the close, at all that came.
AFTERWARDS = timedelta(minutes=20)


@dg.schedule(
    name="quality_schedule",
    job_name=QUALITY_JOB,
    cron_schedule=EVERY_QUARTER,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every 15 minutes while Globex is open by the market's clock, and once after.",
)
def quality_schedule(
    context: dg.ScheduleEvaluationContext, workbench: dg.ResourceParam[Workbench]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a look while rows may come."""
    now, globex = workbench.clock.now(), workbench.calendar.globex
    if not (globex.is_open(now) or globex.is_open(now - AFTERWARDS)):
        return dg.SkipReason(f"Globex is closed at {now:%Y-%m-%d %H:%M} UTC")
    return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())
