"""The scorecard: grade the calls of whole sessions, pool them with all before, report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.analysis.assets import replace_sessions
from futures_pipeline.orchestration.analysis.found import Found
from futures_pipeline.orchestration.checks import schema_result, schema_spec
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.reporting import (
    column_schema,
    on_session,
    row_counts,
    table_value,
)
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.scorecard import charts
from futures_pipeline.orchestration.scorecard.positions import score_positions
from futures_pipeline.storage.lake import CommitConflict
from futures_pipeline.storage.tables import (
    BARS_1M,
    CALIBRATION,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    PREMARKET_SIGNALS,
    SCORE_TABLES,
    SCORECARD,
    Table,
)

CONFLICT_RETRIES = 3
LISTED = 40
INPUTS = (PREMARKET_SIGNALS, FUTURES_SIGNALS, ENTRY_DECISIONS, BARS_1M)
DRAW: Mapping[str, Mapping[str, Callable[[pl.DataFrame], charts.Chart]]] = {
    SCORECARD.name: {"win_rates": charts.win_rate_chart, "not_yet": charts.progress_chart},
    CALIBRATION.name: {"calibration": charts.calibration_chart},
}


def scorecard_assets(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the assets of the scorecard, written by one step."""

    @dg.multi_asset(
        name=SCORECARD.name,
        specs=[_spec(table) for table in SCORE_TABLES],
        check_specs=[schema_spec(table) for table in SCORE_TABLES],
        partitions_def=partitions,
        pool=f"delta_{SCORECARD.name}",
    )
    def compute(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        positions = score_positions(workbench.lake, days)
        found = graded(workbench, days)
        try:
            replace_sessions(workbench, found, positions, context.run.run_id)
        except CommitConflict as conflict:
            raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=1) from conflict
        for table in SCORE_TABLES:
            rows, total = found.tables[table.name], workbench.row_count(table)
            for day in days:
                shown = metadata(table, on_session(rows, day), found.sentences[day], total)
                context.add_asset_metadata(shown, table.name, partition_key=str(day))
            yield dg.MaterializeResult(table.name, check_results=[schema_result(table, rows, days)])

    return compute


def graded(workbench: Workbench, days: Sequence[date]) -> Found:
    """Return the rows of some sessions, as far as prices can be in the lake."""
    from futures_pipeline.api.store import Store
    from futures_pipeline.orchestration.scorecard.computing import scored

    return scored(Store(workbench.lake, workbench.settings), days, workbench.deliverable_until())


def metadata(
    table: Table, rows: pl.DataFrame, said: Sequence[str], total: int
) -> dict[str, dg.MetadataValue]:
    """Return what a person sees of one session of a table: the verdicts, pictures, rows."""
    verdict = {"verdict": dg.MetadataValue.md("\n\n".join(said))} if table is SCORECARD else {}
    drawn = {name: draw(rows) for name, draw in DRAW.get(table.name, {}).items()}
    return {
        **(verdict if said else {}),
        **{name: chart for name, chart in drawn.items() if chart is not None},
        **row_counts(rows, total),
        "head": table_value(rows, LISTED),
    }


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[each.name for each in INPUTS],
        group_name="decisions",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "decisions"},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
    )
