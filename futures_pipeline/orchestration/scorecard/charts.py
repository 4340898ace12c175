"""Pictures of the scorecard: calibration, win rates with their base rate, and how far to go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from futures_pipeline.orchestration.reporting import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, ROW, MARGIN = 6.4, 0.24, 1.0
SLICES = ("all", "confirmed", "unconfirmed")
COLOURS = {"all": "tab:blue", "confirmed": "tab:green", "unconfirmed": "tab:orange"}
VERDICT_COLOURS = {"better": "tab:green", "not_better": "tab:red", "not_yet": "0.6"}
SHOWN_HORIZON = "30m"
Chart = dg.MetadataValue | None


def calibration_chart(bins: pl.DataFrame) -> Chart:
    """Return win rate against confidence with its interval, a colour a symbol and source."""
    shown = bins.filter(horizon=SHOWN_HORIZON).drop_nulls("win_rate")
    if shown.is_empty():
        return None
    figure, axes = _figure(3.2)
    axes.plot([0, 1], [0, 1], linestyle=":", color="0.5", linewidth=1.0)
    for key, line in shown.group_by("symbol", "source", maintain_order=True):
        at = line["mean_confidence"].to_list()
        name, rates = " ".join(map(str, key)), line["win_rate"].to_list()
        axes.errorbar(at, rates, yerr=_bars(line), fmt="o-", markersize=3, capsize=2, label=name)
    axes.set_xlabel("confidence said", fontsize=8)
    axes.set_ylabel("share that was right", fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    figure.legend(loc="outside right center", fontsize=7, frameon=False)
    return picture(figure, "confidence against win rate over 30 minutes, 95 % intervals")


def win_rate_chart(standings: pl.DataFrame) -> Chart:
    """Return win rates of all, confirmed and unconfirmed calls, with base rates as marks."""
    slices = pl.col("slice").is_in(SLICES)
    shown = standings.filter(slices, horizon=SHOWN_HORIZON).drop_nulls("win_rate")
    if shown.is_empty():
        return None
    figure, axes = _figure(MARGIN + ROW * shown.height)
    names = [f"{symbol} {source}, {cut} (n={n})" for symbol, source, cut, n in
             shown.select("symbol", "source", "slice", "n").iter_rows()]  # fmt: skip
    for index, (cut, rate, low, high) in enumerate(
        shown.select("slice", "win_rate", "win_rate_low", "win_rate_high").iter_rows()
    ):
        axes.hlines(index, low, high, color=COLOURS[cut], linewidth=1.5)
        axes.plot([rate], [index], "o", markersize=4, color=COLOURS[cut])
    axes.plot(shown["base_rate"].to_list(), range(len(names)), "|", color="black", markersize=8)
    _rows(axes, names)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share that was right, 95 % interval; | is the base rate", fontsize=8)
    return picture(figure, "win rates over 30 minutes, with and without confirmation by futures")


def progress_chart(standings: pl.DataFrame) -> Chart:
    """Return how many of the calls needed are there, with the sessions still to come."""
    shown = standings.filter(slice="all", horizon=SHOWN_HORIZON)
    if shown.is_empty():
        return None
    figure, axes = _figure(MARGIN + ROW * shown.height)
    names = [" ".join(key) for key in shown.select("symbol", "source").iter_rows()]
    parts = (shown["n"] / shown["n_needed"]).clip(upper_bound=1.0).to_list()
    colours = [VERDICT_COLOURS[verdict] for verdict in shown["verdict"]]
    axes.barh(range(len(names)), parts, color=colours)
    said = shown.select("verdict", "n", "n_needed", "days_to_conclusion")
    for index, row in enumerate(said.iter_rows()):
        axes.text(0.01, index, progress_text(*row), va="center", fontsize=7)
    _rows(axes, names)
    axes.set_xlim(0, 1)
    axes.set_xlabel("calls that do not overlap, of those a verdict takes", fontsize=8)
    return picture(figure, "how far the verdicts are; grey: not yet")


def progress_text(verdict: str, n: int, needed: int, days: int | None) -> str:
    """Return how far a verdict is.

    >>> progress_text("not_yet", 40, 619, 723), progress_text("better", 640, 619, 12)
    ('not yet: 40 of 619, about 723 sessions to go', 'better: 640 calls')
    """
    if verdict != "not_yet":
        return f"{verdict.replace('_', ' ')}: {n} calls"
    to_go = "no call yet" if days is None else f"about {days} sessions to go"
    return f"not yet: {n} of {needed}, {to_go}"


def _bars(line: pl.DataFrame) -> Sequence[list[float]]:
    below = (line["win_rate"] - line["win_rate_low"]).clip(lower_bound=0.0)
    above = (line["win_rate_high"] - line["win_rate"]).clip(lower_bound=0.0)
    return [below.to_list(), above.to_list()]


def _rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _figure(height: float) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    return figure, axes
