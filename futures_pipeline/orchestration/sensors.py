"""The sensor that starts ingestion when the spool is ahead of the lake."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from futures_pipeline.domain.sessions import Timetable
from futures_pipeline.orchestration.partitions import contiguous, session_dates
from futures_pipeline.orchestration.positions import (
    Positions,
    last_input,
    spool_positions,
)
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.spool import Partition
from futures_pipeline.storage.tables import RAW_TABLES

INGEST_JOB = "ingest"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
# Dagster sets it on a run that failed by itself, and not on one whose process was killed.
FAILURE_REASON = "dagster/failure_reason"
# Everything the spool held when a run was asked for; batches after it are new.
SPOOL_SEQ = "futures_pipeline/spool_seq"

LEVEL = "the lake has every row of the spool"
SATURDAY = 5
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
class RunPlan:
    """What to start: lists of contiguous partition keys, and why there is nothing more."""

    ranges: list[list[str]]
    waiting: list[str]


def next_ingestion(
    behind: Mapping[date, int], failed: Sequence[FailedRun], keys: Sequence[str], now: datetime
) -> RunPlan:
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
    return RunPlan(ranges=[*ranges, *contiguous(alone, keys, 1)], waiting=sorted(map(str, waiting)))


def try_again_at(failures: Sequence[FailedRun]) -> datetime:
    """Return when a session may be tried again after these failures, at least one."""
    ended_at = max(failure.ended_at for failure in failures)
    refusals = sum(not failure.crashed for failure in failures)
    if not refusals:
        return ended_at + CRASH_WAIT
    return ended_at + min(FIRST_WAIT * (1 << min(refusals - 1, 10)), LONGEST_WAIT)


def outside_partitions(
    spooled: Collection[date], keys: Sequence[str], globex: Timetable
) -> str | None:
    """Return what to do about spooled sessions that are no partition, None without any."""
    known = set(session_dates(keys))
    outside = sorted(day for day in spooled if day not in known)
    if not outside:
        return None
    closed = [day for day in outside if is_closed(day, globex)]
    sessions = [day for day in outside if day not in closed]
    early = [day for day in sessions if not keys or str(day) < keys[0]]
    late = [day for day in sessions if day not in early]
    kinds = [
        (early, "before the first partition; set dagster.first_session to {first} or earlier "
         "and restart Dagster"),
        (closed, "days without a Globex session, so no collector files rows there; find the "
         "program that wrote them"),
        (late, "after the last partition; check the clock of this machine and the collector's"),
    ]  # fmt: skip
    says = [
        f"{listed(map(str, days))} ({remedy.format(first=days[0])})"
        for days, remedy in kinds
        if days
    ]
    span = f"partitions are {keys[0]} to {keys[-1]}" if keys else "there is no partition yet"
    return (
        f"the spool has rows of {len(outside)} sessions that are no partition and are not "
        f"ingested: {', '.join(says)}; {span}"
    )


def is_closed(day: date, globex: Timetable) -> bool:
    """Return whether ``day`` is known to have no Globex session."""
    is_loaded = globex.sessions[0].session_date <= day <= globex.sessions[-1].session_date
    return day.weekday() >= SATURDAY or (is_loaded and globex.on(day) is None)


def unknown_tables(spooled: Collection[str]) -> str | None:
    """Return what to do about spooled tables that are no raw table, None without any."""
    known = [table.name for table in RAW_TABLES]
    unknown = sorted(set(spooled) - set(known))
    if not unknown:
        return None
    return (
        "the spool has rows of tables that are no raw table and are not "
        f"ingested: {listed(map(repr, unknown))}; raw tables are {', '.join(known)}; find the "
        "program that wrote them, or install the version of the pipeline that knows them"
    )


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return the first names as a list in a sentence."""
    shown = list(names)
    return ", ".join(shown[:limit]) + (", ..." if len(shown) > limit else "")


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
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SensorResult | dg.SkipReason:
        running = unfinished_run(context.instance, INGEST_JOB)
        if running is not None:
            return dg.SkipReason(f"ingestion run {running} is still under way")
        keys = partitions.get_partition_keys()
        spooled = workbench.spool.partitions()
        raw = spool_positions(spooled, set(session_dates(keys)))
        behind = sessions_behind(raw, workbench)
        failed = failed_runs(context.instance, INGEST_JOB) if behind else []
        plan = next_ingestion(behind, failed, keys, datetime.now(UTC))
        left = left_in_spool(spooled, keys, workbench.calendar.globex)
        if not plan.ranges:
            return dg.SkipReason(skip_reason(plan.waiting, left))
        for says in left:
            context.log.warning(says)
        latest = max(part.last_seq for part in spooled)
        return dg.SensorResult([run_request(run, latest) for run in plan.ranges])

    return spool_sensor


def sessions_behind(raw: Positions, workbench: Workbench) -> dict[date, int]:
    """Return the sessions to ingest or compute, with the last ``seq`` they depend on.

    ``raw``: the spool's positions. A session that only has to be computed anew, because an
    earlier one came late, is behind once that one is in the lake; a session that has ended,
    until its coverage is judged to the end.
    """
    globex = workbench.calendar.globex
    behind = workbench.committed.behind(raw, globex, workbench.deliverable_until())
    return {day: last_input(day, globex, raw) for day in sorted(behind)}


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
