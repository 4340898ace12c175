"""The sensor that computes what follows from stored rows: at once when a session is over."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from futures_pipeline.orchestration.ingestion.positions import (
    Positions,
    last_input,
    spool_positions,
)
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.planning import next_runs
from futures_pipeline.orchestration.sensors.runs import (
    failed_runs,
    last_asked_at,
    run_request,
    unfinished_run,
)
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB, sessions_to_ingest

DERIVE_JOB = "derive"
# The running session is computed again after so many looks at the spool: a run takes seconds
# of processor time however little is new (docs/decisions/0021).
LOOKS_BETWEEN = 10


def build_derived_sensor(
    partitions: dg.DailyPartitionsDefinition, interval_seconds: int
) -> dg.SensorDefinition:
    """Return the sensor that starts job ``derive``; ``interval_seconds`` between two looks."""
    patience = timedelta(seconds=LOOKS_BETWEEN * interval_seconds)

    @dg.sensor(
        name="derived_sensor",
        job_name=DERIVE_JOB,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Computes coverage and change metrics of the sessions whose stored rows are "
        f"ahead of them: of a session that is over at once, of the running one every "
        f"{patience.total_seconds():g} seconds.",
    )
    def derived_sensor(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SensorResult | dg.SkipReason:
        for job in (INGEST_JOB, DERIVE_JOB):
            if (run_id := unfinished_run(context.instance, job)) is not None:
                return dg.SkipReason(f"run {run_id} of job {job} is still under way")
        now, keys = datetime.now(UTC), partitions.get_partition_keys()
        asked_at = last_asked_at(context.instance, DERIVE_JOB)
        is_time = asked_at is None or now - asked_at >= patience
        spooled = workbench.spool.partitions()
        raw = spool_positions(spooled, set(session_dates(keys)))
        coming = next_runs(
            sessions_to_ingest(raw, workbench), failed_runs(context.instance, INGEST_JOB), keys, now
        )
        late = sessions_to_derive(raw, workbench)
        behind = due_now(late, coming.ranges, running_session(workbench), is_time)
        failed = failed_runs(context.instance, DERIVE_JOB) if behind else []
        plan = next_runs(behind, failed, keys, now)
        if not plan.ranges:
            return dg.SkipReason(_why(plan.waiting))
        latest = max(part.last_seq for part in spooled)
        return dg.SensorResult([run_request(run, latest) for run in plan.ranges])

    return derived_sensor


def sessions_to_derive(raw: Positions, workbench: Workbench) -> dict[date, int]:
    """Return the sessions to compute, with the last ``seq`` of the spool they depend on.

    ``raw``: the spool's positions. A session may only have to be computed because an earlier
    one came late; one that has ended, until its coverage is judged to the end.
    """
    globex = workbench.calendar.globex
    late = workbench.committed.derived_behind(raw, globex, workbench.deliverable_until())
    return {day: last_input(day, globex, raw) for day in sorted(late)}


def running_session(workbench: Workbench) -> date:
    """Return the session that rows are still coming for, by the market's time."""
    return workbench.calendar.session_date(workbench.deliverable_until())


def due_now(
    behind: dict[date, int], coming: Iterable[Iterable[str]], running: date, is_time: bool
) -> dict[date, int]:
    """Return the sessions to compute now.

    The ``running`` one when it is time, those before it at once, unless rows of theirs are
    about to be ingested (``coming``, ranges of partition keys): these come first.

    >>> behind = {date(2025, 1, 13): 4, date(2025, 1, 14): 5, date(2025, 1, 15): 6}
    >>> due_now(behind, [["2025-01-14", "2025-01-15"]], date(2025, 1, 15), True)
    {datetime.date(2025, 1, 13): 4, datetime.date(2025, 1, 15): 6}
    >>> due_now(behind, [], date(2025, 1, 15), False)
    {datetime.date(2025, 1, 13): 4, datetime.date(2025, 1, 14): 5}
    """
    first = {key for keys in coming for key in keys}
    over = {day: seq for day, seq in behind.items() if day < running and str(day) not in first}
    return over | {day: seq for day, seq in behind.items() if is_time and day >= running}


def _why(waiting: list[str]) -> str:
    if not waiting:
        return "everything is computed, or was a short while ago"
    return (
        f"waiting before {', '.join(waiting)} is tried again after a failed run; "
        f"see the failed runs of job {DERIVE_JOB}"
    )
