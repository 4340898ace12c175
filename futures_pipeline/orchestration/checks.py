"""Asset checks on frames that the writing step has in memory: bad data fails, a bug raises."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.reporting import keys_text, table_value
from futures_pipeline.storage.schemas import failure_cases
from futures_pipeline.storage.tables import BARS_1M, Table

EXAMPLES = 25
# More refused rows than this share of all rows is an error, not a warning.
REFUSED_SHARE_ERROR = 0.01
# A thin overnight hour has minutes without a trade, and the broker sends no bar for them.
COVERAGE_GOOD = 0.95

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
        description="No row of the session is in quarantine. A warning when some are, an error "
        f"above {REFUSED_SHARE_ERROR:.0%} of the rows.",
    )


def coverage_spec() -> dg.AssetCheckSpec:
    """Return the specification of :func:`coverage_result`."""
    return dg.AssetCheckSpec(
        f"{BARS_1M.name}_coverage",
        asset=BARS_1M.name,
        description="Each symbol has a bar for the minutes its market was open so far: "
        f"{COVERAGE_GOOD:.0%} passes, less is a warning.",
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


def refused_result(
    table: Table, stored_rows: int, refused: pl.DataFrame, session_dates: Sequence[date]
) -> dg.AssetCheckResult:
    """Return whether the quarantine holds rows of this table and these sessions.

    ``refused``: all quarantine rows of the sessions that were meant for ``table``.
    """
    share = refused.height / max(1, refused.height + stored_rows)
    by_rule = refused.group_by("rule", "says").len("rows").sort("rows", descending=True)
    keys = keys_text(session_dates)
    named = ", ".join(f"{rule} ({rows})" for rule, _, rows in by_rule.iter_rows())
    examples = refused.select("rule", "symbol", "contract", "row_json", "spool_seq", "row_index")
    return dg.AssetCheckResult(
        check_name=f"{table.name}_no_refused_rows",
        asset_key=table.name,
        passed=refused.is_empty(),
        severity=ERROR if share > REFUSED_SHARE_ERROR else WARN,
        description=f"{keys}: {refused.height} rows refused" + (f": {named}" if named else ""),
        metadata={
            "sessions": keys,
            "refused_rows": refused.height,
            "refused_percent": 100.0 * share,
            "stored_rows": stored_rows,
            **({} if not named else {"by_rule": table_value(by_rule, EXAMPLES)}),
            **({} if not named else {"examples": table_value(examples, EXAMPLES)}),
        },
    )


def coverage_result(coverage: pl.DataFrame, session_dates: Sequence[date]) -> dg.AssetCheckResult:
    """Return whether the thinnest symbol of the sessions has enough of its minutes."""
    thinnest = coverage.drop_nulls("share").sort("share").head(1)
    lowest = thinnest["share"].item() if thinnest.height else None
    keys = keys_text(session_dates)
    says = (
        "no minute is expected yet"
        if lowest is None
        else f"{thinnest['symbol'].item()} has {lowest:.1%} on {thinnest['session_date'].item()}"
    )
    return dg.AssetCheckResult(
        check_name=f"{BARS_1M.name}_coverage",
        asset_key=BARS_1M.name,
        passed=lowest is None or lowest >= COVERAGE_GOOD,
        severity=WARN,
        description=f"{keys}: lowest coverage: {says}",
        metadata={
            "sessions": keys,
            "expected_minutes": int(coverage["expected_minutes"].sum()),
            "received_minutes": int(coverage["received_minutes"].sum()),
            **({} if lowest is None else {"lowest_percent": 100.0 * lowest}),
            "by_symbol": table_value(coverage.sort("share", nulls_last=True), EXAMPLES),
        },
    )
