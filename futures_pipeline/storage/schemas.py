"""Are these rows what the table promises? Splits batches and validates stored partitions.

A bug raises; bad data is returned as rows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from futures_pipeline.storage.tables import Rule, Table

MAX_FAILURE_CASES = 50
# Set by the lake on commit, so a batch does not bring them.
LAKE_COLUMNS = frozenset({"ingested_at", "spool_seq"})


@dataclass(frozen=True, slots=True)
class Split:
    """A batch after its rules: rows to store and rows refused, with ``rule`` and ``says``."""

    good: pl.DataFrame
    refused: pl.DataFrame


def batch_rules(table: Table, symbols: Collection[str]) -> tuple[Rule, ...]:
    """Return the rules of a batch: required values, a known symbol, then the table's own."""
    required = [
        column.name
        for column in table.columns
        if not column.nullable and column.name not in LAKE_COLUMNS
    ]
    known = Rule(
        "symbol_known",
        pl.col("symbol").is_in(sorted(symbols)),
        f"the symbol is one of {', '.join(sorted(symbols))}",
    )
    complete = Rule(
        "required_values_present",
        pl.all_horizontal(pl.col(name).is_not_null() for name in required),
        f"none of {', '.join(required)} is null",
    )
    return (complete, known, *table.rules)


def conform(rows: pl.DataFrame, table: Table) -> pl.DataFrame | None:
    """Return ``rows`` with the table's columns and types, or None when they cannot have them."""
    wanted = {name: dtype for name, dtype in table.schema.items() if name not in LAKE_COLUMNS}
    if not set(wanted) <= set(rows.columns):
        return None
    try:
        return rows.select(pl.col(name).cast(dtype) for name, dtype in wanted.items())
    except pl.exceptions.PolarsError:
        return None


def split(rows: pl.DataFrame, table: Table, symbols: Collection[str]) -> Split:
    """Return the rows that keep every rule and those that do not.

    ``rows`` has the table's columns; extra columns travel along. A rule that evaluates to
    null passes: null values are the business of ``required_values_present``.
    """
    broken = pl.lit(None, pl.String)
    says = pl.lit(None, pl.String)
    for rule in reversed(batch_rules(table, symbols)):
        breaks = ~rule.keeps.fill_null(True)
        broken = pl.when(breaks).then(pl.lit(rule.name)).otherwise(broken)
        says = pl.when(breaks).then(pl.lit(rule.says)).otherwise(says)
    judged = rows.with_columns(rule=broken, says=says)
    good = judged.filter(pl.col("rule").is_null()).drop("rule", "says")
    return Split(good=good, refused=judged.filter(pl.col("rule").is_not_null()))


def failure_cases(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return what pandera finds wrong with stored rows; empty when nothing is.

    Columns ``check``, ``column``, ``failure_case`` (as text), at most 50 a check. Covers
    types, nulls, the table's rules and uniqueness of its key.
    """
    from pandera.errors import SchemaErrors

    try:
        _pandera_schema(table).validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
        return cases.select(
            pl.col("check").cast(pl.String),
            pl.col("column").cast(pl.String),
            pl.col("failure_case").cast(pl.String),
        )
    return pl.DataFrame(schema={"check": pl.String, "column": pl.String, "failure_case": pl.String})


def _pandera_schema(table: Table) -> Any:
    import pandera.polars as pa

    def rule_check(rule: Rule) -> Any:
        return pa.Check(
            lambda data: data.lazyframe.select(rule.keeps.fill_null(True).alias(rule.name)),
            name=rule.name,
            error=rule.name,
            n_failure_cases=MAX_FAILURE_CASES,
        )

    columns = {
        column.name: pa.Column(column.dtype, nullable=column.nullable) for column in table.columns
    }
    return pa.DataFrameSchema(
        columns,
        checks=[rule_check(rule) for rule in table.rules],
        unique=list(table.key),
        strict=True,
    )
