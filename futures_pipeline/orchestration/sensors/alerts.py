"""The sensor that turns what is wrong now into alerts, and delivers them.

What is wrong: checks whose newest result failed, sessions whose runs failed and were not made
good, and events of the gateway that last.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from futures_pipeline.alerting import Condition, Outbox, Severity, alert_targets, deliver
from futures_pipeline.domain.causes import CAUSE_IN_WORDS, Cause
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.runs import (
    FAILURE_REASON,
    PARTITION,
    RANGE_END,
    RANGE_START,
)

if TYPE_CHECKING:
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

INTERVAL_SECONDS = 30
REMEMBERED = timedelta(days=3)
# A killed run is started again by itself.
SELF_HEALING = timedelta(minutes=5)
MOST_RUNS = 200
# Market time for which an event must last, and within which its last news must be.
LASTING, CURRENT = timedelta(minutes=10), timedelta(minutes=10)
NEWEST_SESSIONS = 2
LASTING_EVENTS = (
    Cause.COMPETING_SESSION,
    Cause.NO_PERMISSION,
    Cause.GATEWAY_DOWN,
    Cause.UPSTREAM_LOST,
)


def build_alert_sensor(
    checks: Sequence[dg.AssetCheckKey], jobs: Sequence[str]
) -> dg.SensorDefinition:
    """Return the sensor that looks at the results of ``checks`` and the runs of ``jobs``."""

    @dg.sensor(
        name="alert_sensor",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells a person, through the addresses in FUTURES_PIPELINE_ALERT_URLS, what "
        "has failed and when it is over. See: futures-pipeline alerts.",
    )
    def alert_sensor(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SkipReason:
        now = datetime.now(UTC)
        found = [
            *failed_checks(context.instance, checks),
            *failed_sessions(context.instance, jobs, now),
            *lasting_events(workbench.newest_events(NEWEST_SESSIONS), workbench.clock.now()),
        ]
        targets = alert_targets(workbench.settings.data)
        outbox = Outbox(workbench.settings.data)
        made = outbox.update(found, [target.id for target in targets], now)
        sent = deliver(outbox, targets, now)
        return dg.SkipReason(f"{len(found)} wrong, {made} new messages, {sent} delivered")

    return alert_sensor


def failed_checks(
    instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]
) -> list[Condition]:
    """Return the checks whose newest result failed, or could not be had."""
    newest = ((key, newest_result(instance, key)) for key in checks)
    return [_of_check(key, record) for key, record in newest if record and _has_failed(record)]


def newest_result(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey
) -> "AssetCheckExecutionRecord | None":
    """Return the newest execution of a check that has ended, None without one."""
    from dagster._core.storage.asset_check_execution_record import (
        AssetCheckExecutionRecordStatus as Status,
    )

    ended = {Status.SUCCEEDED, Status.FAILED}
    found = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=ended)
    return found[0] if found else None


def _has_failed(record: "AssetCheckExecutionRecord") -> bool:
    evaluation = record.evaluation
    return evaluation is None or not evaluation.passed


def _of_check(key: dg.AssetCheckKey, record: "AssetCheckExecutionRecord") -> Condition:
    evaluation, asset = record.evaluation, key.asset_key.to_user_string()
    name = key.name.removeprefix(f"{asset}_").replace("_", " ")
    if evaluation is None:
        says = f"the check itself failed; see run {record.run_id}"
        return Condition(f"check {asset} {key.name}", Severity.ERROR, f"{asset}: {name}", says)
    severity = Severity[evaluation.severity.value]
    says = evaluation.description or "failed"
    return Condition(f"check {asset} {key.name}", severity, f"{asset}: {name}", says)


def failed_sessions(
    instance: dg.DagsterInstance, jobs: Iterable[str], now: datetime
) -> list[Condition]:
    """Return the sessions whose runs failed within three days and not succeeded since."""
    return [condition for job in jobs for condition in _failed_of(instance, job, now)]


def _failed_of(instance: dg.DagsterInstance, job: str, now: datetime) -> Iterable[Condition]:
    failures = _runs(instance, job, dg.DagsterRunStatus.FAILURE, now - REMEMBERED)
    if not failures:
        return
    oldest = min(record.update_timestamp for record in failures)
    good = _runs(instance, job, dg.DagsterRunStatus.SUCCESS, oldest)
    told: set[tuple[str, str]] = set()
    for failure in failures:
        first, last = _span(failure)
        is_made_good = any(
            success.update_timestamp > failure.update_timestamp
            and _span(success)[0] <= first
            and last <= _span(success)[1]
            for success in good
        )
        is_young = now - failure.update_timestamp < SELF_HEALING and _was_killed(failure)
        if is_made_good or is_young or (first, last) in told:
            continue
        told.add((first, last))
        sessions = first if first == last else f"{first} to {last}"
        where = f"job {job}" + (f", session {sessions}" if sessions else "")
        says = f"run {failure.dagster_run.run_id} failed; see Dagster's page of it"
        yield Condition(f"run {job} {sessions}", Severity.ERROR, f"{where}: failed", says)


def _runs(
    instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus, since: datetime
) -> Sequence[dg.RunRecord]:
    wanted = dg.RunsFilter(job_name=job, statuses=[status], updated_after=since)
    return instance.get_run_records(wanted, limit=MOST_RUNS)


def _span(record: dg.RunRecord) -> tuple[str, str]:
    tags = record.dagster_run.tags
    session = tags.get(PARTITION, "")
    return tags.get(RANGE_START, session), tags.get(RANGE_END, session)


def _was_killed(record: dg.RunRecord) -> bool:
    return FAILURE_REASON not in record.dagster_run.tags


def lasting_events(events: pl.DataFrame, market_now: datetime) -> list[Condition]:
    """Return the events of the gateway that have lasted for ten minutes and still do.

    ``events``: rows of ``gateway_events``. An event that is under way is kept again and again
    with a later end, so one whose end is long past is over.
    """
    lasts = (pl.col("ends_at") - pl.col("starts_at")) >= LASTING
    is_current = pl.col("ends_at") >= market_now - CURRENT
    wanted = pl.col("event").is_in([cause.value for cause in LASTING_EVENTS])
    found = (
        events.filter(wanted, lasts, is_current)
        .group_by("event")
        .agg(pl.col("starts_at").min(), pl.col("contract").unique().sort())
    )
    return [
        Condition(
            f"event {event}",
            Severity.ERROR,
            f"gateway: {event.replace('_', ' ')}",
            f"{CAUSE_IN_WORDS[Cause(event)]}, since {since:%Y-%m-%d %H:%M} UTC: "
            f"{'everything' if '*' in contracts else ', '.join(contracts)}",
        )
        for event, since, contracts in found.sort("event").iter_rows()
    ]
