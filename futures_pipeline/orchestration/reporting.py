"""What a person sees on an asset's page: counts, columns, first rows and a chart."""

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.storage.ingestion import IngestReport
from futures_pipeline.storage.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD_ROWS = 10
# A chart travels inside the event it belongs to, so it is kept under 50 kB.
POINTS_A_LINE = 300
COLOURS = 256
INDEXES = [name for name, instrument in UNIVERSE.items() if instrument.kind is Kind.INDEX]
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


def ingest_metadata(
    report: IngestReport, rows: pl.DataFrame, total_rows: int
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
        "head": table_value(rows),
    }


def change_metadata(
    rows: pl.DataFrame, total_rows: int, version: int
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of one session of change metrics."""
    known = rows["change_1h"].count() / rows.height if rows.height else 0.0
    chart = change_chart(rows)
    return {
        **row_counts(rows, total_rows),
        "change_1h_known_percent": dg.MetadataValue.float(100.0 * known),
        "delta_version": dg.MetadataValue.int(version),
        **({} if chart is None else {"chart": chart}),
        "head": table_value(rows),
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


def close_chart(bars: pl.DataFrame) -> dg.MetadataValue | None:
    """Return each contract's close as percent from its first of the session; None without rows.

    Indexes are left out: VIX moves ten times as far and would flatten the rest.
    """
    traded = bars.filter(~pl.col("symbol").is_in(INDEXES))
    moved = traded.sort("ts_end").with_columns(
        percent=(pl.col("close") / pl.col("close").first().over("contract") - 1.0) * 100.0
    )
    lines = moved.select("contract", pl.col("ts_end").alias("at"), pl.col("percent").alias("y"))
    return line_chart(lines, "close, % from first")


def change_chart(changes: pl.DataFrame) -> dg.MetadataValue | None:
    """Return each contract's one-hour return in percent over the session; None without one."""
    lines = changes.sort("timestamp").select(
        "contract", pl.col("timestamp").alias("at"), (pl.col("return_1h") * 100.0).alias("y")
    )
    return line_chart(lines.drop_nulls("y"), "one-hour change, %")


def line_chart(lines: pl.DataFrame, label: str) -> dg.MetadataValue | None:
    """Return a small picture with a line a contract, as Markdown that needs no file.

    ``lines``: ``contract``, ``at`` (UTC, ascending) and ``y``. Drawn in New York time.
    """
    if lines.is_empty():
        return None
    from matplotlib.dates import DateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 2.6), dpi=80, layout="constrained")
    axes = figure.subplots()
    for (contract,), line in lines.group_by("contract", maintain_order=True):
        shown = line.gather_every(1 + line.height // POINTS_A_LINE)
        axes.plot(shown["at"].to_list(), shown["y"].to_list(), linewidth=1.0, label=str(contract))
    axes.set_ylabel(label, fontsize=8)
    clock = DateFormatter("%H:%M", tz=NEW_YORK)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(clock)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", fontsize=7, ncols=8, frameon=False)
    return picture(figure, label)


def picture(figure: "Figure", label: str) -> dg.MetadataValue:
    """Return a drawing as Markdown that needs no file; ``label`` is its text for no screen."""
    from PIL import Image

    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    encoded = base64.b64encode(small.getvalue()).decode()
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{encoded})")
