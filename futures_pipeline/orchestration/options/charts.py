"""Pictures of an ETF's options: term structure, smile, and the 27 numbers over time."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.reporting import POINTS_A_LINE, picture

if TYPE_CHECKING:
    from futures_pipeline.analytics.options.term_structure import Smile

WIDTH, HEIGHT, DPI = 6.4, 2.6, 80
SMILE_DAYS = 30
# Of a call on the forward: a put of 25 delta is at 0.75. Beyond five delta hardly any trade.
SMILE_DELTAS = {
    0.95: "5 put",
    0.9: "10",
    0.75: "25",
    0.5: "50",
    0.25: "25",
    0.1: "10",
    0.05: "5 call",
}
MATURITIES = (30, 90)  # days that the term structure is read at
PANELS_A_ROW, PANEL_HEIGHT = 3, 0.8  # inches
Chart = dg.MetadataValue | None


def term_structure_chart(smiles: Sequence["Smile"]) -> Chart:
    """Return volatility at the money by days to expiry, a line an ETF."""
    known = [it for it in smiles if it.atm_vol is not None]
    frame = pl.DataFrame(
        [(it.symbol, float(it.dte), 100 * (it.atm_vol or 0.0)) for it in known],
        schema={"symbol": pl.String, "x": pl.Float64, "y": pl.Float64},
        orient="row",
    )

    def marked(axes: Any) -> None:
        for days in MATURITIES:
            axes.axvline(days, color="0.5", linewidth=0.8, linestyle="--")

    return _lines(frame, "days to expiry", "volatility at the money, %", marked)


def smile_chart(valued: pl.DataFrame) -> Chart:
    """Return volatility by delta of the expiry nearest to 30 days, a line an ETF.

    ``valued``: ``with_greeks``. Out-of-the-money options only, low strikes on the left.
    """
    away = (pl.col("dte") - SMILE_DAYS).abs()
    nearest = valued.filter(away == away.min().over("symbol"))
    is_put = pl.col("right") == "P"
    outside = nearest.filter(
        is_put == (pl.col("strike") < pl.col("forward")),
        pl.col("forward_delta").is_between(min(SMILE_DELTAS), max(SMILE_DELTAS)),
    )
    lines = outside.select("symbol", x="forward_delta", y=100 * pl.col("iv"))

    def from_puts_to_calls(axes: Any) -> None:
        axes.set_xticks(list(SMILE_DELTAS), SMILE_DELTAS.values())
        axes.set_xlim(max(SMILE_DELTAS), min(SMILE_DELTAS))

    label = f"delta, of the expiry nearest to {SMILE_DAYS} days"
    return _lines(
        lines.drop_nulls().sort("symbol", "x"), label, "volatility, %", from_puts_to_calls
    )


def history_chart(statistics: pl.DataFrame, names: Sequence[str]) -> Chart:
    """Return some numbers over the stored sessions, a panel a number and a line an ETF."""
    if statistics.is_empty():
        return None
    from matplotlib.figure import Figure

    rows = statistics.sort("symbol", "date")
    high = -(-len(names) // PANELS_A_ROW)
    size = 1.4 * WIDTH, PANEL_HEIGHT * high
    figure = Figure(figsize=size, dpi=DPI)
    panels = figure.subplots(high, PANELS_A_ROW, sharex=True, squeeze=False)
    figure.subplots_adjust(0.07, 0.04, 0.97, 0.93, 0.25, 0.45)
    for axes, name in zip(panels.flat, names, strict=False):
        _panel(axes, rows, name)
    first, last = rows["date"].min(), rows["date"].max()
    panels[0, 0].set_xticks([first, last], [str(first), str(last)])
    figure.legend(
        panels[0, 0].get_lines(),
        rows["symbol"].unique(maintain_order=True).to_list(),
        loc="upper center",
        fontsize=8,
        ncols=8,
        frameon=False,
    )
    return picture(figure, f"the {len(names)} numbers of each session")


def _panel(axes: Any, rows: pl.DataFrame, name: str) -> None:
    """Draw one number, its least and largest value on the axis; one not known is said to be so."""
    known = rows[name].drop_nulls().to_list()
    for _, own in rows.group_by("symbol", maintain_order=True):
        axes.plot(own["date"], own[name].cast(pl.Float64), linewidth=0.9, marker=".", ms=1)
    axes.set_title(name if known else f"{name}: not known yet", fontsize=7, pad=2)
    ends = sorted({min(known), max(known)}) if known else []
    axes.set_yticks(ends, [f"{end:,.0f}" if abs(end) >= 1000 else f"{end:.4g}" for end in ends])
    axes.tick_params(labelsize=6, length=2)
    axes.spines[["top", "right"]].set_visible(False)


def _lines(
    lines: pl.DataFrame, x_label: str, y_label: str, finished: Callable[[Any], None]
) -> Chart:
    """Return a line an ETF; ``finished`` adds to the axes what is this chart's own."""
    if lines.is_empty():
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for (symbol,), own in lines.group_by("symbol", maintain_order=True):
        shown = own.gather_every(1 + own.height // POINTS_A_LINE)
        axes.plot(shown["x"], shown["y"], linewidth=1.0, marker=".", ms=3, label=str(symbol))
    finished(axes)
    axes.set_xlabel(x_label, fontsize=8)
    axes.set_ylabel(y_label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", fontsize=7, ncols=8, frameon=False)
    return picture(figure, f"{y_label}, by {x_label}")
