"""The assets: say what is due and not yet said, keep it, report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.analysis.charts import Chart
from futures_pipeline.orchestration.checks import schema_result, schema_spec
from futures_pipeline.orchestration.decisions.charts import (
    confidence_chart,
    drawdown_chart,
    z_chart,
)
from futures_pipeline.orchestration.decisions.checks import SAID_CHECKS
from futures_pipeline.orchestration.decisions.due import known_until
from futures_pipeline.orchestration.decisions.storing import keep
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.reporting import (
    column_schema,
    on_session,
    row_counts,
    table_value,
)
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.lake import CommitConflict
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    FUTURES_SNAPSHOTS,
    MARKET_REGIMES,
    PREDICTIVE_VALUE,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
    SPOT_SNAPSHOTS,
    Table,
)

GROUP = "decisions"
CONFLICT_RETRIES = 3
RAW = (BARS_1M, FUTURES_SNAPSHOTS, SPOT_SNAPSHOTS)
# What each is computed from; a warning is there before the decision that it may stop.
INPUTS: Mapping[str, Sequence[Table]] = {
    REGIME_WARNINGS.name: (BARS_1M,),
    PREMARKET_SIGNALS.name: (*RAW, MARKET_REGIMES),
    FUTURES_SIGNALS.name: (*RAW, PREDICTIVE_VALUE),
    ENTRY_DECISIONS.name: (
        FUTURES_SIGNALS,
        PREMARKET_SIGNALS,
        REGIME_WARNINGS,
        MARKET_REGIMES,
        PREDICTIVE_VALUE,
    ),
}
DRAW: Mapping[str, Callable[[pl.DataFrame], Chart]] = {
    REGIME_WARNINGS.name: drawdown_chart,
    PREMARKET_SIGNALS.name: z_chart,
    FUTURES_SIGNALS.name: z_chart,
    ENTRY_DECISIONS.name: confidence_chart,
}
SAID_TABLES = (REGIME_WARNINGS, PREMARKET_SIGNALS, FUTURES_SIGNALS, ENTRY_DECISIONS)


def decision_assets(partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return the asset of each table, in the order they are computed."""
    return [said_asset(table, partitions) for table in SAID_TABLES]


def said_asset(table: Table, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says what is due of a session and keeps it.

    What was said stands: a rerun adds the moments that are missing and changes none.
    """
    checks = [check for check in SAID_CHECKS if check.table is table]

    @dg.asset(
        name=table.name,
        description=table.description,
        partitions_def=partitions,
        deps=[each.name for each in INPUTS[table.name]],
        check_specs=[schema_spec(table), *(check.spec() for check in checks)],
        group_name=GROUP,
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": GROUP},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
        pool=f"delta_{table.name}",
    )
    def say(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        try:
            new = {day: said(workbench, table, day, context.run.run_id) for day in days}
        except CommitConflict as conflict:
            raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=1) from conflict
        rows = workbench.lake.read(table.name, days)
        for day, metadata in reported(workbench, table, rows, new):
            context.add_asset_metadata(metadata, partition_key=str(day))
        judged = [check.result(rows, days, workbench.calendar) for check in checks]
        return dg.MaterializeResult(check_results=[schema_result(table, rows, days), *judged])

    return say


def said(workbench: Workbench, table: Table, day: date, run_id: str) -> int:
    """Say and keep what is due of a session and not there; return how many rows are new.

    Raises:
        CommitConflict: another writer was faster; compute again.
    """
    from futures_pipeline.api.store import Store
    from futures_pipeline.orchestration.decisions.computing import missing_rows

    until = known_until(workbench, day)
    store = Store(workbench.lake, workbench.settings)
    rows = missing_rows(store, table, day, until, workbench.calendar)
    return keep(workbench, table, rows, workbench.clock.now(), run_id).height


def reported(
    workbench: Workbench, table: Table, rows: pl.DataFrame, new: Mapping[date, int]
) -> Iterator[tuple[date, dict[str, dg.MetadataValue]]]:
    """Yield what a person sees of each session: the newest sentences first, then the picture."""
    total = workbench.row_count(table)
    for day, count in new.items():
        of_session = on_session(rows, day)
        chart = DRAW[table.name](of_session)
        yield (
            day,
            {
                "says": dg.MetadataValue.md(newest_sentences(of_session, table)),
                **({} if chart is None else {"chart": chart}),
                **row_counts(of_session, total),
                "new_rows": dg.MetadataValue.int(count),
                "newest": table_value(of_session.sort("timestamp", descending=True)),
            },
        )


def newest_sentences(rows: pl.DataFrame, table: Table) -> str:
    """Return what was last said of each symbol, with the id that its receipt is found by."""
    if table is REGIME_WARNINGS:
        says = pl.col("level")
    elif table is ENTRY_DECISIONS:
        says = pl.format("**{}**: {}", "action", "reason")
    else:
        says = pl.coalesce("reasoning", pl.format("no signal: {}", "reason"))
    newest = rows.sort("timestamp").group_by("symbol", maintain_order=True).last()
    lines = newest.select("symbol", "timestamp", says.alias("says"), "id")
    return (
        "\n\n".join(
            f"{symbol} {at:%H:%M} UTC: {text} (`futures-pipeline receipt {row_id}`)"
            for symbol, at, text, row_id in lines.iter_rows()
        )
        or "nothing was due yet"
    )
