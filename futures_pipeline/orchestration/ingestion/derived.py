"""The derived assets: computed from stored raw rows, replaced session by session."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.orchestration.charts import change_chart
from futures_pipeline.orchestration.checks import require_sound, schema_result, schema_spec
from futures_pipeline.orchestration.ingestion.positions import (
    CHANGE_INPUTS,
    change_position,
    input_sessions,
)
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.reporting import (
    column_schema,
    newest_value,
    on_session,
    row_counts,
)
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import CommitConflict, Once
from futures_pipeline.storage.tables import BARS_1M, CHANGE_METRICS

CONFLICT_RETRIES = 3


def change_metrics_asset(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that computes the changes of whole sessions."""

    @dg.asset(
        name=CHANGE_METRICS.name,
        description=CHANGE_METRICS.description,
        partitions_def=partitions,
        deps=[table.name for table in CHANGE_INPUTS],
        check_specs=[schema_spec(CHANGE_METRICS)],
        group_name="derived",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "derived"},
        metadata={"dagster/column_schema": column_schema(CHANGE_METRICS)},
        pool=f"delta_{CHANGE_METRICS.name}",
    )
    def compute(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        positions, changes = session_changes(workbench, days)
        try:
            version = replace_sessions(workbench, changes, positions, context.run.run_id)
        except CommitConflict as conflict:
            raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=1) from conflict
        total = workbench.row_count(CHANGE_METRICS)
        for day in days:
            metadata = change_metadata(on_session(changes, day), total, version)
            context.add_asset_metadata(metadata, partition_key=str(day))
        return dg.MaterializeResult(check_results=[schema_result(CHANGE_METRICS, changes, days)])

    return compute


def session_changes(
    workbench: Workbench, days: Sequence[date]
) -> tuple[dict[date, int], pl.DataFrame]:
    """Return the changes of some sessions, with the input position of each session.

    Positions and rows of a table come from one version of it.

    Raises:
        dagster.Failure: stored rows break the rules of their table.
    """
    from futures_pipeline.analytics.changes import (
        ChangeSettings,
        change_metrics,
        market_hours,
        reference_prices,
    )

    calendar = workbench.calendar
    needed = sorted({day for asked in days for day in input_sessions(asked, calendar.globex)})
    positions, rows = workbench.raw_rows(CHANGE_INPUTS, needed)
    require_sound(rows)
    bars = rows.pop(BARS_1M.name)
    snapshots = pl.concat(rows.values())
    # What is stored counts: a symbol that is no longer collected keeps its changes.
    held = [UNIVERSE[symbol] for symbol in {*snapshots["symbol"], *bars["symbol"]}]
    ticks = {instrument.symbol: instrument.tick_size for instrument in held}
    hours = {instrument.symbol: market_hours(instrument.kind, calendar) for instrument in held}
    prices = reference_prices(snapshots, bars, ticks)
    interval = workbench.settings.collection.snapshot_interval_seconds
    settings = ChangeSettings(collection_interval_seconds=interval)
    changes = change_metrics(prices, hours, calendar, days, settings)
    inputs = {day: change_position(day, calendar.globex, positions) for day in days}
    return inputs, changes.select(CHANGE_METRICS.names).sort(CHANGE_METRICS.order)


def replace_sessions(
    workbench: Workbench, changes: pl.DataFrame, positions: dict[date, int], run_id: str
) -> int:
    """Store the changes of each session with its position; return the last table version.

    A session without changes is emptied.

    Raises:
        CommitConflict: another writer was faster; compute again.
    """
    table = workbench.lake.open_or_create(CHANGE_METRICS.name)
    for day, position in positions.items():
        rows = on_session(changes, day)
        metadata = {"run_id": run_id, "settings": workbench.settings.fingerprint()}
        table.replace([day], rows, metadata, Once(source_id(CHANGE_METRICS.name, day), position))
    return table.version


def change_metadata(
    rows: pl.DataFrame, total_rows: int, version: int
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of one session of change metrics."""
    known = rows["change_1h"].count() / rows.height if rows.height else 0.0
    chart = change_chart(rows)
    return {
        **row_counts(rows, total_rows),
        "change_1h_known_percent": dg.MetadataValue.float(round(100.0 * known, 2)),
        "delta_version": dg.MetadataValue.int(version),
        **({} if chart is None else {"chart": chart}),
        "newest": newest_value(rows, CHANGE_METRICS),
    }
