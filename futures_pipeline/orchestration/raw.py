"""The raw assets: the spool's rows in the lake, and what was refused on the way."""

from collections.abc import Sequence
from datetime import date, datetime

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.checks import (
    NEWEST_SESSIONS,
    coverage_result,
    coverage_spec,
    refused_result,
    refused_spec,
    schema_result,
    schema_spec,
)
from futures_pipeline.orchestration.coverage import (
    bar_coverage,
    deliverable_until,
    lowest_percent,
)
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.reporting import (
    close_chart,
    column_schema,
    ingest_metadata,
    on_session,
    row_counts,
    summary,
    table_value,
)
from futures_pipeline.orchestration.resources import Pipeline
from futures_pipeline.storage.tables import BARS_1M, QUARANTINE, RAW_TABLES, Table

OWNERS = ["team:futures-pipeline"]
SPOOL_KEY = "collector_spool"

SPOOL = dg.AssetSpec(
    SPOOL_KEY,
    description="Batches of rows that the collector received from Interactive Brokers and keeps "
    "until they are in the lake. Written outside Dagster, by the one process that talks to the "
    "broker.",
    group_name="collection",
    kinds={"sqlite", "ibkr"},
    owners=OWNERS,
    tags={"layer": "collection"},
)


def raw_asset(table: Table, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that brings one table from the spool into the lake, exactly once."""

    @dg.asset(
        name=table.name,
        description=table.description,
        partitions_def=partitions,
        deps=[SPOOL_KEY],
        check_specs=_specs(table),
        group_name="raw",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "raw"},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
        pool=f"delta_{table.name}",
    )
    def ingest(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        until = deliverable_until(pipeline.clock)
        reports = pipeline.ingest(table, days, context.run.run_id)
        rows = pipeline.lake.read(table.name, days)
        total = pipeline.row_count(table)
        for day, report in reports.items():
            context.log.info("session_ingested table=%s %s", table.name, summary(report))
            stored = on_session(rows, day)
            metadata = _bar_metadata(table, stored, day, until, pipeline)
            metadata |= ingest_metadata(report, stored, total)
            context.add_asset_metadata(metadata, partition_key=str(day))
        return dg.MaterializeResult(check_results=_results(table, rows, days, until, pipeline))

    return ingest


def quarantine_asset(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that shows the refused rows; the raw assets write them."""

    @dg.asset(
        name=QUARANTINE.name,
        description=QUARANTINE.description,
        partitions_def=partitions,
        deps=[table.name for table in RAW_TABLES],
        group_name="raw",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "raw"},
        metadata={"dagster/column_schema": column_schema(QUARANTINE)},
    )
    def report_refused(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> None:
        days = session_dates(context.partition_keys)
        rows = pipeline.lake.read(QUARANTINE.name, days)
        total = pipeline.row_count(QUARANTINE)
        for day in days:
            refused = on_session(rows, day)
            by_rule = refused.group_by("source_table", "rule", "says").len("rows")
            metadata = row_counts(refused, total)
            metadata["by_rule"] = table_value(by_rule.sort("rows", descending=True))
            metadata["refused"] = table_value(refused.drop("says", "row_index"))
            context.add_asset_metadata(metadata, partition_key=str(day))

    return report_refused


def _specs(table: Table) -> list[dg.AssetCheckSpec]:
    specs = [schema_spec(table), refused_spec(table)]
    return [*specs, coverage_spec()] if table is BARS_1M else specs


def _results(
    table: Table, rows: pl.DataFrame, days: Sequence[date], until: datetime, pipeline: Pipeline
) -> list[dg.AssetCheckResult]:
    judged = pipeline.judged_sessions(table, days, NEWEST_SESSIONS)
    stored = pipeline.stored_rows(table, judged)
    results = [
        schema_result(table, rows, days),
        refused_result(table, stored, pipeline.refused(table, judged), judged),
    ]
    if table is BARS_1M:
        share = bar_coverage(rows, pipeline.instruments, pipeline.calendar, days, until)
        results.append(coverage_result(share, days))
    return results


def _bar_metadata(
    table: Table, bars: pl.DataFrame, day: date, until: datetime, pipeline: Pipeline
) -> dict[str, dg.MetadataValue]:
    if table is not BARS_1M:
        return {}
    share = bar_coverage(bars, pipeline.instruments, pipeline.calendar, [day], until)
    lowest, chart = lowest_percent(share), close_chart(bars)
    return {
        "coverage": table_value(share.sort("share", nulls_last=True)),
        **({} if lowest is None else {"coverage_percent": dg.MetadataValue.float(lowest)}),
        **({} if chart is None else {"chart": chart}),
    }
