"""Correlation of two markets: over time, by time of day, point by point, and of all to all."""

import altair as alt
import numpy as np
import polars as pl

from futures_pipeline.dashboard.charts import Figure
from futures_pipeline.dashboard.charts.prices import time_axis
from futures_pipeline.dashboard.theme import AMBER, BLUE, GREY, RED

HEIGHT = 260
SCALE = alt.Scale(scheme="redyellowgreen", domain=[-1, 1])
DARK_CELL = "abs(datum.correlation) > 0.75"  # on which dark letters cannot be read
LEAST_POINTS = 3
MOST_POINTS = 4_000
HOURS = [f"{hour:02d}" for hour in [*range(18, 24), *range(17)]]  # a session's, New York


def rolling(rows: pl.DataFrame) -> Figure:
    """Return the rolling correlation with its 95 % interval and the line of divergence.

    ``rows``: ``at`` (UTC), ``correlation``, ``low``, ``high``; null where unknown.
    """
    shown = rows.select("at", "correlation", "low", "high").with_columns(
        at=pl.col("at").dt.replace_time_zone(None)
    )
    base = alt.Chart(shown).encode(x=time_axis())
    y = alt.Y("low:Q", title="correlation", scale=alt.Scale(domain=[-1, 1]))
    band = base.mark_area(color=BLUE, opacity=0.2).encode(y=y, y2="high:Q")
    line = base.mark_line(color=BLUE, strokeWidth=1.6).encode(
        y="correlation:Q",
        tooltip=[
            alt.Tooltip("at:T", title="UTC", format="%Y-%m-%d %H:%M"),
            alt.Tooltip("correlation:Q", format=".3f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
        ],
    )
    zoom = alt.selection_interval(bind="scales", encodings=["x"], name="zoom")
    return alt.layer(band, line, _level(0.2, AMBER)).properties(height=HEIGHT).add_params(zoom)


def heatmap(rows: pl.DataFrame) -> Figure:
    """Return the correlation by New York hour and length of return; masked cells stay empty.

    ``rows``: ``cell`` (the hour), ``timeframe_minutes``, ``correlation``, ``pairs``, ``reason``.
    """
    hours = rows.filter(pl.col("cell").is_in(HOURS), grouped_by="hour").with_columns(
        pl.format("{} min", "timeframe_minutes").alias("timeframe")
    )
    base = alt.Chart(hours).encode(
        x=alt.X("cell:O", sort=HOURS, title="hour, New York", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("timeframe:O", sort=None, title=None),
        tooltip=[
            "cell:O",
            "timeframe:O",
            alt.Tooltip("correlation:Q", format=".3f"),
            "pairs:Q",
            "reason:N",
        ],
    )
    masked = base.transform_filter("datum.correlation === null").mark_rect(
        fill=GREY, fillOpacity=0.12
    )
    known = base.transform_filter("datum.correlation !== null").mark_rect()
    cells = known.encode(color=alt.Color("correlation:Q", scale=SCALE))
    return alt.layer(masked, cells).properties(height=190)


def regression(returns: pl.DataFrame) -> dict[str, float] | None:
    """Return slope, intercept (fraction) and R² of spot returns on futures returns.

    None below three pairs of returns, or when futures did not move.
    """
    x, y = (returns[name].to_numpy() for name in ("return_futures", "return_spot"))
    if len(x) < LEAST_POINTS or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    r = float(np.corrcoef(x, y)[0, 1])
    return {"slope": float(slope), "intercept": float(intercept), "r2": r * r, "n": float(len(x))}


def scatter(returns: pl.DataFrame, legs: tuple[str, str]) -> Figure:
    """Return the returns of both legs against each other, in basis points, with the line.

    ``returns``: rows in which both ``return_futures`` and ``return_spot`` are known.
    """
    fitted = regression(returns)
    shown = returns.gather_every(1 + returns.height // MOST_POINTS).select(
        x=pl.col("return_futures") * 1e4, y=pl.col("return_spot") * 1e4
    )
    points = (
        alt.Chart(shown)
        .mark_circle(size=16, opacity=0.4, color=BLUE)
        .encode(
            x=alt.X("x:Q", title=f"{legs[0]} return, basis points"),
            y=alt.Y("y:Q", title=f"{legs[1]} return, basis points"),
        )
    )
    layers: list[Figure] = [points]
    if fitted is not None:
        ends = [float(shown["x"].min()), float(shown["x"].max())]  # type: ignore[arg-type]
        line = pl.DataFrame(
            {"x": ends, "y": [fitted["slope"] * x + fitted["intercept"] * 1e4 for x in ends]}
        )
        layers.append(alt.Chart(line).mark_line(color=AMBER).encode(x="x:Q", y="y:Q"))
    return alt.layer(*layers).properties(height=320)


def spread(rows: pl.DataFrame) -> Figure:
    """Return the spread in standard deviations, with bands at two.

    ``rows``: ``at`` (UTC) and ``z``, null where unknown.
    """
    shown = rows.select(at=pl.col("at").dt.replace_time_zone(None), z="z")
    line = (
        alt.Chart(shown)
        .mark_line(color=BLUE, strokeWidth=1.6, point=True)
        .encode(
            x=time_axis(),
            y=alt.Y("z:Q", title="standard deviations"),
            tooltip=[
                alt.Tooltip("at:T", title="UTC", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("z:Q", format=".2f"),
            ],
        )
    )
    return alt.layer(line, _level(2.0, RED), _level(-2.0, RED), _level(0.0, GREY)).properties(
        height=HEIGHT
    )


def matrix(rows: pl.DataFrame) -> Figure:
    """Return the correlation of every two symbols; each is shown on both sides of the diagonal.

    ``rows``: of the table ``correlation_matrix``, one session and timeframe.
    """
    half = rows.select("row_symbol", "column_symbol", "correlation", "pairs")
    other = half.select(
        pl.col("column_symbol").alias("row_symbol"),
        pl.col("row_symbol").alias("column_symbol"),
        "correlation",
        "pairs",
    )
    order = list(dict.fromkeys([*half["row_symbol"], *half["column_symbol"]]))
    base = alt.Chart(pl.concat([half, other])).encode(
        x=alt.X("column_symbol:N", sort=order, title=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("row_symbol:N", sort=order, title=None),
    )
    cells = base.mark_rect().encode(color=alt.Color("correlation:Q", scale=SCALE))
    words = base.mark_text().encode(
        text=alt.Text("correlation:Q", format=".2f"),
        color=alt.condition(DARK_CELL, alt.value("#ffffff"), alt.value("#131722")),
    )
    return alt.layer(cells, words).properties(height=300)


def _level(value: float, colour: str) -> Figure:
    rows = pl.DataFrame({"level": [value]})
    return alt.Chart(rows).mark_rule(color=colour, strokeDash=[5, 4]).encode(y="level:Q")
