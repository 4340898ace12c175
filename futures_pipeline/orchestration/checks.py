"""Asset checks on frames that the writing step has in memory: bad data fails, a bug raises."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.reporting import keys_text, table_value
from futures_pipeline.storage.schemas import failure_cases
from futures_pipeline.storage.tables import TABLES, Table

EXAMPLES = 25
# As many of them are named in a check's one line.
NAMED = 10
# More refused rows than this share of all rows is an error, not a warning.
REFUSED_SHARE_ERROR = 0.01
# A check's result has no partition: each run overwrites the one before, so it looks back too.
NEWEST_SESSIONS = 5

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def schema_spec(table: Table) -> dg.AssetCheckSpec:
    """Return the specification of :func:`schema_result`; a failure stops what depends on it."""
    return dg.AssetCheckSpec(
        f"{table.name}_schema",
        asset=table.name,
        blocking=True,
        description="Stored rows have the columns, types and unique key of the table and keep "
        "its rules: " + "; ".join(rule.says for rule in table.rules) + ".",
    )


def refused_spec(table: Table) -> dg.AssetCheckSpec:
    """Return the specification of :func:`refused_result`."""
    return dg.AssetCheckSpec(
        f"{table.name}_no_refused_rows",
        asset=table.name,
        description="No row is in quarantine, of the sessions of the run and of the newest "
        f"{NEWEST_SESSIONS} sessions that are stored or have refused rows: the result of a "
        "session does not vanish with the next run on another. A warning when some are, an "
        f"error above {REFUSED_SHARE_ERROR:.0%} of the rows of a session.",
    )


def schema_result(
    table: Table, rows: pl.DataFrame, session_dates: Sequence[date]
) -> dg.AssetCheckResult:
    """Return whether stored rows are what the table promises."""
    failures = failure_cases(rows, table)
    by_check = failures.group_by("check", "column").len("cells").sort("cells", descending=True)
    keys = keys_text(session_dates)
    named = ", ".join(by_check["check"].unique(maintain_order=True))
    return dg.AssetCheckResult(
        check_name=f"{table.name}_schema",
        asset_key=table.name,
        passed=failures.is_empty(),
        severity=ERROR,
        description=f"{keys}: {rows.height} rows, " + (f"broken: {named}" if named else "all good"),
        metadata={
            "sessions": keys,
            "rows_checked": rows.height,
            "failing_cells": failures.height,
            **({} if not named else {"by_check": table_value(by_check, EXAMPLES)}),
            **({} if not named else {"failures": table_value(failures, EXAMPLES)}),
        },
    )


def require_sound(rows: Mapping[str, pl.DataFrame]) -> None:
    """Stop a computation whose inputs are not what their tables promise.

    ``rows``: by table name. The check of the table's schema blocks what follows in its own
    run; what follows in another run asks for itself.

    Raises:
        dagster.Failure: names the table and the broken rules; a retry would not help.
    """
    for name, frame in rows.items():
        failures = failure_cases(frame, TABLES[name])
        if failures.height:
            broken = ", ".join(failures["check"].unique(maintain_order=True))
            raise dg.Failure(
                f"{name}: rows of {keys_text(frame['session_date'].unique().to_list())} break "
                f"{broken}; nothing is computed from them; see the check {name}_schema",
                allow_retries=False,
            )


def refused_result(
    table: Table, stored: pl.DataFrame, refused: pl.DataFrame, session_dates: Sequence[date]
) -> dg.AssetCheckResult:
    """Return whether the quarantine holds rows of this table and these sessions.

    ``stored``: ``session_date`` and ``stored_rows``. ``refused``: all quarantine rows of the
    sessions that were meant for ``table``.
    """
    counts = refused.group_by("session_date").len("rows").join(stored, "session_date", how="left")
    shares = counts["rows"] / (counts["rows"] + counts["stored_rows"].fill_null(0))
    worst = max(shares, default=0.0)
    by_rule = (
        refused.group_by("session_date", "rule", "says")
        .len("rows")
        .sort("session_date", "rows", "rule", descending=[True, True, False])
    )
    keys = keys_text(session_dates)
    named = ", ".join(
        f"{day} {rule} ({rows})" for day, rule, _, rows in by_rule.head(NAMED).iter_rows()
    ) + (", ..." if by_rule.height > NAMED else "")
    examples = refused.sort("session_date", descending=True).select(
        "session_date", "rule", "symbol", "contract", "row_json", "spool_seq", "row_index"
    )
    return dg.AssetCheckResult(
        check_name=f"{table.name}_no_refused_rows",
        asset_key=table.name,
        passed=refused.is_empty(),
        severity=ERROR if worst > REFUSED_SHARE_ERROR else WARN,
        description=f"{keys}: {refused.height} rows refused" + (f": {named}" if named else ""),
        metadata={
            "sessions": keys,
            "refused_rows": refused.height,
            "refused_percent_of_worst_session": round(100.0 * worst, 2),
            "stored_rows": int(stored["stored_rows"].sum()),
            **({} if not named else {"by_rule": table_value(by_rule, EXAMPLES)}),
            **({} if not named else {"examples": table_value(examples, EXAMPLES)}),
        },
    )
