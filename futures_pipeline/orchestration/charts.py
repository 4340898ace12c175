"""Pictures of a session: a line a contract, in New York time."""

from datetime import timedelta

import dagster as dg
import polars as pl

from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.orchestration.reporting import POINTS_A_LINE, picture

BREAK = timedelta(minutes=30)
INDEXES = [name for name, instrument in UNIVERSE.items() if instrument.kind is Kind.INDEX]


def quote_chart(snapshots: pl.DataFrame) -> dg.MetadataValue | None:
    """Return each contract's mid, or last without a quote, as percent from its first."""
    mid = (pl.col("bid") + pl.col("ask")) / 2
    priced = snapshots.select(
        "contract", pl.col("timestamp").alias("at"), price=pl.coalesce(mid, "last")
    )
    return _percent_chart(priced.drop_nulls("price"), "price, % from first")


def close_chart(bars: pl.DataFrame) -> dg.MetadataValue | None:
    """Return each contract's close as percent from its first of the session; None without rows.

    Indexes are left out: VIX moves ten times as far and would flatten the rest.
    """
    traded = bars.filter(~pl.col("symbol").is_in(INDEXES))
    closes = traded.select("contract", pl.col("ts_end").alias("at"), pl.col("close").alias("price"))
    return _percent_chart(closes, "close, % from first")


def change_chart(changes: pl.DataFrame) -> dg.MetadataValue | None:
    """Return each contract's one-hour return in percent over the session; None without one."""
    lines = changes.sort("timestamp").select(
        "contract", pl.col("timestamp").alias("at"), (pl.col("return_1h") * 100.0).alias("y")
    )
    return line_chart(lines.drop_nulls("y"), "one-hour change, %")


def answered_chart(rounds: pl.DataFrame) -> dg.MetadataValue | None:
    """Return how many of the asked options had a price, in percent, by ETF and round."""
    asked = rounds.filter(pl.col("asked") > 0).sort("round_at")
    lines = asked.select(
        pl.col("symbol").alias("contract"),
        pl.col("round_at").alias("at"),
        (100.0 * pl.col("answered") / pl.col("asked")).alias("y"),
    )
    return line_chart(lines, "options with a price, % of asked")


def volatility_chart(options: pl.DataFrame) -> dg.MetadataValue | None:
    """Return the median implied volatility of all quoted options, by ETF and round."""
    medians = (
        options.drop_nulls("iv")
        .group_by("symbol", "round_at")
        .agg((100.0 * pl.col("iv").median()).alias("y"))
    )
    lines = medians.sort("symbol", "round_at").rename({"symbol": "contract", "round_at": "at"})
    return line_chart(lines, "median implied volatility, %")


def _percent_chart(prices: pl.DataFrame, label: str) -> dg.MetadataValue | None:
    moved = prices.sort("at").with_columns(
        y=(pl.col("price") / pl.col("price").first().over("contract") - 1.0) * 100.0
    )
    return line_chart(moved.select("contract", "at", "y"), label)


def line_chart(lines: pl.DataFrame, label: str) -> dg.MetadataValue | None:
    """Return a small picture with a line a contract, as Markdown that needs no file.

    ``lines``: ``contract``, ``at`` (UTC, ascending) and ``y``. Drawn in New York time; a line
    is broken where its contract has no point for half an hour, as at night.
    """
    if lines.is_empty():
        return None
    from matplotlib.dates import DateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 2.6), dpi=80, layout="constrained")
    axes = figure.subplots()
    for (contract,), line in lines.group_by("contract", maintain_order=True):
        shown = line.gather_every(1 + line.height // POINTS_A_LINE)
        is_first = shown["at"].diff() > BREAK
        y = shown.select(pl.when(~is_first.fill_null(value=False)).then("y")).to_series()
        axes.plot(shown["at"].to_list(), y.to_list(), linewidth=1.0, label=str(contract))
    axes.set_ylabel(label, fontsize=8)
    clock = DateFormatter("%H:%M", tz=NEW_YORK)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(clock)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", fontsize=7, ncols=8, frameon=False)
    return picture(figure, label)
