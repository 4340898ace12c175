"""The assets of the analysis: read bars, compute, replace whole sessions, report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.config import AnalysisSettings
from futures_pipeline.orchestration.analysis import charts
from futures_pipeline.orchestration.analysis.checks import (
    index_pairs_result,
    index_pairs_spec,
    labels_result,
    labels_spec,
)
from futures_pipeline.orchestration.analysis.found import (
    COMPARED_DAYS,
    HEATMAP_SESSIONS,
    POOLED_SESSIONS,
    ROLLING_SESSIONS,
    Found,
)
from futures_pipeline.orchestration.analysis.positions import bar_positions
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
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import CommitConflict, Once
from futures_pipeline.storage.tables import (
    BARS_1M,
    CORRELATION_DAYS,
    CORRELATION_HEATMAP,
    CORRELATION_MATRIX,
    CORRELATIONS,
    DIVERGENCES,
    LEAD_LAG,
    LEAD_LAG_VERDICTS,
    PREDICTIVE_VALUE,
    SPREADS,
    Table,
)

CONFLICT_RETRIES = 3

Checked = Callable[[Found, Sequence[date]], dg.AssetCheckResult]


@dataclass(frozen=True)
class Analysis:
    """One step: the tables it writes, what of, and what it shows.

    ``sessions``: how many of a pair it looks at, the session itself counted. ``after``: what
    has to be sound before it starts.
    """

    tables: tuple[Table, ...]
    sessions: Callable[[AnalysisSettings], int]
    draw: Mapping[str, Callable[[pl.DataFrame], charts.Chart]] = field(default_factory=dict)
    check: tuple[dg.AssetCheckSpec, Checked] | None = None
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.tables[0].name

    def check_specs(self) -> list[dg.AssetCheckSpec]:
        own = [] if self.check is None else [self.check[0]]
        return [*(schema_spec(table) for table in self.tables), *own]


ROLLING = Analysis(
    tables=(CORRELATIONS, DIVERGENCES, SPREADS),
    sessions=lambda _: ROLLING_SESSIONS,
    draw={CORRELATIONS.name: charts.rolling_chart, SPREADS.name: charts.spread_chart},
    check=(index_pairs_spec(), index_pairs_result),
)
MATRIX = Analysis(
    tables=(CORRELATION_MATRIX,),
    sessions=lambda _: POOLED_SESSIONS,
    draw={CORRELATION_MATRIX.name: charts.matrix_chart},
)
HEATMAP = Analysis(
    tables=(CORRELATION_HEATMAP, CORRELATION_DAYS),
    sessions=lambda _: max(COMPARED_DAYS, *HEATMAP_SESSIONS.values()),
    draw={CORRELATION_HEATMAP.name: charts.heatmap_chart},
)
LEADS = Analysis(
    tables=(LEAD_LAG, LEAD_LAG_VERDICTS),
    sessions=lambda settings: settings.sessions,
    draw={LEAD_LAG.name: charts.profile_chart},
    check=(labels_spec(), labels_result),
)
VALUE = Analysis(
    tables=(PREDICTIVE_VALUE,),
    sessions=lambda settings: settings.sessions,
    draw={PREDICTIVE_VALUE.name: charts.value_chart},
    after=(LEAD_LAG.name,),
)


def analysis_assets(
    analysis: Analysis, partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    """Return the assets of one analysis, written by one step."""

    @dg.multi_asset(
        name=analysis.name,
        specs=[_spec(table, analysis) for table in analysis.tables],
        check_specs=analysis.check_specs(),
        partitions_def=partitions,
        pool=f"delta_{analysis.name}",
    )
    def compute(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        positions, found = computed(workbench, analysis, days)
        try:
            replace_sessions(workbench, found, positions, context.run.run_id)
        except CommitConflict as conflict:
            raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=1) from conflict
        results = check_results(analysis, found, days)
        for table in analysis.tables:
            add_metadata(context, workbench, table, found, analysis)
            mine = [result for result in results if result.asset_key == dg.AssetKey(table.name)]
            yield dg.MaterializeResult(table.name, check_results=mine)

    return compute


def computed(
    workbench: Workbench, analysis: Analysis, days: Sequence[date]
) -> tuple[dict[date, int], Found]:
    """Return the rows of some sessions, with a position of each that they are not behind."""
    from futures_pipeline.api.store import Store
    from futures_pipeline.orchestration.analysis import computing

    opened = workbench.lake.open_or_create(BARS_1M.name)
    sessions = analysis.sessions(workbench.settings.analysis)
    positions = bar_positions(opened, days, workbench.calendar.globex, sessions)
    store = Store(workbench.lake, workbench.settings)
    return positions, computing.computed(store, analysis.name, days, sessions)


def replace_sessions(
    workbench: Workbench, found: Found, positions: Mapping[date, int], run_id: str
) -> None:
    """Store each session's rows with its position; a session without rows is emptied.

    Raises:
        CommitConflict: another writer was faster; compute again.
    """
    metadata = {"run_id": run_id, "settings": workbench.settings.fingerprint()}
    for name, of_table in found.tables.items():
        table = workbench.lake.open_or_create(name)
        for day, position in positions.items():
            once = Once(source_id(name, day), position)
            table.replace([day], on_session(of_table, day), metadata, once)


def check_results(
    analysis: Analysis, found: Found, days: Sequence[date]
) -> list[dg.AssetCheckResult]:
    """Return what the checks of all tables of an analysis say."""
    own = [] if analysis.check is None else [analysis.check[1](found, days)]
    schemas = [schema_result(table, found.tables[table.name], days) for table in analysis.tables]
    return [*schemas, *own]


def add_metadata(
    context: dg.AssetExecutionContext,
    workbench: Workbench,
    table: Table,
    found: Found,
    analysis: Analysis,
) -> None:
    """Add what a person sees of each session: the verdict first, then the picture."""
    total = workbench.row_count(table)
    draw = analysis.draw.get(table.name)
    for key in context.partition_keys:
        day = date.fromisoformat(key)
        of_session = on_session(found.tables[table.name], day)
        said = found.sentences.get(day, ())
        chart = None if draw is None else draw(of_session)
        metadata = {
            **({"verdict": dg.MetadataValue.md("\n\n".join(said))} if said else {}),
            **({} if chart is None else {"chart": chart}),
            **row_counts(of_session, total),
            "head": table_value(of_session),
        }
        context.add_asset_metadata(metadata, table.name, partition_key=key)


def _spec(table: Table, analysis: Analysis) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[BARS_1M.name, *analysis.after],
        group_name="derived",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "derived"},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
    )
