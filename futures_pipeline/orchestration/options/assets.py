"""The assets ``derived_statistics`` and ``market_regimes``: compute, replace, check, show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.checks import schema_result, schema_spec
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.options import charts
from futures_pipeline.orchestration.options.checks import option_results, option_specs
from futures_pipeline.orchestration.options.storing import Statistics
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
    DERIVED_STATISTICS,
    MARKET_REGIMES,
    OPTION_ROUNDS,
    OPTION_SNAPSHOTS,
    Table,
)
from futures_pipeline.storage.tables.option_statistics import TWENTY_SEVEN

if TYPE_CHECKING:
    from futures_pipeline.orchestration.options.computing import Described

CONFLICT_RETRIES = 3
SHOWN_SESSIONS = 252


def option_statistics_assets(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the two assets, written by one step; a back-fill of theirs is one run in order."""

    @dg.multi_asset(
        name=DERIVED_STATISTICS.name,
        specs=[
            _spec(DERIVED_STATISTICS, BARS_1M, OPTION_SNAPSHOTS, OPTION_ROUNDS),
            _spec(MARKET_REGIMES, DERIVED_STATISTICS),
        ],
        check_specs=[
            schema_spec(DERIVED_STATISTICS),
            *option_specs(),
            schema_spec(MARKET_REGIMES),
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"delta_{DERIVED_STATISTICS.name}",
    )
    def describe(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        try:
            found = judged(workbench, days, context.run.run_id)
        except CommitConflict as conflict:
            raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=1) from conflict
        stored = {table.name: workbench.lake.read(table.name) for table in TABLES}
        add_metadata(context, stored, found)
        for table in TABLES:
            rows = stored[table.name].filter(pl.col("session_date").is_in(days))
            own = option_results(found.findings, days) if table is DERIVED_STATISTICS else []
            checked = [schema_result(table, rows, days), *own]
            yield dg.MaterializeResult(table.name, check_results=checked)

    return describe


TABLES = (DERIVED_STATISTICS, MARKET_REGIMES)


@dataclass
class Judged:
    """Some sessions as stored: what breaks the checks of each, which options were refused.

    ``refused``: by session, ``symbol``, ``reason``, ``rows``. ``newest`` is None for no session.
    """

    newest: "Described | None" = None
    findings: list[Mapping[str, pl.DataFrame]] = field(default_factory=list)
    refused: dict[date, pl.DataFrame] = field(default_factory=dict)


def judged(workbench: Workbench, days: Sequence[date], run_id: str) -> Judged:
    """Store some sessions and judge them.

    Raises:
        CommitConflict: another writer was faster.
    """
    from futures_pipeline.analytics.options.cleaning import refusals
    from futures_pipeline.orchestration.options.findings import contracts_before, evidence, findings

    found = Judged()
    for described in Statistics(workbench).described(days, run_id):
        before = contracts_before(workbench, described.session_date, found.newest)
        found.findings.append(findings(evidence(workbench, described, before)))
        found.refused[described.session_date] = refusals(described.chain.judged)
        found.newest = described
    return found


def add_metadata(
    context: dg.AssetExecutionContext,
    stored: Mapping[str, pl.DataFrame],
    found: Judged,
) -> None:
    """Add what a person sees: rows and refusals of each session, pictures of the newest one."""
    for table in TABLES:
        rows = stored[table.name]
        for key in context.partition_keys:
            of_session = on_session(rows, date.fromisoformat(key))
            metadata = {**row_counts(of_session, rows.height), "head": table_value(of_session)}
            context.add_asset_metadata(metadata, table.name, partition_key=key)
    for day, refused in found.refused.items():
        why = {"refused": table_value(refused, refused.height)}
        context.add_asset_metadata(why, DERIVED_STATISTICS.name, partition_key=str(day))
    if found.newest is not None:
        pictures = _pictures(found.newest, stored[DERIVED_STATISTICS.name])
        key = str(found.newest.session_date)
        context.add_asset_metadata(pictures, DERIVED_STATISTICS.name, partition_key=key)


def _pictures(newest: "Described", statistics: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    until = statistics.filter(pl.col("date") <= newest.session_date).sort("date")
    days = until["date"].unique().sort()[-SHOWN_SESSIONS:]
    shown = until.filter(pl.col("date").is_in(days.implode()))
    drawn = {
        "term_structure": charts.term_structure_chart(newest.smiles),
        "smile": charts.smile_chart(newest.chain.valued),
        "numbers": charts.history_chart(shown, list(TWENTY_SEVEN)),
    }
    return {name: chart for name, chart in drawn.items() if chart is not None}


def _spec(table: Table, *inputs: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[it.name for it in inputs],
        group_name="derived",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "derived"},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
    )
