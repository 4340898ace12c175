"""What starts the analysis: two jobs, each with a sensor that looks every few minutes.

The rolling one follows ingestion. The daily one waits until a session is over, by the market's
own clock and calendar, so that it knows holidays, summer time and a replay alike.
"""

from collections.abc import Sequence
from datetime import date

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
from futures_pipeline.orchestration.parts import Parts
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.following import Following, following_sensor
from futures_pipeline.storage.tables import BARS_1M

ROLLING_JOB, DAILY_JOB = "rolling_analysis", "daily_analysis"
# Older sessions are back-filled by hand: a run computes each from all its sessions anew.
ROLLING_NEWEST, DAILY_NEWEST = 20, 3
IDLE = "everything is computed"
FOLLOWS = "Starts job {job} for the newest sessions whose stored bars are ahead of it."


def analysis_parts(
    partitions: dg.DailyPartitionsDefinition,
    settings: AnalysisSettings,
    guards: Sequence[dg.AssetChecksDefinition] = (),
) -> Parts:
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
        following_sensor(it, partitions, settings.interval_seconds, FOLLOWS.format(job=it.job))
        for it in (
            Following(ROLLING_JOB, rolling_behind, IDLE),
            Following(DAILY_JOB, daily_behind, IDLE),
        )
    ]
    return Parts([*rolling, *daily], jobs, sensors)


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
