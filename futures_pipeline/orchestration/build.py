"""Puts the definitions together."""

from typing import TYPE_CHECKING

import dagster as dg

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.analysis.automation import analysis_parts
from futures_pipeline.orchestration.coverage.assets import coverage_assets
from futures_pipeline.orchestration.decisions.automation import decision_parts
from futures_pipeline.orchestration.ingestion.derived import change_metrics_asset
from futures_pipeline.orchestration.ingestion.raw import SPOOL, quarantine_asset, raw_asset
from futures_pipeline.orchestration.operations.upkeep import UPKEEP, UPKEEP_JOB, upkeep_schedule
from futures_pipeline.orchestration.options.automation import option_parts
from futures_pipeline.orchestration.partitions import session_partitions
from futures_pipeline.orchestration.quality.freshness import freshness_checks
from futures_pipeline.orchestration.quality.schedule import quality_schedule
from futures_pipeline.orchestration.quality.series import QUALITY_JOB, change_checks, pair_checks
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard.automation import scorecard_parts
from futures_pipeline.orchestration.sensors.alerts import build_alert_sensor
from futures_pipeline.orchestration.sensors.derived import DERIVE_JOB, build_derived_sensor
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB, build_spool_sensor
from futures_pipeline.storage.tables import RAW_TABLES

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )


def build_defs(settings: Settings) -> dg.Definitions:
    """Return the assets, checks, jobs, sensors and schedules of one configuration.

    Steps of a run share one process: a process a step costs four times as much.
    """
    workbench = Workbench(settings)
    partitions = session_partitions(settings.dagster.first_session, workbench.calendar.globex)
    interval = settings.dagster.ingest_interval_seconds
    raw = [*(raw_asset(table, partitions) for table in RAW_TABLES), quarantine_asset(partitions)]
    derived = [coverage_assets(partitions), change_metrics_asset(partitions)]
    parts = (
        analysis_parts(partitions, settings.analysis, [pair_checks]),
        option_parts(partitions, settings.options),
        decision_parts(partitions),
        scorecard_parts(partitions),
    )
    assets = [*raw, *derived, *(asset for part in parts for asset in part.assets), *UPKEEP]
    series = [change_checks, pair_checks, freshness_checks]
    checks = [key for defined in (*assets, *series) for key in defined.check_keys]
    return dg.Definitions(
        assets=[SPOOL, *assets],
        asset_checks=series,
        jobs=[*_jobs(raw, derived), *(job for part in parts for job in part.jobs)],
        sensors=[
            build_spool_sensor(partitions, interval),
            build_derived_sensor(partitions, interval),
            *(sensor for part in parts for sensor in part.sensors),
            build_alert_sensor(
                checks,
                [
                    *(INGEST_JOB, DERIVE_JOB, UPKEEP_JOB),
                    *(job.name for part in parts for job in part.jobs),
                ],
            ),
        ],
        schedules=[
            quality_schedule,
            upkeep_schedule,
            *(it for part in parts for it in part.schedules),
        ],
        resources={"workbench": workbench},
        executor=dg.in_process_executor,
    )


def _jobs(
    raw: list[dg.AssetsDefinition], derived: list[dg.AssetsDefinition]
) -> "list[UnresolvedAssetJobDefinition]":
    # Selected by themselves: they judge what came before, and must run when nothing comes.
    series = dg.AssetSelection.checks(pair_checks, freshness_checks)
    return [
        dg.define_asset_job(
            INGEST_JOB,
            selection=dg.AssetSelection.assets(*raw) - series,
            description="Brings the spool's new rows into the lake.",
        ),
        dg.define_asset_job(
            DERIVE_JOB,
            selection=dg.AssetSelection.assets(*derived) - series,
            description="Computes what follows from the stored rows of a session.",
        ),
        dg.define_asset_job(
            QUALITY_JOB,
            selection=series,
            description="Looks for series that are stale, stand still, lag or do not belong.",
        ),
        dg.define_asset_job(
            UPKEEP_JOB,
            selection=dg.AssetSelection.assets(*UPKEEP),
            description="Keeps the lake and Dagster's own storage in shape.",
        ),
    ]
