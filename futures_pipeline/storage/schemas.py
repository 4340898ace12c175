"""Are these rows what the table promises? Splits batches and validates stored partitions.

A bug raises; bad data is returned as rows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from futures_pipeline.storage.tables import UTC_TIME, Rule, Table

MAX_FAILURE_CASES = 50
# What Python can hold in every zone; polars goes further.
DATES = (date(2, 1, 1), date(9998, 12, 31))
TIMES = (datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC))
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


def missing_columns(rows: pl.DataFrame, table: Table) -> list[str]:
    """Return the columns a batch of ``table`` must bring and ``rows`` does not have."""
    return [name for name in _batch_schema(table) if name not in rows.columns]


def conform(rows: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.Series]:
    """Return ``rows`` in the table's columns and types, and which of them do not fit.

    ``rows`` has all columns. The series (String) says for each row which value its first
    misfit should have been, null for a row that fits. A value that cannot be had in its
    column's type without loss is a misfit, and null in the frame: 1.7 as an integer, a time
    without a zone, a date after the year 9998.
    """
    wanted = _batch_schema(table)
    columns = {name: _converted(rows[name], dtype) for name, dtype in wanted.items()}
    shaped = pl.DataFrame(list(columns.values()))
    misfit = pl.Series("misfit", [None] * rows.height, dtype=pl.String)
    for name in reversed(wanted):
        unfit = rows[name].is_not_null() & columns[name].is_null()
        says = pl.Series([f"{name} is a {wanted[name]}, nothing lost"], dtype=pl.String)
        misfit = says.new_from_index(0, rows.height).zip_with(unfit, misfit)
    return shaped, misfit.alias("misfit")


def _batch_schema(table: Table) -> dict[str, pl.DataType | type[pl.DataType]]:
    return {name: dtype for name, dtype in table.schema.items() if name not in LAKE_COLUMNS}


def _converted(values: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Return ``values`` as ``dtype``, null where that is not possible without loss."""
    if values.dtype == pl.Null:
        return values.cast(dtype)
    by_type = {pl.String: _as_text, pl.Date: _as_date, UTC_TIME: _as_utc}
    converted = by_type[dtype](values) if dtype in by_type else _as_number(values, dtype)
    if converted is None:
        converted = pl.Series([None] * len(values), dtype=dtype)
    return converted.alias(values.name)


def _as_text(values: pl.Series) -> pl.Series | None:
    if values.dtype == pl.Binary:
        return pl.Series([_decoded(value) for value in values], dtype=pl.String)
    is_text = values.dtype in (pl.String, pl.Categorical, pl.Enum)
    return values.cast(pl.String) if is_text else None


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _as_number(values: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series | None:
    if not (values.dtype.is_numeric() or values.dtype == pl.String):
        return None
    converted = values.cast(dtype, strict=False)
    if values.dtype in (pl.String, dtype):
        return converted
    is_same = converted.cast(values.dtype, strict=False).eq_missing(values)
    return converted.set(~is_same, None)


def _as_date(values: pl.Series) -> pl.Series | None:
    if values.dtype not in (pl.Date, pl.String):
        return None
    converted = values if values.dtype == pl.Date else values.str.to_date("%F", strict=False)
    return converted.set(~converted.is_between(*DATES), None)


def _as_utc(values: pl.Series) -> pl.Series | None:
    if values.dtype == pl.String:
        # RFC 3339; a text without an offset is null.
        spelled = values.str.replace(" ", "T", literal=True)
        converted = spelled.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    elif isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        converted = values.cast(UTC_TIME, strict=False)
        is_same = converted.cast(values.dtype, strict=False).eq_missing(values)
        converted = converted.set(~is_same, None)
    else:
        return None
    return converted.set(~converted.is_between(*TIMES), None)


def split(
    rows: pl.DataFrame, table: Table, symbols: Collection[str], more_rules: Sequence[Rule] = ()
) -> Split:
    """Return the rows that keep every rule, ``more_rules`` last, and those that do not.

    ``rows`` has the table's columns; extra columns travel along. A rule that evaluates to
    null passes: null values are the business of ``required_values_present``.
    """
    broken = pl.lit(None, pl.String)
    says = pl.lit(None, pl.String)
    for rule in reversed((*batch_rules(table, symbols), *more_rules)):
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
