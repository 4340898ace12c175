"""Pictures of the scorecard: calibration, win rates with their base rate, and how far to go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from futures_pipeline.decisions.brief.words import spoken
from futures_pipeline.orchestration.reporting import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, ROW, MARGIN = 7.2, 0.24, 1.0
# Calls of one confidence side by side, so that no interval hides another.
APART = 0.02
SLICES = ("all", "confirmed", "unconfirmed")
COLOURS = {"all": "tab:blue", "confirmed": "tab:green", "unconfirmed": "tab:orange"}
VERDICT_COLOURS = {"better": "tab:green", "not_better": "tab:red", "not_yet": "0.6"}
SHOWN_HORIZON = "30m"
Chart = dg.MetadataValue | None


def calibration_chart(bins: pl.DataFrame) -> Chart:
    """Return win rate against confidence with its interval: a panel a source, a colour an ETF."""
    shown = bins.filter(horizon=SHOWN_HORIZON).drop_nulls("win_rate")
    if shown.is_empty():
        return None
    sources, symbols = (shown[name].unique().sort().to_list() for name in ("source", "symbol"))
    figure, panels = _figure(2.8, len(sources))
    for axes, source in zip(panels, sources, strict=True):
        _calibration(axes, shown.filter(source=source), symbols)
        axes.set_title(spoken(source), fontsize=8)
    panels[0].set_ylabel("share that was right", fontsize=8)
    figure.supxlabel("confidence said; the number is how many calls", fontsize=8)
    marks = {str(line.get_label()): line for axes in panels for line in axes.containers}
    figure.legend(
        marks.values(), marks.keys(), loc="outside upper center", ncols=len(marks), fontsize=7
    )
    return picture(figure, "confidence against win rate over 30 minutes, 95 % intervals")


def _calibration(axes: Any, bins: pl.DataFrame, symbols: Sequence[str]) -> None:
    """Draw one source: what was right beside what was said, on the dotted line if they agree."""
    axes.plot([0, 1], [0, 1], linestyle=":", color="0.5", linewidth=1.0)
    for number, symbol in enumerate(symbols):
        of = bins.filter(symbol=symbol)
        aside = APART * (number - (len(symbols) - 1) / 2)
        at, rates = (of["mean_confidence"] + aside).to_list(), of["win_rate"].to_list()
        style = {"fmt": "o", "markersize": 3, "capsize": 2, "color": f"C{number}"}
        axes.errorbar(at, rates, yerr=_bars(of), label=symbol, **style)
        for x, y, n in zip(at, rates, of["n"], strict=True):
            axes.annotate(str(n), (x, y), (3, 2), textcoords="offset points", fontsize=6)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.03, 1.03)


def win_rate_chart(standings: pl.DataFrame) -> Chart:
    """Return win rates of all, confirmed and unconfirmed calls, with base rates as marks."""
    slices = pl.col("slice").is_in(SLICES)
    shown = standings.filter(slices, horizon=SHOWN_HORIZON).drop_nulls("win_rate")
    if shown.is_empty():
        return None
    figure, (axes,) = _figure(MARGIN + ROW * shown.height)
    names = [f"{symbol} {spoken(source)}, {cut} (n={n})" for symbol, source, cut, n in
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
    figure, (axes,) = _figure(MARGIN + ROW * shown.height)
    names = [spoken(" ".join(key)) for key in shown.select("symbol", "source").iter_rows()]
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


def _figure(height: float, panels: int = 1) -> tuple["Figure", Sequence[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=80, layout="constrained")
    drawn = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    for axes in drawn:
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    return figure, drawn
