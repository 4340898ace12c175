"""Pictures of the analysis: a rolling line, a heat-map and a lead-lag profile."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import polars as pl

from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.orchestration.reporting import POINTS_A_LINE, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 6.4, 2.6
Chart = dg.MetadataValue | None


def rolling_chart(readings: pl.DataFrame) -> Chart:
    """Return the correlation of 60 one-minute returns with its interval, a panel a pair."""
    shown = readings.filter(timeframe_minutes=1, window=60).drop_nulls("correlation")
    figure, panels = _panels(shown)
    for axes, (name, of_pair) in panels:
        line = of_pair.sort("at").gather_every(1 + of_pair.height // POINTS_A_LINE)
        at = line["at"].to_list()
        axes.fill_between(at, line["low"].to_list(), line["high"].to_list(), alpha=0.25)
        axes.plot(at, line["correlation"].to_list(), linewidth=1.0)
        axes.axhline(0.2, linestyle=":", linewidth=0.8, color="tab:red")
        axes.set_title(name, fontsize=8)
        axes.xaxis.set_major_formatter(_clock())
    return _picture(figure, "correlation over 60 minutes, 95 % interval, New York time")


def profile_chart(profile: pl.DataFrame) -> Chart:
    """Return the correlation at each lead with its interval, before the band of the placebo."""
    figure, panels = _panels(profile.drop_nulls("correlation"))
    for axes, (name, of_pair) in panels:
        rows = of_pair.sort("lead_minutes")
        leads = rows["lead_minutes"].to_list()
        band = [_numbers(rows, f"placebo_{side}") for side in ("low", "high")]
        axes.fill_between(leads, *band, color="0.8", label="sessions paired at random, 95 %")
        ends = [_numbers(rows, side) for side in ("low", "high")]
        axes.vlines(leads, *ends, linewidth=0.8, color="tab:blue")
        axes.plot(leads, rows["correlation"].to_list(), ".", markersize=2.5, color="tab:blue")
        found = rows.filter(pl.col("is_significant"))
        axes.plot(
            *_columns(found, "lead_minutes", "correlation"), "o", markersize=4, color="tab:red"
        )
        axes.set_title(f"{name}: minutes by which futures move first", fontsize=8)
    return _picture(figure, "correlation by lead, placebo in grey, significant leads in red")


def heatmap_chart(cells: pl.DataFrame) -> Chart:
    """Return the correlation by New York hour and timeframe, a panel a pair; masked is white."""
    figure, panels = _panels(cells.filter(grouped_by="hour"))
    for axes, (name, of_pair) in panels:
        grid = of_pair.pivot("cell", index="timeframe_minutes", values="correlation")
        values = grid.sort("timeframe_minutes").drop("timeframe_minutes")
        hours = sorted(values.columns)
        image = values.select(hours).cast(pl.Float64).to_numpy()
        axes.imshow(image, vmin=-1.0, vmax=1.0, cmap="RdYlGn", aspect="auto")
        axes.set_xticks(range(0, len(hours), 3), hours[::3])
        axes.set_yticks(range(grid.height), [f"{m} min" for m in sorted(grid["timeframe_minutes"])])
        axes.set_title(f"{name}: hour, New York", fontsize=8)
    return _picture(figure, "correlation by hour and timeframe, red -1 to green 1")


def matrix_chart(cells: pl.DataFrame) -> Chart:
    """Return the matrix of the longest timeframe that is fully known, both halves of it."""
    known = cells.filter(pl.col("correlation").is_not_null().all().over("timeframe_minutes"))
    if known.is_empty():
        return None
    shown = known.filter(timeframe_minutes=known["timeframe_minutes"].max())
    pairs = shown.select("row_symbol", "column_symbol", "correlation").rows()
    names = list(dict.fromkeys(name for row, column, _ in pairs for name in (row, column)))
    image = np.eye(len(names))
    for row, column, value in pairs:
        image[names.index(row), names.index(column)] = value
        image[names.index(column), names.index(row)] = value
    figure = _figure(1)
    axes = figure.subplots()
    axes.imshow(image, vmin=-1.0, vmax=1.0, cmap="RdYlGn")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    for (row, column), value in np.ndenumerate(image):
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7)
    return _picture(figure, f"correlation of {shown['timeframe_minutes'][0]}-minute returns")


def _panels(
    rows: pl.DataFrame,
) -> tuple["Figure | None", Sequence[tuple[Any, tuple[str, pl.DataFrame]]]]:
    """Return a picture and, for each pair with rows, its axes, name and rows."""
    by_pair = [(str(name), part) for (name,), part in rows.group_by("pair", maintain_order=True)]
    if not by_pair:
        return None, []
    figure = _figure(len(by_pair))
    axes = figure.subplots(len(by_pair), squeeze=False)[:, 0]
    for panel in axes:
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    return figure, list(zip(axes, by_pair, strict=True))


def _figure(panels: int) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, HEIGHT * panels), dpi=80, layout="constrained")


def _picture(figure: "Figure | None", label: str) -> Chart:
    return None if figure is None else picture(figure, label)


def _clock() -> Any:
    from matplotlib.dates import DateFormatter

    return DateFormatter("%H:%M", tz=NEW_YORK)  # type: ignore[no-untyped-call]


def _numbers(rows: pl.DataFrame, name: str) -> list[float]:
    return rows[name].cast(pl.Float64).fill_null(float("nan")).to_list()


def _columns(rows: pl.DataFrame, *names: str) -> list[list[float]]:
    return [_numbers(rows, name) for name in names]
