"""What option prices say: volatility by expiry and by strike, and the daily numbers over time."""

import altair as alt
import polars as pl

from futures_pipeline.dashboard.charts import Figure
from futures_pipeline.dashboard.theme import BLUE, ORANGE, SERIES

HEIGHT = 260


def at_the_money(chain: pl.DataFrame) -> pl.DataFrame:
    """Return the volatility of each expiry at the strike nearest to the ETF's price.

    Args:
        chain: rows of ``option_snapshots`` of one round.

    Returns:
        ``expiry``, ``days`` (to it from the session) and ``iv`` (annualised
        fraction, mean of put and call), ascending; no row for an expiry without any.
    """
    known = chain.drop_nulls(["iv", "underlying_price"])
    away = (pl.col("strike") - pl.col("underlying_price")).abs()
    nearest = known.with_columns(away=away).filter(pl.col("away") == pl.min("away").over("expiry"))
    days = (pl.col("expiry") - pl.col("session_date")).dt.total_days()
    return (
        nearest.with_columns(days=days).group_by("expiry", "days").agg(pl.mean("iv")).sort("expiry")
    )


def term_structure(atm: pl.DataFrame) -> Figure:
    """Return at-the-money volatility by days to expiry."""
    return (
        alt.Chart(atm.with_columns(percent=100.0 * pl.col("iv")))
        .mark_line(point=True, color=BLUE)
        .encode(
            x=alt.X("days:Q", title="days to expiry"),
            y=alt.Y("percent:Q", title="implied volatility, % a year", scale=alt.Scale(zero=False)),
            tooltip=["expiry:T", "days:Q", alt.Tooltip("percent:Q", format=".2f")],
        )
        .properties(height=HEIGHT)
    )


def smile(chain: pl.DataFrame) -> Figure:
    """Return volatility by strike of one expiry, calls and puts; a rule marks the ETF's price."""
    shown = chain.drop_nulls("iv").with_columns(
        percent=100.0 * pl.col("iv"),
        kind=pl.col("right").replace_strict({"C": "call", "P": "put"}),
    )
    colours = alt.Scale(domain=["call", "put"], range=[BLUE, ORANGE])
    lines = (
        alt.Chart(shown)
        .mark_line(point=alt.OverlayMarkDef(size=18))
        .encode(
            x=alt.X("strike:Q", title="strike, US dollars", scale=alt.Scale(zero=False)),
            y=alt.Y("percent:Q", title="implied volatility, % a year", scale=alt.Scale(zero=False)),
            color=alt.Color("kind:N", title=None, scale=colours),
            tooltip=["contract:N", "strike:Q", alt.Tooltip("percent:Q", format=".2f"), "delta:Q"],
        )
    )
    spot = alt.Chart(shown.select("underlying_price").head(1)).mark_rule(strokeDash=[4, 4])
    return alt.layer(lines, spot.encode(x="underlying_price:Q")).properties(height=HEIGHT)


def over_time(rows: pl.DataFrame, columns: list[str], unit: str) -> Figure:
    """Return daily numbers as lines. ``rows``: ``session_date`` and the columns."""
    long = rows.select("session_date", *columns).unpivot(
        columns, index="session_date", variable_name="number", value_name="value"
    )
    return (
        alt.Chart(long.drop_nulls("value"))
        .mark_line(point=alt.OverlayMarkDef(size=18))
        .encode(
            x=alt.X(
                "session_date:T",
                title="session",
                axis=alt.Axis(format="%b %d", tickCount="day", labelOverlap=True),
            ),
            y=alt.Y("value:Q", title=unit, scale=alt.Scale(zero=False)),
            color=alt.Color("number:N", title=None, scale=alt.Scale(range=list(SERIES))),
            tooltip=["session_date:T", "number:N", alt.Tooltip("value:Q", format=",.4f")],
        )
        .properties(height=HEIGHT)
    )
