"""Which runs Dagster may forget, so that a year of running stays fast.

Deleting a run deletes its events, and with the last materialization of a partition the
partition. So the newest good run of every session stays, for each job. Results of checks,
output and the event file of a run are not deleted with it; they are deleted here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from futures_pipeline.orchestration.sensors.runs import PARTITION, RANGE_END, RANGE_START

KEEP_GOOD = timedelta(days=1)
KEEP_FAILED = timedelta(days=30)
KEEP_RESULTS = timedelta(days=3)
# Runs by page, so that memory stays small.
PAGE = 500
ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended: its job, its first and last session, and whether all went well."""

    run_id: str
    job: str
    first: str
    last: str
    ended_at: datetime
    is_good: bool


def to_forget(runs: Iterable[EndedRun], now: datetime) -> list[str]:
    """Return the ids of the runs to delete; ``runs`` newest first.

    A good run goes after a day, a failed one after 30, unless it is the newest good run
    of its job on one of its sessions.
    """
    covered: dict[str, list[tuple[str, str]]] = {}
    forgotten = []
    for run in runs:
        spans = covered.setdefault(run.job, [])
        is_needed = run.is_good and not _covers(spans, run.first, run.last)
        if is_needed:
            spans.append((run.first, run.last))
        elif now - run.ended_at > (KEEP_GOOD if run.is_good else KEEP_FAILED):
            forgotten.append(run.run_id)
    return forgotten


def forget_runs(instance: dg.DagsterInstance, now: datetime) -> tuple[int, int]:
    """Delete old runs and results; return how many runs were deleted and how many are left."""
    runs = list(_ended_runs(instance))
    forgotten = to_forget(runs, now)
    for run_id in forgotten:
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        _delete_file(instance, run_id)
    _delete_results(instance, now - KEEP_RESULTS)
    return len(forgotten), len(runs) - len(forgotten)


def _delete_file(instance: dg.DagsterInstance, run_id: str) -> None:
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for suffix in ("", "-wal", "-shm"):
            Path(storage.path_for_shard(run_id) + suffix).unlink(missing_ok=True)


def _delete_results(instance: dg.DagsterInstance, before: datetime) -> None:
    """Delete old results of checks, never the newest of a check; no public call does it."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    column = AssetCheckExecutionsTable.c
    newest = sa.select(sa.func.max(column.id)).group_by(column.asset_key, column.check_name)
    is_old = column.create_timestamp < before.replace(tzinfo=None)  # stored in UTC, naive
    with storage.index_connection() as connection:
        connection.execute(
            AssetCheckExecutionsTable.delete().where(is_old, column.id.not_in(newest))
        )


def _covers(spans: Iterable[tuple[str, str]], first: str, last: str) -> bool:
    return any(begin <= first and last <= end for begin, end in spans)


def _ended_runs(instance: dg.DagsterInstance) -> Iterable[EndedRun]:
    cursor = None
    while True:
        found = instance.get_run_records(dg.RunsFilter(statuses=ENDED), limit=PAGE, cursor=cursor)
        for record in found:
            run, tags = record.dagster_run, record.dagster_run.tags
            session = tags.get(PARTITION, "")
            yield EndedRun(
                run.run_id,
                run.job_name,
                tags.get(RANGE_START, session),
                tags.get(RANGE_END, session),
                record.update_timestamp,
                run.status is dg.DagsterRunStatus.SUCCESS,
            )
        if len(found) < PAGE:
            return
        cursor = found[-1].dagster_run.run_id
