"""What starts the signals: one job, and a schedule on the market's own clock and calendar.

The schedule is asked each minute and starts the job when a fifth minute has passed and its rows
can be in the lake, a little over a minute after it. So it knows summer time, holidays,
shortened days and a replay alike, and the final pre-market signal is there before the open.
"""

from datetime import date, datetime

import dagster as dg

from futures_pipeline.decisions.signals.timing import WARNINGS_EVERY, newest_tick
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.orchestration.decisions.assets import decision_assets
from futures_pipeline.orchestration.decisions.due import known_until
from futures_pipeline.orchestration.parts import Parts
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.runs import unfinished_run

DECISIONS_JOB = "decisions_job"
EVERY_MINUTE = "* * * * *"


def decision_parts(partitions: dg.DailyPartitionsDefinition) -> Parts:
    """Return signals, warnings and decisions of one configuration."""
    assets = decision_assets(partitions)
    job = dg.define_asset_job(
        DECISIONS_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="Says what is due: early warnings, signals, decisions.",
    )
    return Parts(assets, [job], schedules=[decision_schedule])


@dg.schedule(
    name="decisions_schedule",
    job_name=DECISIONS_JOB,
    cron_schedule=EVERY_MINUTE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="By the market's clock and the exchange's calendar: warnings every 5 minutes "
    "while Globex is open, pre-market signals every 15 minutes from 04:00 to 09:15 and at 09:25 "
    "New York of NYSE's days, futures signals and decisions every 5 minutes of its hours.",
)
def decision_schedule(
    context: dg.ScheduleEvaluationContext, workbench: dg.ResourceParam[Workbench]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for what is due once for each fifth minute."""
    due = due_run(workbench.deliverable_until(), workbench.calendar)
    if due is None:
        return dg.SkipReason("Globex is closed by the market's clock")
    partition, _ = due
    due = due_run(known_until(workbench, date.fromisoformat(partition)), workbench.calendar)
    if due is None:
        return dg.SkipReason(f"the rows of session {partition} are on their way into the lake")
    running = unfinished_run(context.instance, DECISIONS_JOB)
    if running is not None:
        return dg.SkipReason(f"run {running} of job {DECISIONS_JOB} is still under way")
    partition, tick = due
    return dg.RunRequest(partition_key=partition, run_key=f"{tick:%Y-%m-%dT%H:%M}Z")


def due_run(until: datetime, calendar: TradingCalendar) -> tuple[str, datetime] | None:
    """Return the partition and the fifth minute to run for, None while nothing is due.

    ``until``: up to when rows can be in the lake.
    """
    tick = newest_tick(until, calendar.globex)
    if tick is None:
        return None
    return str(calendar.session_date(tick - WARNINGS_EVERY)), tick
