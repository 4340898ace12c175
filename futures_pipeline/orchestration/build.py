"""Puts the definitions together."""

import dagster as dg

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.coverage import coverage_assets
from futures_pipeline.orchestration.derived import change_metrics_asset
from futures_pipeline.orchestration.partitions import session_partitions
from futures_pipeline.orchestration.raw import SPOOL, quarantine_asset, raw_asset
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors import INGEST_JOB, build_spool_sensor
from futures_pipeline.storage.tables import RAW_TABLES


def build_defs(settings: Settings) -> dg.Definitions:
    """Return the assets, job and sensor that work on one configuration.

    Steps of a run share one process: a process a step costs four times as much.
    """
    workbench = Workbench(settings)
    partitions = session_partitions(settings.dagster.first_session, workbench.calendar.globex)
    assets = [
        *(raw_asset(table, partitions) for table in RAW_TABLES),
        quarantine_asset(partitions),
        coverage_assets(partitions),
        change_metrics_asset(partitions),
    ]
    job = dg.define_asset_job(
        INGEST_JOB,
        selection=dg.AssetSelection.assets(*assets),
        description="Brings the spool's new rows into the lake and computes what follows.",
    )
    interval = settings.dagster.ingest_interval_seconds
    return dg.Definitions(
        assets=[SPOOL, *assets],
        jobs=[job],
        sensors=[build_spool_sensor(partitions, interval)],
        resources={"workbench": workbench},
        executor=dg.in_process_executor,
    )
