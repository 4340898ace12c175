"""What starts the scorecard and the brief: two jobs, each with a sensor on the market's clock.

The scorecard follows sessions that are over. The brief is made once a trading day from 09:25 New
York on, when the decisions of that moment are there or, at the latest, four minutes later: a
morning without them has a brief that says so, before the open.
"""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import polars as pl

from futures_pipeline.domain.sessions import NEW_YORK, new_york
from futures_pipeline.orchestration.analysis.positions import newest_over
from futures_pipeline.orchestration.parts import Parts
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard.assets import scorecard_assets
from futures_pipeline.orchestration.scorecard.brief import morning_brief_asset
from futures_pipeline.orchestration.scorecard.positions import score_behind
from futures_pipeline.orchestration.sensors.following import Following, following_sensor
from futures_pipeline.storage.tables import BARS_1M, ENTRY_DECISIONS

SCORECARD_JOB, BRIEF_JOB = "scorecard_job", "morning_brief_job"
# Older sessions are back-filled by hand.
NEWEST = 3
SCORECARD_SECONDS, BRIEF_SECONDS = 300, 15
# Market time after 09:25 New York: how long a brief waits for the decisions of that moment, and
# until when a missed one is still made.
DEADLINE, LATEST = timedelta(minutes=4), timedelta(hours=6)
# Machine time that a replay gives the runs before it: at ten times the speed they are as slow.
RUNS_TAKE = timedelta(seconds=150)


def scorecard_parts(partitions: dg.DailyPartitionsDefinition) -> Parts:
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
    grading = Following(SCORECARD_JOB, scores_due, "every session that is over is graded")
    writing = Following(BRIEF_JOB, brief_due, "no brief is due")
    sensors = [
        following_sensor(it, partitions, seconds, f"Starts {it.job} by the market's clock.")
        for it, seconds in ((grading, SCORECARD_SECONDS), (writing, BRIEF_SECONDS))
    ]
    return Parts([scores, brief], jobs, sensors)


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
    if after < LATEST and is_arriving(workbench, day):
        return {}  # a pipeline that was started late is fetching the night
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


def is_arriving(workbench: Workbench, day: date) -> bool:
    """Return whether bars of a session are collected and none is in the lake."""
    bars = workbench.lake.open(BARS_1M.name)
    if bars is not None and day in bars.session_dates():
        return False
    collected = {(part.table, part.session_date) for part in workbench.spool.partitions()}
    return (BARS_1M.name, day) in collected


def has_decisions(workbench: Workbench, day: date) -> bool:
    """Return whether the decisions of 09:25 New York of a day are stored."""
    opened = workbench.lake.open(ENTRY_DECISIONS.name)
    if opened is None:
        return False
    at = pl.col("timestamp") == new_york(day, 9, 25)
    rows = opened.scan().filter(pl.col("session_date") == day, at)
    return bool(rows.select(pl.len()).collect().item())
