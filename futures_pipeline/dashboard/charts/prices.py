"""Futures against spot: two lines, an axis each, because their levels differ tenfold."""

from typing import Literal

import altair as alt
import polars as pl

from futures_pipeline.dashboard.charts import Figure
from futures_pipeline.dashboard.theme import BLUE, ORANGE

HEIGHT = 260


def dual_axis(prices: pl.DataFrame, futures: str, spot: str) -> Figure:
    """Return the prices of a pair over time.

    ``prices``: ``at`` (UTC), ``price_futures`` and ``price_spot`` (price units, null where
    unknown: the line breaks).
    """
    rows = prices.with_columns(at=pl.col("at").dt.replace_time_zone(None))
    base = alt.Chart(rows).encode(x=time_axis())
    lines = [
        _line(base, "price_futures", (futures, BLUE, 2.8), "left"),
        _line(base, "price_spot", (spot, ORANGE, 1.4), "right"),
    ]
    layered = alt.layer(*lines).resolve_scale(y="independent").properties(height=HEIGHT)
    zoom = alt.selection_interval(bind="scales", encodings=["x"], name="zoom")
    return layered.add_params(zoom)


def time_axis(name: str = "at") -> alt.X:
    """Return a time axis in UTC, whatever the browser's zone."""
    day = "utcFormat(datum.value, utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
    words = f"{day} ? '%b %d' : '%H:%M')"
    axis = alt.Axis(title="UTC", labelExpr=words, labelOverlap=True, grid=False)
    return alt.X(f"{name}:T", scale=alt.Scale(type="utc"), axis=axis)


def _line(
    base: Figure, column: str, look: tuple[str, str, float], side: Literal["left", "right"]
) -> Figure:
    symbol, colour, width = look
    axis = alt.Axis(title=f"{symbol}, price units", titleColor=colour, orient=side, format=",.2~f")
    scale = alt.Scale(zero=False, nice=False)
    return base.mark_line(color=colour, strokeWidth=width).encode(
        y=alt.Y(f"{column}:Q", axis=axis, scale=scale),
        tooltip=[
            alt.Tooltip("at:T", title="UTC", format="%Y-%m-%d %H:%M"),
            alt.Tooltip(f"{column}:Q", title=symbol, format=",.2f"),
        ],
    )
