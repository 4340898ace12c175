"""The sensor that starts ingestion when the spool is ahead of the lake."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from futures_pipeline.orchestration.partitions import contiguous, session_dates
from futures_pipeline.orchestration.positions import (
    Positions,
    input_positions,
    spool_positions,
    wanted_positions,
)
from futures_pipeline.orchestration.resources import Pipeline

INGEST_JOB = "ingest"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
# Dagster sets it on a run that failed by itself, and not on one whose process was killed.
FAILURE_REASON = "dagster/failure_reason"
# Everything the spool held when a run was asked for; batches after it are new.
SPOOL_SEQ = "futures_pipeline/spool_seq"

LONGEST_RANGE = 60
FAILURES_REMEMBERED = timedelta(days=1)
CRASH_WAIT = timedelta(seconds=10)
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FAILED = dg.DagsterRunStatus.FAILURE
UNSUCCESSFUL = [FAILED, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class FailedRun:
    """An ingest run that failed: its sessions, the spool's last ``seq`` then, and its end.

    ``crashed``: its process was killed, so nothing is known against its rows.
    """

    first: str
    last: str
    spool_seq: int
    ended_at: datetime
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Ingestion:
    """What to start: lists of contiguous partition keys, and why there is nothing more."""

    ranges: list[list[str]]
    waiting: list[str]


def next_ingestion(
    behind: Mapping[date, int], failed: Sequence[FailedRun], keys: Sequence[str], now: datetime
) -> Ingestion:
    """Return the runs to start now.

    Args:
        behind: the sessions to ingest, with the last ``seq`` of their rows in the spool.
        failed: failed runs, as far back as failures are remembered.
        keys: all partition keys, ascending.
        now: machine time, UTC.

    A session that has failed with all its present rows waits: 5 minutes after the first
    failure, twice as long after each further one, at most an hour, and 10 seconds after a
    killed run. It is then tried alone, so that one broken session does not hold up its
    neighbours. New rows end the wait.
    """
    failures = {
        day: [run for run in failed if run.first <= str(day) <= run.last and seq <= run.spool_seq]
        for day, seq in behind.items()
    }
    waiting = [day for day, runs in failures.items() if runs and now < try_again_at(runs)]
    alone = [day for day, runs in failures.items() if runs and day not in waiting]
    fresh = [day for day, runs in failures.items() if not runs]
    ranges = contiguous(fresh, keys, LONGEST_RANGE)
    return Ingestion(
        ranges=[*ranges, *contiguous(alone, keys, 1)], waiting=sorted(map(str, waiting))
    )


def try_again_at(failures: Sequence[FailedRun]) -> datetime:
    """Return when a session may be tried again after these failures, at least one."""
    ended_at = max(failure.ended_at for failure in failures)
    refusals = sum(not failure.crashed for failure in failures)
    if not refusals:
        return ended_at + CRASH_WAIT
    return ended_at + min(FIRST_WAIT * (1 << min(refusals - 1, 10)), LONGEST_WAIT)


def outside_partitions(spooled: Collection[date], keys: Sequence[str]) -> str | None:
    """Return what to do about spooled sessions that are no partition, None without any."""
    known = set(session_dates(keys))
    outside = sorted(day for day in spooled if day not in known)
    if not outside:
        return None
    listed = ", ".join(map(str, outside[:5])) + (", ..." if len(outside) > 5 else "")
    first = keys[0] if keys else "none"
    if str(outside[0]) < first:
        remedy = f"set dagster.first_session to {outside[0]} or earlier and restart Dagster"
    else:
        remedy = "they are no Globex session, or lie after this machine's date: check the clock"
    return (
        f"the spool has rows of {len(outside)} sessions that are no partition ({listed}); "
        f"partitions begin at {first}; {remedy}"
    )


def run_request(keys: Sequence[str], spool_seq: int) -> dg.RunRequest:
    """Return the request for one run over contiguous partition keys."""
    tags = {SPOOL_SEQ: str(spool_seq)}
    if len(keys) == 1:
        return dg.RunRequest(partition_key=keys[0], tags=tags)
    return dg.RunRequest(tags={**tags, RANGE_START: keys[0], RANGE_END: keys[-1]})


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
        context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.SensorResult | dg.SkipReason:
        running = unfinished_run(context.instance, INGEST_JOB)
        if running is not None:
            return dg.SkipReason(f"ingestion run {running} is still under way")
        keys = partitions.get_partition_keys()
        spooled = pipeline.spool.partitions()
        raw = spool_positions(spooled, set(session_dates(keys)))
        behind = sessions_behind(raw, pipeline)
        failed = failed_runs(context.instance, INGEST_JOB) if behind else []
        ingestion = next_ingestion(behind, failed, keys, datetime.now(UTC))
        outside = outside_partitions({part.session_date for part in spooled}, keys)
        if not ingestion.ranges:
            return dg.SkipReason(skip_reason(ingestion.waiting, outside))
        if outside:
            context.log.warning(outside)
        latest = max(part.last_seq for part in spooled)
        return dg.SensorResult([run_request(run, latest) for run in ingestion.ranges])

    return spool_sensor


def sessions_behind(raw: Positions, pipeline: Pipeline) -> dict[date, int]:
    """Return the sessions to ingest or compute, with the last ``seq`` they depend on."""
    globex = pipeline.calendar.globex
    behind = pipeline.committed.behind(wanted_positions(raw, globex))
    return {day: max(input_positions(day, globex, raw)) for day in sorted(behind)}


def skip_reason(waiting: Sequence[str], outside: str | None) -> str:
    """Return why no run is started, for the sensor's page."""
    failed = (
        f"waiting before {', '.join(waiting)} is tried again after a failed run; "
        "see the failed runs of job ingest"
    )
    reasons = [failed] if waiting else ["the lake has every row of the spool"]
    return "; ".join([*reasons, outside] if outside else reasons)


def unfinished_run(instance: dg.DagsterInstance, job: str) -> str | None:
    """Return the id of a run of ``job`` that is queued or under way, None without one."""
    unfinished = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
    runs = instance.get_runs(unfinished, limit=1)
    return runs[0].run_id if runs else None


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
