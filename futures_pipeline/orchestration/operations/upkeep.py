"""Upkeep after the close: the lake's files, its bytes against their digests, old runs."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.checks import ERROR, WARN
from futures_pipeline.orchestration.ingestion.raw import OWNERS
from futures_pipeline.orchestration.operations.run_history import forget_runs
from futures_pipeline.orchestration.reporting import table_value
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.lake import CommitConflict
from futures_pipeline.storage.maintenance import Maintained, maintain, prune_journal
from futures_pipeline.storage.repair import Healed, heal
from futures_pipeline.storage.scrub import Scrubbed, scrub

UPKEEP_JOB = "upkeep"
# In the maintenance hour of Globex, when no row comes.
AFTER_THE_CLOSE = "15 17 * * 1-5"
TIME_ZONE = "America/New_York"
MEGABYTE = 1_000_000
CONFLICT_RETRIES = 3
LISTED = 50
SCRUB_CHECK = "lake_scrub_files_as_committed"


@dg.asset(
    description="Small files gathered, the log summed up, and what no promise needs deleted; "
    "rows of the spool that are durable in the lake for two weeks pruned.",
    kinds={"deltalake"},
    group_name="operations",
    owners=OWNERS,
    tags={"layer": "operations"},
)
def lake_maintenance(
    workbench: dg.ResourceParam[Workbench],
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
    """Keep every table in shape and prune the journal."""
    running = workbench.calendar.session_date(workbench.clock.now())
    try:
        done = maintain(workbench.lake, running, datetime.now(UTC))
    except CommitConflict as conflict:
        raise dg.RetryRequested(CONFLICT_RETRIES, seconds_to_wait=5) from conflict
    pruned = prune_journal(workbench.lake, workbench.spool, workbench.clock.now())
    return dg.MaterializeResult(metadata=maintenance_metadata(done, pruned))


@dg.asset(
    description="Every byte of the lake compared with its digest; what is not as committed is "
    "rebuilt from its other files and the spool.",
    check_specs=[
        dg.AssetCheckSpec(
            SCRUB_CHECK,
            asset="lake_scrub",
            description="Every file is as committed. A warning when one was not and all of its "
            "rows were brought back, an error when rows are lost.",
        )
    ],
    kinds={"deltalake"},
    group_name="operations",
    owners=OWNERS,
    tags={"layer": "operations"},
)
def lake_scrub(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
    """Find silent damage and repair it."""
    found = scrub(workbench.lake)
    tables = sorted({damage.table for damage in found.damages})
    ingestion = workbench.ingestion(context.run.run_id)
    healed = heal(ingestion, tables, workbench.clock.now()) if tables else []
    return dg.MaterializeResult(
        metadata=scrub_metadata(found, healed), check_results=[scrub_result(found, healed)]
    )


@dg.asset(
    description="Runs and events that Dagster remembers. Old ones go, but never the newest good "
    "run of a session, so every partition stays materialized.",
    kinds={"sqlite"},
    group_name="operations",
    owners=OWNERS,
    tags={"layer": "operations"},
)
def run_history(
    context: dg.AssetExecutionContext,
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
    """Delete old runs that later ones have made needless."""
    deleted, kept = forget_runs(context.instance, datetime.now(UTC))
    return dg.MaterializeResult(metadata={"deleted_runs": deleted, "kept_runs": kept})


UPKEEP = [lake_maintenance, lake_scrub, run_history]


@dg.schedule(
    name="upkeep_schedule",
    job_name=UPKEEP_JOB,
    cron_schedule=AFTER_THE_CLOSE,
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="After the close of every Globex session.",
)
def upkeep_schedule(
    context: dg.ScheduleEvaluationContext, workbench: dg.ResourceParam[Workbench]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for upkeep on the days that have a session."""
    day = context.scheduled_execution_time.date()
    if workbench.calendar.globex.on(day) is None:
        return dg.SkipReason(f"{day} has no Globex session")
    return dg.RunRequest(run_key=str(day))


def maintenance_metadata(
    done: Sequence[Maintained], pruned_batches: int
) -> dict[str, dg.MetadataValue]:
    """Return before and after of each table, and their sums for the plots."""
    rows = [
        {
            "table": one.table,
            "files_before": one.before.files,
            "files_after": one.after.files,
            "mb_before": round(one.before.size_bytes / MEGABYTE, 2),
            "mb_after": round(one.after.size_bytes / MEGABYTE, 2),
            "log_entries_before": one.before.log_entries,
            "log_entries_after": one.after.log_entries,
            "seconds": round(one.seconds, 2),
        }
        for one in done
    ]
    return {
        "files_before": dg.MetadataValue.int(sum(one.before.files for one in done)),
        "files_after": dg.MetadataValue.int(sum(one.after.files for one in done)),
        "mb_before": dg.MetadataValue.float(sum(one.before.size_bytes for one in done) / MEGABYTE),
        "mb_after": dg.MetadataValue.float(sum(one.after.size_bytes for one in done) / MEGABYTE),
        "seconds": dg.MetadataValue.float(sum(one.seconds for one in done)),
        "pruned_spool_batches": dg.MetadataValue.int(pruned_batches),
        **({"tables": table_value(pl.DataFrame(rows), LISTED)} if rows else {}),
    }


def scrub_metadata(found: Scrubbed, healed: Sequence[Healed]) -> dict[str, dg.MetadataValue]:
    """Return what was looked at, what was wrong and what was done."""
    damages = pl.DataFrame(
        [(each.table, each.path, each.says, each.rows) for each in found.damages],
        schema={"table": pl.String, "path": pl.String, "says": pl.String, "rows": pl.Int64},
        orient="row",
    )
    done = pl.DataFrame(
        [(each.table, each.did, each.lost_rows) for each in healed],
        schema={"table": pl.String, "did": pl.String, "lost_rows": pl.Int64},
        orient="row",
    )
    return {
        "files": dg.MetadataValue.int(found.files),
        "mb": dg.MetadataValue.float(found.size_bytes / MEGABYTE),
        "damaged_files": dg.MetadataValue.int(len(found.damages)),
        **({} if damages.is_empty() else {"damages": table_value(damages, LISTED)}),
        **({} if done.is_empty() else {"repairs": table_value(done, LISTED)}),
    }


def scrub_result(found: Scrubbed, healed: Sequence[Healed]) -> dg.AssetCheckResult:
    """Return whether every file was as committed."""
    lost = sum(each.lost_rows for each in healed)
    named = "; ".join(f"{each.table} {each.path}" for each in found.damages[:3])
    says = f"{len(found.damages)} not as committed ({named}), {lost} rows lost"
    return dg.AssetCheckResult(
        check_name=SCRUB_CHECK,
        passed=not found.damages,
        severity=ERROR if lost else WARN,
        description=f"{found.files} files: " + (says if found.damages else "all as committed"),
        metadata={"damaged_files": len(found.damages), "lost_rows": lost},
    )
