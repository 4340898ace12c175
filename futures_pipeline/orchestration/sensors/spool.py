"""The sensor that starts ingestion when the spool is ahead of the lake."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from futures_pipeline.domain.sessions import Timetable
from futures_pipeline.orchestration.ingestion.positions import (
    Positions,
    last_input,
    spool_positions,
)
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.planning import (
    next_runs,
    outside_partitions,
    unknown_tables,
)
from futures_pipeline.orchestration.sensors.runs import failed_runs, run_request, unfinished_run
from futures_pipeline.storage.spool import Partition

INGEST_JOB = "ingest"
LEVEL = "the lake has every row of the spool"


def build_spool_sensor(
    partitions: dg.DailyPartitionsDefinition,
    interval_seconds: int,
) -> dg.SensorDefinition:
    """Return the sensor that starts job ``ingest`` for the sessions that have new rows."""

    @dg.sensor(
        name="spool_sensor",
        job_name=INGEST_JOB,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts ingestion for the sessions whose rows in the collector's spool are "
        "ahead of the lake: contiguous sessions in one run, one ingestion at a time.",
    )
    def spool_sensor(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SensorResult | dg.SkipReason:
        running = unfinished_run(context.instance, INGEST_JOB)
        if running is not None:
            return dg.SkipReason(f"ingestion run {running} is still under way")
        keys = partitions.get_partition_keys()
        spooled = workbench.spool.partitions()
        raw = spool_positions(spooled, set(session_dates(keys)))
        behind = sessions_to_ingest(raw, workbench)
        failed = failed_runs(context.instance, INGEST_JOB) if behind else []
        plan = next_runs(behind, failed, keys, datetime.now(UTC))
        left = left_in_spool(spooled, keys, workbench.calendar.globex)
        if not plan.ranges:
            return dg.SkipReason(skip_reason(plan.waiting, left))
        for says in left:
            context.log.warning(says)
        latest = max(part.last_seq for part in spooled)
        return dg.SensorResult([run_request(run, latest) for run in plan.ranges])

    return spool_sensor


def sessions_to_ingest(raw: Positions, workbench: Workbench) -> dict[date, int]:
    """Return the sessions with rows to ingest, with the last ``seq`` they depend on.

    ``raw``: the spool's positions.
    """
    globex = workbench.calendar.globex
    late = sorted(workbench.committed.raw_behind(raw))
    return {day: last_input(day, globex, raw) for day in late}


def left_in_spool(
    spooled: Collection[Partition], keys: Sequence[str], globex: Timetable
) -> list[str]:
    """Return a sentence on each kind of rows in the spool that no run ingests."""
    outside = outside_partitions({part.session_date for part in spooled}, keys, globex)
    unknown = unknown_tables({part.table for part in spooled})
    return [says for says in (outside, unknown) if says]


def skip_reason(waiting: Sequence[str], left: Sequence[str]) -> str:
    """Return why no run is started, for the sensor's page."""
    failed = (
        f"waiting before {', '.join(waiting)} is tried again after a failed run; "
        "see the failed runs of job ingest"
    )
    level = "the lake has every other row of the spool" if left else LEVEL
    return "; ".join([failed if waiting else level, *left])
