"""Who moves first: the correlation at each lead with its interval and the placebo."""

import altair as alt
import polars as pl

from futures_pipeline.dashboard.charts import Figure
from futures_pipeline.dashboard.theme import AMBER, BLUE, GREY

HEIGHT = 260


def profile(rows: pl.DataFrame) -> Figure:
    """Return the correlation of a pair at each lead, and what chance alone gives.

    ``rows``: of the table ``lead_lag``, one pair and session. Above 0 futures move first.
    """
    lead = alt.X("lead_minutes:Q", title="minutes by which futures move first")
    base = alt.Chart(rows).encode(x=lead)
    placebo = base.mark_area(color=GREY, opacity=0.25).encode(
        y=alt.Y("placebo_low:Q", title="correlation"), y2="placebo_high:Q"
    )
    interval = base.mark_rule(color=BLUE, opacity=0.45).encode(y="low:Q", y2="high:Q")
    points = base.mark_circle(size=26).encode(
        y="correlation:Q",
        color=alt.condition("datum.is_significant", alt.value(AMBER), alt.value(BLUE)),
        tooltip=[
            alt.Tooltip("lead_minutes:Q", title="lead, minutes"),
            alt.Tooltip("correlation:Q", format=".3f"),
            alt.Tooltip("p_holm:Q", title="p, corrected", format=".3g"),
        ],
    )
    return alt.layer(placebo, interval, points).properties(height=HEIGHT)


def bars(by_lead: dict[int, float]) -> Figure:
    """Return the correlation at the few leads that are asked for first."""
    rows = pl.DataFrame(
        {"lead": [f"{lead} min" for lead in by_lead], "correlation": list(by_lead.values())}
    )
    return (
        alt.Chart(rows)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("lead:N", sort=None, title="futures earlier by", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("correlation:Q", scale=alt.Scale(domain=[-1, 1])),
            tooltip=["lead:N", alt.Tooltip("correlation:Q", format=".3f")],
        )
        .properties(height=180)
    )
