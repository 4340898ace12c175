"""Pictures of an ETF's options: term structure, smile, and the 27 numbers over time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.reporting import POINTS_A_LINE, picture

if TYPE_CHECKING:
    from futures_pipeline.analytics.options.term_structure import Smile

WIDTH, HEIGHT, DPI = 6.4, 2.6, 80
SMILE_DAYS = 30
BAND = 0.28  # inches a number
Chart = dg.MetadataValue | None


def term_structure_chart(smiles: Sequence["Smile"]) -> Chart:
    """Return volatility at the money by days to expiry, a line an ETF."""
    known = [it for it in smiles if it.atm_vol is not None]
    frame = pl.DataFrame(
        [(it.symbol, float(it.dte), 100 * (it.atm_vol or 0.0)) for it in known],
        schema={"symbol": pl.String, "x": pl.Float64, "y": pl.Float64},
        orient="row",
    )
    return _lines(frame, "days to expiry", "volatility at the money, %")


def smile_chart(valued: pl.DataFrame) -> Chart:
    """Return volatility by forward delta of the expiry nearest to 30 days, a line an ETF.

    ``valued``: ``with_greeks``. Out-of-the-money options only; a put of 25 delta is at 0.75.
    """
    away = (pl.col("dte") - SMILE_DAYS).abs()
    nearest = valued.filter(away == away.min().over("symbol"))
    is_put = pl.col("right") == "P"
    outside = nearest.filter(is_put == (pl.col("strike") < pl.col("forward")))
    lines = outside.select("symbol", x="forward_delta", y=100 * pl.col("implied_vol"))
    known = lines.drop_nulls().sort("symbol", "x")
    return _lines(known, "delta of a call at the strike, on the forward", "volatility, %")


def history_chart(statistics: pl.DataFrame, names: Sequence[str]) -> Chart:
    """Return some numbers over the stored sessions, a band a number and a line an ETF.

    Each band goes from the least to the largest value, which stand beside it.
    """
    if statistics.is_empty():
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * 1.4, BAND * len(names)), dpi=DPI)
    axes = figure.add_axes((0.22, 0.01, 0.56, 0.96))
    axes.set_axis_off()
    rows = statistics.sort("symbol", "date")
    for number, name in enumerate(names):
        _band(axes, rows, name, len(names) - 1 - number)
    symbols = rows["symbol"].unique(maintain_order=True).to_list()
    lines = axes.get_lines()[: len(symbols)]
    figure.legend(lines, symbols, loc="upper center", fontsize=7, ncols=8, frameon=False)
    return picture(figure, f"the {len(names)} numbers of each session")


def _band(axes: Any, statistics: pl.DataFrame, name: str, at: int) -> None:
    values = statistics[name].drop_nulls().to_list() or [0.0]
    low, extent = min(values), (max(values) - min(values)) or 1.0
    for number, (_, own) in enumerate(statistics.group_by("symbol", maintain_order=True)):
        height = at + 0.8 * (own[name] - low) / extent
        axes.plot(own["date"], height, f"C{number}", linewidth=0.9, marker=".", ms=2)
    said = f"{low:.4g} to {max(values):.4g}" if statistics[name].count() else "unknown"
    across = axes.get_yaxis_transform()
    for x, text, side in ((-0.02, name, "right"), (1.02, said, "left")):
        axes.text(x, at + 0.4, text, fontsize=7, ha=side, va="center", transform=across)


def _lines(lines: pl.DataFrame, x_label: str, y_label: str) -> Chart:
    if lines.is_empty():
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for (symbol,), own in lines.group_by("symbol", maintain_order=True):
        shown = own.gather_every(1 + own.height // POINTS_A_LINE)
        axes.plot(shown["x"], shown["y"], linewidth=1.0, marker=".", ms=3, label=str(symbol))
    axes.set_xlabel(x_label, fontsize=8)
    axes.set_ylabel(y_label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", fontsize=7, ncols=8, frameon=False)
    return picture(figure, f"{y_label}, by {x_label}")
