"""Pictures of what was said in a session."""

import polars as pl

from futures_pipeline.orchestration.analysis.charts import Chart
from futures_pipeline.orchestration.charts import line_chart


def z_chart(rows: pl.DataFrame) -> Chart:
    """Return each ETF's signal over the session, in units of the usual move; None without one."""
    return _lines(rows, "z", "move in units of the usual one")


def drawdown_chart(rows: pl.DataFrame) -> Chart:
    """Return each future's fall from its top over the session; a warning needs 2.5."""
    return _lines(rows, "drawdown", "fall from the top, usual moves")


def confidence_chart(rows: pl.DataFrame) -> Chart:
    """Return the confidence of the entries of a session; None without one."""
    return _lines(rows, "confidence", "confidence of entries")


def _lines(rows: pl.DataFrame, column: str, label: str) -> Chart:
    known = rows.drop_nulls(column).sort("timestamp")
    lines = known.select(
        pl.col("symbol").alias("contract"), pl.col("timestamp").alias("at"), y=column
    )
    return line_chart(lines, label)
