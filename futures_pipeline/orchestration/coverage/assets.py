"""The coverage assets: what each session owes, has and misses, replaced session by session."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from futures_pipeline.orchestration.checks import NEWEST_SESSIONS, schema_result, schema_spec
from futures_pipeline.orchestration.coverage.report import (
    coverage_metadata,
    gap_metadata,
    unexplained_result,
    unexplained_spec,
)
from futures_pipeline.orchestration.ingestion.positions import coverage_position
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.ingestion.session_coverage import (
    COVERAGE_INPUTS,
    SessionCoverage,
    first_told_at,
    session_coverage,
    with_time_before,
)
from futures_pipeline.orchestration.partitions import session_dates
from futures_pipeline.orchestration.reporting import column_schema, on_session
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import CommitConflict, Once
from futures_pipeline.storage.tables import COVERAGE, GAPS, Table

CONFLICT_RETRIES = 3


def coverage_assets(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the two assets of the coverage ledger, written by one step."""

    @dg.multi_asset(
        name=COVERAGE.name,
        specs=[_spec(COVERAGE), _spec(GAPS)],
        check_specs=[schema_spec(COVERAGE), schema_spec(GAPS), unexplained_spec()],
        partitions_def=partitions,
        pool=f"delta_{COVERAGE.name}",
    )
    def judge(
        context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # Dagster knows the bare class only
        days = session_dates(context.partition_keys)
        until = workbench.deliverable_until(started_at(context))
        positions, found = judged(workbench, days, until)
        try:
            replace_coverage(workbench, found, positions, context.run.run_id)
        except CommitConflict as conflict:
            raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=1) from conflict
        add_metadata(context, workbench, found, days)
        yield dg.MaterializeResult(
            COVERAGE.name,
            check_results=[
                schema_result(COVERAGE, found.streams, days),
                unexplained(workbench, days, until),
            ],
        )
        yield dg.MaterializeResult(GAPS.name, check_results=[schema_result(GAPS, found.gaps, days)])

    return judge


def add_metadata(
    context: dg.AssetExecutionContext,
    workbench: Workbench,
    found: SessionCoverage,
    days: Sequence[date],
) -> None:
    """Add the metadata of each session to both assets."""
    streams, gaps = workbench.row_count(COVERAGE), workbench.row_count(GAPS)
    for day in days:
        of_streams = coverage_metadata(found, day, streams)
        of_gaps = gap_metadata(on_session(found.gaps, day), gaps)
        context.add_asset_metadata(of_streams, COVERAGE.name, partition_key=str(day))
        context.add_asset_metadata(of_gaps, GAPS.name, partition_key=str(day))


def started_at(context: dg.AssetExecutionContext) -> datetime | None:
    """Return when the run began to work, by the machine's clock; None when it is not known."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    begun = record.start_time if record else None
    return datetime.fromtimestamp(begun, UTC) if begun else None


def judged(
    workbench: Workbench, days: Sequence[date], until: datetime
) -> tuple[dict[date, int], SessionCoverage]:
    """Return the coverage of some sessions, with the position each was judged at."""
    committed, rows = workbench.raw_rows(COVERAGE_INPUTS, days)
    rows = with_time_before(rows, first_told_at(workbench.lake), days)
    calendar = workbench.calendar
    found = session_coverage(rows, days, workbench.settings, calendar, until)
    sessions = (calendar.globex.on(day) for day in days)
    positions = {
        session.session_date: coverage_position(session, committed, until)
        for session in sessions
        if session is not None
    }
    return positions, found


def replace_coverage(
    workbench: Workbench, found: SessionCoverage, positions: dict[date, int], run_id: str
) -> None:
    """Store the coverage of each session with its position, after its gaps.

    Raises:
        CommitConflict: another writer was faster; judge again.
    """
    gaps = workbench.lake.open_or_create(GAPS.name)
    streams = workbench.lake.open_or_create(COVERAGE.name)
    metadata = {"run_id": run_id, "settings": workbench.settings.fingerprint()}
    gaps.replace(list(positions), found.gaps.sort(GAPS.order), metadata)
    for day, position in positions.items():
        rows = on_session(found.streams, day)
        streams.replace([day], rows, metadata, Once(source_id(COVERAGE.name, day), position))


def unexplained(workbench: Workbench, days: Sequence[date], until: datetime) -> dg.AssetCheckResult:
    """Return the check of some sessions and of the newest ones that are stored."""
    table = workbench.lake.open(COVERAGE.name)
    newest = table.session_dates()[-NEWEST_SESSIONS:] if table else []
    judged_days = sorted({*days, *newest})
    streams, gaps = (workbench.lake.read(each.name, judged_days) for each in (COVERAGE, GAPS))
    return unexplained_result(streams, gaps, judged_days, until)


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[read.name for read in COVERAGE_INPUTS],
        group_name="quality",
        kinds={"deltalake", "polars"},
        owners=OWNERS,
        tags={"layer": "quality"},
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
    )
