"""What starts the analysis: two jobs, each with a sensor that looks every few minutes.

The rolling one follows ingestion. The daily one waits until a session is over, by the market's
own clock and calendar, so that it knows holidays, summer time and a replay alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg

from futures_pipeline.config import AnalysisSettings
from futures_pipeline.orchestration.analysis.assets import (
    HEATMAP,
    LEADS,
    MATRIX,
    ROLLING,
    VALUE,
    Analysis,
    analysis_assets,
)
from futures_pipeline.orchestration.analysis.positions import bar_positions, behind, newest_over
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.planning import next_runs
from futures_pipeline.orchestration.sensors.runs import failed_runs, run_request, unfinished_run
from futures_pipeline.storage.tables import BARS_1M

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

ROLLING_JOB, DAILY_JOB = "rolling_analysis", "daily_analysis"
# Older sessions are back-filled by hand: a run computes each from all its sessions anew.
ROLLING_NEWEST, DAILY_NEWEST = 20, 3


@dataclass(frozen=True, slots=True)
class AnalysisParts:
    """What the definitions take in: assets, their jobs and what starts these."""

    assets: list[dg.AssetsDefinition]
    jobs: "list[UnresolvedAssetJobDefinition]"
    sensors: list[dg.SensorDefinition]


def analysis_parts(
    partitions: dg.DailyPartitionsDefinition,
    settings: AnalysisSettings,
    guards: Sequence[dg.AssetChecksDefinition] = (),
) -> AnalysisParts:
    """Return the analysis of one configuration.

    ``guards``: checks whose failure keeps the daily statistics from starting. The rolling ones
    start all the same: they show where a pair came apart.
    """
    rolling = [analysis_assets(ROLLING, partitions)]
    daily = [analysis_assets(each, partitions) for each in (MATRIX, HEATMAP, LEADS, VALUE)]
    selected = dg.AssetSelection.assets(*daily)
    jobs = [
        dg.define_asset_job(
            ROLLING_JOB,
            selection=dg.AssetSelection.assets(*rolling),
            description="Computes the correlation of each pair at each minute, and divergences.",
        ),
        dg.define_asset_job(
            DAILY_JOB,
            selection=selected | dg.AssetSelection.checks(*guards) if guards else selected,
            description="Computes who leads and what that is worth, of sessions that are over.",
        ),
    ]
    sensors = [
        _sensor(ROLLING_JOB, partitions, settings.interval_seconds, rolling_behind),
        _sensor(DAILY_JOB, partitions, settings.interval_seconds, daily_behind),
    ]
    return AnalysisParts([*rolling, *daily], jobs, sensors)


def rolling_behind(workbench: Workbench) -> dict[date, int]:
    """Return the newest sessions whose correlations have to be computed, with their position."""
    bars = workbench.lake.open(BARS_1M.name)
    days = bars.session_dates()[-ROLLING_NEWEST:] if bars else []
    return _behind(workbench, [ROLLING], days)


def daily_behind(workbench: Workbench) -> dict[date, int]:
    """Return the newest sessions that are over and not yet judged, with their position.

    Predictive value does not count: where it is missing, a check has stopped it.
    """
    bars = workbench.lake.open(BARS_1M.name)
    held = bars.session_dates() if bars else []
    until = workbench.deliverable_until()
    days = newest_over(held, workbench.calendar.globex, until, DAILY_NEWEST)
    return _behind(workbench, [MATRIX, HEATMAP, LEADS], days)


def _behind(
    workbench: Workbench, analyses: Sequence[Analysis], days: Sequence[date]
) -> dict[date, int]:
    bars = workbench.lake.open(BARS_1M.name)
    found: dict[date, int] = {}
    for analysis in analyses if bars is not None else ():
        assert bars is not None
        sessions = analysis.sessions(workbench.settings.analysis)
        wanted = bar_positions(bars, days, workbench.calendar.globex, sessions)
        late = behind(wanted, analysis.tables, workbench.lake)
        found |= {day: max(position, found.get(day, 0)) for day, position in late.items()}
    return dict(sorted(found.items()))


def _sensor(
    job: str,
    partitions: dg.DailyPartitionsDefinition,
    interval_seconds: int,
    sessions_behind: Callable[[Workbench], dict[date, int]],
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{job}_sensor",
        job_name=job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts job {job} for the newest sessions whose stored bars are ahead of it.",
    )
    def look(
        context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.SensorResult | dg.SkipReason:
        running = unfinished_run(context.instance, job)
        if running is not None:
            return dg.SkipReason(f"run {running} of job {job} is still under way")
        late = sessions_behind(workbench)
        if not late:
            return dg.SkipReason("everything is computed")
        failed = failed_runs(context.instance, job)
        plan = next_runs(late, failed, partitions.get_partition_keys(), datetime.now(UTC))
        if not plan.ranges:
            return dg.SkipReason(f"waiting before {', '.join(plan.waiting)} is tried again")
        position = max(late.values())
        return dg.SensorResult([run_request(keys, position) for keys in plan.ranges])

    return look
