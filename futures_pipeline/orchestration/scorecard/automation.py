"""What starts the scorecard and the brief: two jobs, each with a sensor on the market's clock.

The scorecard follows sessions that are over. The brief is made once a trading day from 09:25 New
York on, when the decisions of that moment are there or, at the latest, four minutes later: a
morning without them has a brief that says so, before the open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from futures_pipeline.domain.sessions import NEW_YORK, new_york
from futures_pipeline.orchestration.analysis.positions import newest_over
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard.assets import scorecard_assets
from futures_pipeline.orchestration.scorecard.brief import morning_brief_asset
from futures_pipeline.orchestration.scorecard.positions import score_behind
from futures_pipeline.orchestration.sensors.planning import next_runs
from futures_pipeline.orchestration.sensors.runs import failed_runs, run_request, unfinished_run
from futures_pipeline.storage.tables import BARS_1M, ENTRY_DECISIONS

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

SCORECARD_JOB, BRIEF_JOB = "scorecard_job", "morning_brief_job"
# Older sessions are back-filled by hand.
NEWEST = 3
SCORECARD_SECONDS, BRIEF_SECONDS = 300, 15
# Market time after 09:25 New York: how long a brief waits for the decisions of that moment, and
# until when a missed one is still made.
DEADLINE, LATEST = timedelta(minutes=4), timedelta(hours=6)
# Machine time that a replay gives the runs before it: at ten times the speed they are as slow.
RUNS_TAKE = timedelta(seconds=150)


@dataclass(frozen=True, slots=True)
class ScorecardParts:
    """What the definitions take in: assets, their jobs and what starts these."""

    assets: list[dg.AssetsDefinition]
    jobs: "list[UnresolvedAssetJobDefinition]"
    sensors: list[dg.SensorDefinition]


def scorecard_parts(partitions: dg.DailyPartitionsDefinition) -> ScorecardParts:
    """Return the scorecard and the brief of one configuration."""
    scores, brief = scorecard_assets(partitions), morning_brief_asset(partitions)
    jobs = [
        dg.define_asset_job(
            SCORECARD_JOB,
            selection=dg.AssetSelection.assets(scores),
            description="Grades the signals and decisions of sessions that are over.",
        ),
        dg.define_asset_job(
            BRIEF_JOB,
            selection=dg.AssetSelection.assets(brief),
            description="Makes and archives the morning's page.",
        ),
    ]
    sensors = [
        _sensor(SCORECARD_JOB, partitions, SCORECARD_SECONDS, scores_due),
        _sensor(BRIEF_JOB, partitions, BRIEF_SECONDS, brief_due),
    ]
    return ScorecardParts([scores, brief], jobs, sensors)


def scores_due(workbench: Workbench) -> dict[date, int]:
    """Return the newest sessions that are over and not yet graded, with their position."""
    bars = workbench.lake.open(BARS_1M.name)
    held = bars.session_dates() if bars else []
    until = workbench.deliverable_until()
    days = newest_over(held, workbench.calendar.globex, until, NEWEST)
    return score_behind(workbench.lake, days)


def brief_due(workbench: Workbench) -> dict[date, int]:
    """Return this morning when its brief is due and not there; see :func:`is_due`."""
    from futures_pipeline.api.briefs import archived

    now = workbench.clock.now()
    day = now.astimezone(NEW_YORK).date()
    is_there = archived(workbench.settings.data, day).is_there
    if is_there or workbench.calendar.regular.on(day) is None:
        return {}
    after, speed = now - new_york(day, 9, 25), 1.0 / workbench.clock.system_seconds(1.0)
    return {day: 0} if is_due(after, speed, lambda: has_decisions(workbench, day)) else {}


def is_due(after: timedelta, speed: float, has_all: Callable[[], bool]) -> bool:
    """Return whether a brief is to be made.

    ``after``: market time since its moment. ``speed``: market seconds a machine second.
    ``has_all``: whether the decisions of the moment are there; asked only when it matters.

    >>> minute, no = timedelta(minutes=1), lambda: False
    >>> is_due(minute, 1.0, lambda: True), is_due(minute, 1.0, no), is_due(5 * minute, 1.0, no)
    (True, False, True)
    >>> is_due(5 * minute, 10.0, no), is_due(25 * minute, 10.0, no), is_due(420 * minute, 1.0, no)
    (False, True, False)
    """
    if not timedelta() <= after <= LATEST:
        return False
    return after >= max(DEADLINE, RUNS_TAKE * speed) or has_all()


def has_decisions(workbench: Workbench, day: date) -> bool:
    """Return whether the decisions of 09:25 New York of a day are stored."""
    opened = workbench.lake.open(ENTRY_DECISIONS.name)
    if opened is None:
        return False
    at = pl.col("timestamp") == new_york(day, 9, 25)
    rows = opened.scan().filter(pl.col("session_date") == day, at)
    return bool(rows.select(pl.len()).collect().item())


def _sensor(
    job: str,
    partitions: dg.DailyPartitionsDefinition,
    interval_seconds: int,
    sessions_due: Callable[[Workbench], dict[date, int]],
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{job.removesuffix('_job')}_sensor",
        job_name=job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {job} by the market's clock and calendar.",
    )
    def look(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SensorResult | dg.SkipReason:
        running = unfinished_run(context.instance, job)
        if running is not None:
            return dg.SkipReason(f"run {running} of {job} is still under way")
        due = sessions_due(workbench)
        if not due:
            return dg.SkipReason("nothing is due")
        failed = failed_runs(context.instance, job)
        plan = next_runs(due, failed, partitions.get_partition_keys(), datetime.now(UTC))
        if not plan.ranges:
            return dg.SkipReason(f"waiting before {', '.join(plan.waiting)} is tried again")
        position = max(due.values())
        return dg.SensorResult([run_request(keys, position) for keys in plan.ranges])

    return look
