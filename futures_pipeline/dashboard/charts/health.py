"""How complete the data is, and what kept it away."""

import altair as alt
import polars as pl

from futures_pipeline.dashboard.charts import Figure
from futures_pipeline.dashboard.charts.prices import time_axis
from futures_pipeline.dashboard.theme import SERIES


def coverage_calendar(rows: pl.DataFrame) -> Figure:
    """Return the share of expected minutes that came, by session and contract.

    ``rows``: of the table ``coverage``, one stream.
    """
    shown = rows.filter(pl.col("expected_minutes") > 0).with_columns(
        day=pl.col("session_date").cast(pl.String), percent=100.0 * pl.col("share")
    )
    return (
        alt.Chart(shown)
        .mark_rect(stroke="#8a919e", strokeOpacity=0.25)
        .encode(
            x=alt.X("day:O", title="session", axis=alt.Axis(labelAngle=-60)),
            y=alt.Y("contract:N", title=None, axis=alt.Axis(labelOverlap=False)),
            color=alt.Color(
                "percent:Q",
                title="% received",
                scale=alt.Scale(scheme="redyellowgreen", domain=[50, 100], clamp=True),
            ),
            tooltip=[
                "day:O",
                "contract:N",
                alt.Tooltip("percent:Q", title="% received", format=".2f"),
                "expected_minutes:Q",
                "received_minutes:Q",
                "unexplained_minutes:Q",
                "largest_gap_minutes:Q",
            ],
        )
        .properties(height=110 + 22 * shown["contract"].n_unique())
    )


def timeline(rows: pl.DataFrame) -> Figure:
    """Return what happened between collector and gateway as spans over time.

    ``rows``: of the table ``gateway_events``; a span of no length is drawn as a tick.
    """
    naive = [pl.col(name).dt.replace_time_zone(None) for name in ("starts_at", "ends_at")]
    shown = rows.with_columns(naive).select(
        "event", "contract", "starts_at", "ends_at", "code", "text"
    )
    return (
        alt.Chart(shown)
        .mark_bar(height=12, strokeWidth=2)
        .encode(
            x=time_axis("starts_at"),
            x2="ends_at:T",
            y=alt.Y("event:N", title=None),
            color=alt.Color("event:N", legend=None, scale=alt.Scale(range=list(SERIES))),
            stroke=alt.Stroke("event:N", legend=None, scale=alt.Scale(range=list(SERIES))),
            tooltip=[
                "event:N",
                "contract:N",
                alt.Tooltip("starts_at:T", title="from, UTC", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("ends_at:T", title="to, UTC", format="%Y-%m-%d %H:%M:%S"),
                "code:Q",
                "text:N",
            ],
        )
        .properties(height=80 + 26 * shown["event"].n_unique())
    )
