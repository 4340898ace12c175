"""Where refused rows are kept."""

import polars as pl

from futures_pipeline.storage.tables.table import UTC_TIME, Column, Table

QUARANTINE = Table(
    name="quarantine",
    description="Every refused row, whole, with the rule it broke.",
    columns=(
        Column("session_date", pl.Date, False, "session the row's batch was filed under"),
        Column("source_table", pl.String, False, "table the row was meant for"),
        Column("rule", pl.String, False, "first rule that the row broke"),
        Column("says", pl.String, False, "that rule in words"),
        Column("symbol", pl.String, True, "symbol as it came"),
        Column("contract", pl.String, True, "contract as it came"),
        Column("row_json", pl.String, False, "the whole row as it came, JSON"),
        Column("spool_seq", pl.Int64, False, "the spool batch the row came in"),
        Column("row_index", pl.Int64, False, "position of the row in that batch, from 0"),
        Column("ingested_at", UTC_TIME, False, "when the row was committed to the lake, UTC"),
    ),
    key=("source_table", "spool_seq", "row_index"),
    order=("source_table", "spool_seq", "row_index"),
)
