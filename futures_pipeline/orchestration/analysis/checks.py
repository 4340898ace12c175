"""What the analysis finds wrong with the data it was made of."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.analysis.found import Found
from futures_pipeline.orchestration.checks import ERROR, EXAMPLES, NAMED, WARN
from futures_pipeline.orchestration.reporting import keys_text, table_value
from futures_pipeline.storage.tables import DIVERGENCES, LEAD_LAG

LABELS_CHECK = f"{LEAD_LAG.name}_bar_labels"
INDEX_CHECK = f"{DIVERGENCES.name}_of_index_pairs"


def labels_spec() -> dg.AssetCheckSpec:
    """Return the specification of :func:`labels_result`; a failure stops what depends on it."""
    return dg.AssetCheckSpec(
        LABELS_CHECK,
        asset=LEAD_LAG.name,
        blocking=True,
        description="No pair agrees best exactly one bar apart, as when the bars of one leg are "
        "named by their end and read as starts. A predictive value of such bars would be theirs, "
        "not the market's.",
    )


def labels_result(found: Found, days: Sequence[date]) -> dg.AssetCheckResult:
    """Return whether the bars of all pairs are named alike."""
    says = "; ".join(found.faults[:NAMED]) or "all pairs agree best within the same bar"
    return dg.AssetCheckResult(
        check_name=LABELS_CHECK,
        asset_key=LEAD_LAG.name,
        passed=not found.faults,
        severity=ERROR,
        description=f"{keys_text(days)}: {says}",
        metadata={"faults": list(found.faults)[:EXAMPLES]},
    )


def index_pairs_spec() -> dg.AssetCheckSpec:
    """Return the specification of :func:`index_pairs_result`."""
    return dg.AssetCheckSpec(
        INDEX_CHECK,
        asset=DIVERGENCES.name,
        description="A future and the ETF of the same index do not diverge: a correlation below "
        "0.2 over an hour is a fault of the data. A warning, an error when it is surely below.",
    )


def index_pairs_result(found: Found, days: Sequence[date]) -> dg.AssetCheckResult:
    """Return whether index pairs move together in some sessions."""
    faults = found.tables[DIVERGENCES.name].filter(meaning="data_fault")
    named = ", ".join(
        f"{pair} {started:%Y-%m-%d %H:%M} UTC for {minutes:.0f} min (lowest {lowest:.2f})"
        for pair, started, minutes, lowest in faults.head(NAMED)
        .select("pair", "started_at", "duration_minutes", "minimum")
        .iter_rows()
    )
    shown = {} if faults.is_empty() else {"episodes": table_value(faults, EXAMPLES)}
    return dg.AssetCheckResult(
        check_name=INDEX_CHECK,
        asset_key=DIVERGENCES.name,
        passed=faults.is_empty(),
        severity=ERROR if faults.filter(pl.col("severity") == "major").height else WARN,
        description=f"{keys_text(days)}: {named or 'index pairs move together'}",
        metadata={"episodes_of_index_pairs": faults.height, **shown},
    )
