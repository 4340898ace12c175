"""Pictures of the analysis, a panel a pair; what they show is written below them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import polars as pl

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import NEW_YORK, Segment
from futures_pipeline.orchestration.reporting import POINTS_A_LINE, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 6.4, 2.1
# Steps of colour, so that a palette of few colours still shows each as it is.
SHADES = 20
MASKED = "0.88"
HOURS = tuple(f"{hour:02d}" for hour in range(24))
PARTS = tuple(str(part) for part in Segment)
# A line is not drawn over hours in which a market is closed.
CLOSED = timedelta(minutes=30)
# Where the line below which a pair diverges is worth its place.
NEAR_DIVERGENCE = 0.5
Chart = dg.MetadataValue | None


def rolling_chart(readings: pl.DataFrame) -> Chart:
    """Return the correlation of 60 one-minute returns with its interval, a panel a pair."""
    shown = readings.filter(timeframe_minutes=1, window=60).drop_nulls("correlation")
    figure, panels = _panels(shown)
    for (axes,), (name, of_pair) in panels:
        line = of_pair.sort("at").gather_every(1 + of_pair.height // POINTS_A_LINE)
        is_open = pl.col("at").diff().fill_null(timedelta()) <= CLOSED
        known = line.with_columns(
            pl.when(is_open).then(name).alias(name) for name in ("correlation", "low", "high")
        )
        at, low, high = known["at"].to_list(), _numbers(known, "low"), _numbers(known, "high")
        axes.fill_between(at, low, high, alpha=0.25)
        axes.plot(at, _numbers(known, "correlation"), linewidth=1.0)
        if np.nanmin(low) < NEAR_DIVERGENCE:
            axes.axhline(0.2, linestyle=":", linewidth=0.8, color="tab:red")
        axes.set_title(name, fontsize=8)
        axes.xaxis.set_major_formatter(_clock())
    return _picture(figure, "correlation over 60 minutes, 95 % interval, New York time")


def profile_chart(profile: pl.DataFrame) -> Chart:
    """Return the correlation at each lead, and by how much futures move first at it.

    Both with their intervals, before the band of the placebo; significant leads are red.
    """
    from futures_pipeline.analytics.correlation.estimate import Z_95  # compiles: too slow to load

    figure, panels = _panels(profile.drop_nulls("correlation"), columns=2)
    for (left, right), (name, of_pair) in panels:
        rows = of_pair.sort("lead_minutes")
        _with_placebo(left, rows, "correlation", ("low", "high"))
        lead, highest = rows.sort("correlation").select("lead_minutes", "correlation").row(-1)
        left.set_title(f"{name}: correlation, {highest:.3f} at {lead} min", fontsize=8)
        error = Z_95 * pl.col("asymmetry_error")
        ends = {"least": pl.col("asymmetry") - error, "most": pl.col("asymmetry") + error}
        _with_placebo(right, rows.with_columns(**ends), "asymmetry", ("least", "most"))
        right.set_title("futures first less spot first", fontsize=8)
    label = "minutes by which futures move first; grey: 95 % of shuffled sessions; red: significant"
    return _picture(figure, label)


def _with_placebo(axes: Any, rows: pl.DataFrame, value: str, ends: tuple[str, str]) -> None:
    """Draw a value of each lead with its interval before the band of the placebo."""
    known = rows.drop_nulls(value)
    leads = known["lead_minutes"].to_list()
    prefix = "placebo_" if value == "correlation" else f"placebo_{value}_"
    band = [_numbers(known, f"{prefix}{side}") for side in ("low", "high")]
    axes.fill_between(leads, *band, color="0.75")
    axes.vlines(leads, *(_numbers(known, end) for end in ends), linewidth=0.8, color="tab:blue")
    axes.plot(leads, known[value].to_list(), ".", markersize=2.5, color="tab:blue")
    marked = known.filter("is_significant")
    axes.plot(marked["lead_minutes"], marked[value], "o", markersize=4, color="tab:red")


def value_chart(horizons: pl.DataFrame) -> Chart:
    """Return the rank correlation of each horizon with its interval and what would pay."""
    figure, panels = _panels(horizons.drop_nulls("ic"))
    for (axes,), (name, of_pair) in panels:
        rows = of_pair.sort("horizon_minutes")
        place = list(range(rows.height))
        axes.vlines(place, _numbers(rows, "ic_ci_low"), _numbers(rows, "ic_ci_high"))
        axes.plot(place, rows["ic"].to_list(), "o", markersize=4)
        axes.plot(place, _numbers(rows, "break_even_ic"), "_", markersize=24, color="tab:red")
        axes.axhline(0.0, linewidth=0.8, color="0.4")
        said = zip(rows["horizon_minutes"], rows["verdict"], strict=True)
        axes.set_xticks(place, [f"{m} min\n{v.replace('_', ' ').lower()}" for m, v in said])
        axes.set_title(name, fontsize=8)
    return _picture(figure, "rank correlation with its 95 % interval; red: what pays the costs")


def spread_chart(spreads: pl.DataFrame) -> Chart:
    """Return the distance of each spread from its usual, with the bands of wide and closed."""
    figure, panels = _panels(spreads.drop_nulls("z"))
    for (axes,), (name, of_pair) in panels:
        rows = of_pair.sort("at")
        axes.axhspan(-0.5, 0.5, color="0.85")
        for band in (-2.0, 2.0):
            axes.axhline(band, linestyle=":", linewidth=0.8, color="tab:red")
        axes.plot(rows["at"].to_list(), rows["z"].to_list(), marker=".", linewidth=1.0)
        axes.set_title(f"{name}: {rows['label'][-1].replace('_', ' ')}", fontsize=8)
        axes.xaxis.set_major_formatter(_clock())
    return _picture(figure, "spread in standard deviations, New York time; wide beyond 2")


def heatmap_chart(cells: pl.DataFrame) -> Chart:
    """Return the correlation by New York hour, by part of the session and timeframe.

    A panel a pair; cells with too few pairs are masked.
    """
    figure, panels = _panels(cells)
    for (axes,), (name, of_pair) in panels:
        drawn = axes.imshow(_cells_image(of_pair), aspect="auto", **_shades())
        axes.set_facecolor(MASKED)
        axes.axvspan(len(HOURS) - 0.5, len(HOURS) + 0.5, color="white")
        axes.grid(visible=False)
        places = [*range(0, len(HOURS), 3), *(len(HOURS) + 1.5 + 2 * n for n in range(len(PARTS)))]
        axes.set_xticks(places, [*HOURS[::3], *PARTS], fontsize=6)
        of = of_pair.group_by("timeframe_minutes").agg(pl.col("sessions").max()).sort(pl.all())
        names = [f"{minutes} min, {count} sessions" for minutes, count in of.rows()]
        axes.set_yticks(range(of.height), names)
        axes.set_title(name, fontsize=8)
        axes.figure.colorbar(drawn, ax=axes, ticks=(-1, 0, 1)).ax.tick_params(labelsize=7)
    return _picture(figure, "correlation by New York hour and part of the session; grey: few pairs")


def _cells_image(cells: pl.DataFrame) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return timeframe by hour and, twice as wide after an empty column, by part."""
    grid = cells.sort("timeframe_minutes").pivot(
        "cell", index="timeframe_minutes", values="correlation"
    )
    by_hour, by_part = (
        grid.select(pl.col(names).cast(pl.Float64)).to_numpy() for names in (HOURS, PARTS)
    )
    apart = np.full((grid.height, 1), np.nan)
    return np.hstack([by_hour, apart, np.repeat(by_part, 2, axis=1)])


def matrix_chart(cells: pl.DataFrame) -> Chart:
    """Return the matrix of the longest timeframe that is fully known, both halves of it."""
    known = cells.filter(pl.col("correlation").is_not_null().all().over("timeframe_minutes"))
    if known.is_empty():
        return None
    shown = known.filter(timeframe_minutes=known["timeframe_minutes"].max())
    pairs = shown.select("row_symbol", "column_symbol", "correlation").rows()
    held = {name for row, column, _ in pairs for name in (row, column)}
    names = [*(name for name in UNIVERSE if name in held), *sorted(held - set(UNIVERSE))]
    image = np.eye(len(names))
    for row, column, value in pairs:
        image[names.index(row), names.index(column)] = value
        image[names.index(column), names.index(row)] = value
    figure = _figure(1)
    axes = figure.subplots()
    axes.imshow(image, aspect="auto", **_shades())
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(labelsize=7)
    for (row, column), value in np.ndenumerate(image):
        ink = "white" if abs(value) > 0.8 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=ink)
    minutes, most = shown.select("timeframe_minutes", pl.col("sessions").max()).row(0)
    return _picture(figure, f"correlation of {minutes}-minute returns, up to {most} sessions")


def _panels(
    rows: pl.DataFrame, columns: int = 1
) -> tuple["Figure | None", Sequence[tuple[Any, tuple[str, pl.DataFrame]]]]:
    """Return a picture and, for each pair with rows, its panels, name and rows."""
    by_pair = [(str(name), part) for (name,), part in rows.group_by("pair", maintain_order=True)]
    if not by_pair:
        return None, []
    figure = _figure(len(by_pair))
    axes = figure.subplots(len(by_pair), columns, squeeze=False)
    for panel in axes.flat:
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    return figure, list(zip(axes, by_pair, strict=True))


def _figure(panels: int) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, HEIGHT * panels), dpi=80, layout="constrained")


def _shades() -> dict[str, Any]:
    from matplotlib import colormaps

    return {"cmap": colormaps["RdYlGn"].resampled(SHADES), "vmin": -1.0, "vmax": 1.0}


def _picture(figure: "Figure | None", label: str) -> Chart:
    if figure is None:
        return None
    figure.supxlabel(label, fontsize=8)
    return picture(figure, label)


def _clock() -> Any:
    from matplotlib.dates import DateFormatter

    return DateFormatter("%H:%M", tz=NEW_YORK)  # type: ignore[no-untyped-call]


def _numbers(rows: pl.DataFrame, name: str) -> list[float]:
    return rows[name].cast(pl.Float64).fill_null(float("nan")).to_list()
