"""What most sensors do: start one job for the sessions that are due, a run at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.planning import next_runs
from futures_pipeline.orchestration.sensors.runs import failed_runs, run_request, unfinished_run


@dataclass(frozen=True, slots=True)
class Following:
    """A job, and what tells its sessions: ``due`` gives each with its position of input.

    ``idle`` is said when none is due.
    """

    job: str
    due: Callable[[Workbench], dict[date, int]]
    idle: str

    def runs(
        self,
        instance: dg.DagsterInstance,
        workbench: Workbench,
        partitions: dg.DailyPartitionsDefinition,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        """Return the runs to start now, or why there is none."""
        running = unfinished_run(instance, self.job)
        if running is not None:
            return dg.SkipReason(f"run {running} of job {self.job} is still under way")
        due = self.due(workbench)
        if not due:
            return dg.SkipReason(self.idle)
        failed, keys = failed_runs(instance, self.job), partitions.get_partition_keys()
        plan = next_runs(due, failed, keys, datetime.now(UTC))
        if not plan.ranges:
            return dg.SkipReason(f"waiting before {', '.join(plan.waiting)} is tried again")
        return [run_request(run, max(due.values())) for run in plan.ranges]


def following_sensor(
    following: Following,
    partitions: dg.DailyPartitionsDefinition,
    interval_seconds: int,
    description: str,
) -> dg.SensorDefinition:
    """Return a sensor that looks every ``interval_seconds``."""

    @dg.sensor(
        name=f"{following.job.removesuffix('_job')}_sensor",
        job_name=following.job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def look(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return following.runs(context.instance, workbench, partitions)

    return look
