"""What a person sees on an asset's page: counts, columns, first rows and a chart."""

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from futures_pipeline.storage.ingestion import IngestReport
from futures_pipeline.storage.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD_ROWS = 5
# Of the newest rows: as many as there are contracts of a table, with room.
NEWEST_ROWS = 10
# What all rows of a session share, or what the contract says already, or bookkeeping.
NOT_SHOWN = (
    *("symbol", "con_id", "expiry", "session_date"),
    *("received_at", "ingested_at", "spool_seq"),
)
# A chart travels inside the event it belongs to, once a run: kept under 25 kB.
POINTS_A_LINE = 300
COLOURS = 128
# Dagster's names of polars types; anything else is shown as polars writes it.
TYPE_NAMES: Mapping[str, str] = {
    "String": "string",
    "Float64": "float",
    "Int64": "int",
    "Boolean": "bool",
    "Date": "date",
    "Datetime(time_unit='us', time_zone='UTC')": "timestamp (UTC)",
}


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of ``table`` with their meaning."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                TYPE_NAMES.get(str(column.dtype), str(column.dtype)),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[rule.name for rule in table.rules]),
    )


def table_value(rows: pl.DataFrame, limit: int = HEAD_ROWS) -> dg.TableMetadataValue:
    """Return the first ``limit`` rows as a table; times become text, to the second."""
    shown = rows.head(limit).with_columns(
        pl.col(pl.Date).dt.to_string("%F"), pl.col(pl.Datetime).dt.to_string("%F %T")
    )
    records = [dg.TableRecord(row) for row in shown.iter_rows(named=True)]
    columns = [
        dg.TableColumn(name, TYPE_NAMES.get(str(kind), str(kind)))
        for name, kind in shown.schema.items()
    ]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def newest_value(rows: pl.DataFrame, table: Table) -> dg.TableMetadataValue:
    """Return the newest row of each contract, or whatever else the key of ``table`` names."""
    *subject, at = table.key
    ordered = rows.sort(at, *subject, descending=[True, *(False for _ in subject)])
    newest = ordered.unique(subject, keep="first", maintain_order=True)
    known = NOT_SHOWN if "contract" in subject else NOT_SHOWN[1:]
    return table_value(newest.drop(known, strict=False), NEWEST_ROWS)


def ingest_metadata(
    table: Table, report: IngestReport, rows: pl.DataFrame, total_rows: int
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of one ingested session.

    ``rows`` are all stored rows of the session, ``total_rows`` those of the table.
    """
    return {
        **row_counts(rows, total_rows),
        "new_rows": dg.MetadataValue.int(report.new),
        "revised_rows": dg.MetadataValue.int(report.revised),
        "unchanged_rows": dg.MetadataValue.int(report.unchanged),
        "refused_rows": dg.MetadataValue.int(report.refused_rows),
        "delta_version": dg.MetadataValue.int(report.version),
        "spool_seq": dg.MetadataValue.int(report.last_seq),
        "newest": newest_value(rows, table),
    }


def summary(report: IngestReport) -> str:
    """Return an ingestion in one line of a log.

    >>> summary(IngestReport(date(2025, 1, 15), new=3, refused={"quote_not_crossed": 1}))
    'session=2025-01-15 new=3 revised=0 unchanged=0 refused=1'
    """
    return (
        f"session={report.session_date} new={report.new} revised={report.revised} "
        f"unchanged={report.unchanged} refused={report.refused_rows}"
    )


def row_counts(rows: pl.DataFrame, total_rows: int) -> dict[str, dg.MetadataValue]:
    """Return the row counts of the table and of one session."""
    return {
        "dagster/row_count": dg.MetadataValue.int(total_rows),
        "dagster/partition_row_count": dg.MetadataValue.int(rows.height),
    }


def on_session(rows: pl.DataFrame, session_date: date) -> pl.DataFrame:
    """Return the rows of one session."""
    return rows.filter(pl.col("session_date") == session_date)


def keys_text(session_dates: Sequence[date]) -> str:
    """Return session dates as a person writes them: one, or first to last.

    >>> keys_text([date(2025, 1, 14), date(2025, 1, 15)])
    'sessions 2025-01-14 to 2025-01-15'
    """
    if len(session_dates) == 1:
        return f"session {session_dates[0]}"
    return f"sessions {min(session_dates)} to {max(session_dates)}"


def picture(figure: "Figure", label: str) -> dg.MetadataValue:
    """Return a drawing as Markdown that needs no file; ``label`` is its text for no screen."""
    from PIL import Image

    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    encoded = base64.b64encode(small.getvalue()).decode()
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{encoded})")
