"""Runs of the instance as the sensors need them: asked for, under way, failed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from futures_pipeline.orchestration.sensors.planning import FailedRun

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
# Dagster sets it on a run that failed by itself, and not on one whose process was killed.
FAILURE_REASON = "dagster/failure_reason"
# Everything the spool held when a run was asked for; batches after it are new.
SPOOL_SEQ = "futures_pipeline/spool_seq"
FAILURES_REMEMBERED = timedelta(days=1)

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FAILED = dg.DagsterRunStatus.FAILURE
UNSUCCESSFUL = [FAILED, dg.DagsterRunStatus.CANCELED]


def run_request(keys: Sequence[str], spool_seq: int) -> dg.RunRequest:
    """Return the request for one run over contiguous partition keys."""
    tags = {SPOOL_SEQ: str(spool_seq)}
    if len(keys) == 1:
        return dg.RunRequest(partition_key=keys[0], tags=tags)
    return dg.RunRequest(tags={**tags, RANGE_START: keys[0], RANGE_END: keys[-1]})


def unfinished_run(instance: dg.DagsterInstance, job: str) -> str | None:
    """Return the id of a run of ``job`` that is queued or under way, None without one."""
    unfinished = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
    runs = instance.get_runs(unfinished, limit=1)
    return runs[0].run_id if runs else None


def last_asked_at(instance: dg.DagsterInstance, job: str) -> datetime | None:
    """Return when the newest run of ``job`` was created, by the machine's clock."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    return records[0].create_timestamp if records else None


def failed_runs(instance: dg.DagsterInstance, job: str) -> list[FailedRun]:
    """Return the recent failed runs of ``job`` that the sensor asked for."""
    recent = dg.RunsFilter(
        job_name=job,
        statuses=UNSUCCESSFUL,
        updated_after=datetime.now(UTC) - FAILURES_REMEMBERED,
    )
    records = instance.get_run_records(recent, limit=200)
    return [
        FailedRun(
            first=tags.get(RANGE_START) or tags[PARTITION],
            last=tags.get(RANGE_END) or tags[PARTITION],
            spool_seq=int(tags[SPOOL_SEQ]),
            ended_at=record.update_timestamp,
            crashed=record.dagster_run.status is FAILED and FAILURE_REASON not in tags,
        )
        for record in records
        if SPOOL_SEQ in (tags := record.dagster_run.tags)
    ]
