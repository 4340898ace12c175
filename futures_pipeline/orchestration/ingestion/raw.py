"""The raw assets: the spool's rows in the lake, and what was refused on the way."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.charts import (
    answered_chart,
    close_chart,
    quote_chart,
    volatility_chart,
)
from futures_pipeline.orchestration.checks import (
    NEWEST_SESSIONS,
    refused_result,
    refused_spec,
    schema_result,
    schema_spec,
)
from futures_pipeline.orchestration.ingestion.session_coverage import SNAPSHOTS
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.reporting import (
    column_schema,
    ingest_metadata,
    on_session,
    row_counts,
    summary,
    table_value,
)
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import (
    BARS_1M,
    CRYPTO_SNAPSHOTS,
    OPTION_ROUNDS,
    OPTION_SNAPSHOTS,
    QUARANTINE,
    RAW_TABLES,
    Table,
)

OWNERS = ["team:futures-pipeline"]
SPOOL_KEY = "collector_spool"
# What a session of a table looks like; events and refused rows are better read than drawn.
CHARTS: Mapping[str, Callable[[pl.DataFrame], dg.MetadataValue | None]] = {
    **{table.name: quote_chart for table in (*SNAPSHOTS, CRYPTO_SNAPSHOTS)},
    BARS_1M.name: close_chart,
    OPTION_ROUNDS.name: answered_chart,
    OPTION_SNAPSHOTS.name: volatility_chart,
}

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
        check_specs=[schema_spec(table), refused_spec(table)],
        group_name="raw",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "raw"},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
        pool=f"delta_{table.name}",
    )
    def ingest(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        reports = workbench.ingest(table, days, context.run.run_id)
        rows = workbench.lake.read(table.name, days)
        total = workbench.row_count(table)
        for day, report in reports.items():
            context.log.info("session_ingested table=%s %s", table.name, summary(report))
            stored = on_session(rows, day)
            metadata = _chart(table, stored) | ingest_metadata(table, report, stored, total)
            context.add_asset_metadata(metadata, partition_key=str(day))
        return dg.MaterializeResult(check_results=_results(table, rows, days, workbench))

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
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> None:
        days = session_dates(context.partition_keys)
        rows = workbench.lake.read(QUARANTINE.name, days)
        total = workbench.row_count(QUARANTINE)
        for day in days:
            refused = on_session(rows, day)
            by_rule = refused.group_by("source_table", "rule", "says").len("rows")
            metadata = row_counts(refused, total)
            metadata["by_rule"] = table_value(by_rule.sort("rows", descending=True))
            metadata["refused"] = table_value(refused.drop("says", "row_index"))
            context.add_asset_metadata(metadata, partition_key=str(day))

    return report_refused


def _results(
    table: Table, rows: pl.DataFrame, days: Sequence[date], workbench: Workbench
) -> list[dg.AssetCheckResult]:
    judged = workbench.judged_sessions(table, days, NEWEST_SESSIONS)
    stored = workbench.stored_rows(table, judged)
    return [
        schema_result(table, rows, days),
        refused_result(table, stored, workbench.refused(table, judged), judged),
    ]


def _chart(table: Table, rows: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    draw = CHARTS.get(table.name)
    chart = draw(rows) if draw else None
    return {} if chart is None else {"chart": chart}
