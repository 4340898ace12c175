"""How any two markets move together: over time, by time of day, point by point, and apart."""

from collections.abc import Callable

import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.charts import correlation as charts
from futures_pipeline.dashboard.charts import leads
from futures_pipeline.dashboard.tables import Column, plain
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.views.overview import word_tone
from futures_pipeline.dashboard.words import both_times, duration, number

TIMEFRAMES = {1: "1 min", 5: "5 min", 15: "15 min", 60: "1 h"}
SEGMENTS = {
    "asia": "Asia, 18:00 to 03:00 New York",
    "europe": "Europe, 03:00 to 09:30",
    "us": "US, 09:30 to 16:00",
    "late": "Late, 16:00 to 17:00",
}
DIVERGENCE_SESSIONS = 20


def page() -> None:
    """Show the page."""
    parts.heading("Correlation", "Of the log returns of any two markets, with 95 % intervals.")
    symbols = queries.symbols()
    if len(symbols) < 2:
        st.info("A correlation needs stored bars of two markets.")
        return
    first, second, frame, days = st.columns([1, 1, 1.5, 1.2])
    futures = first.selectbox("First market", symbols, index=0, key="first")
    others = [symbol for symbol in symbols if symbol != futures]
    usual = dict(queries.PAIRS).get(futures, others[0])
    spot = second.selectbox(
        "Second market", others, index=others.index(usual) if usual in others else 0, key="second"
    )
    minutes = frame.segmented_control(
        "Length of a return",
        list(TIMEFRAMES),
        format_func=TIMEFRAMES.__getitem__,
        default=1,
        required=True,
        key="timeframe",
    )
    sessions = days.slider("Sessions shown", 1, 10, 1, key="sessions")
    sections: dict[str, Callable[[], None]] = {
        "Rolling correlation": lambda: _rolling(futures, spot, minutes, sessions),
        "By time of day": lambda: _by_time(futures, spot),
        "Returns against each other": lambda: _scatter(futures, spot, minutes, sessions),
        "Ratio with bands": lambda: _spread(futures, spot),
        "Who moves first": lambda: _leads(futures, spot),
        "Divergences": lambda: _divergences(futures, spot),
        "Every two markets": lambda: _matrix(minutes),
    }
    for title, body in sections.items():
        st.subheader(title)
        parts.refreshing(body)


def _rolling(futures: str, spot: str, minutes: int, sessions: int) -> None:
    rows = queries.rolling(futures, spot, minutes, sessions)
    known = rows.drop_nulls("correlation")
    if known.is_empty():
        st.info(f"{futures} and {spot}: fewer than 20 returns of both are known.")
        return
    row = known.row(-1, named=True)
    parts.tiles(
        [
            (
                "Correlation",
                number(row["correlation"], 3),
                f"{number(row['low'])} to {number(row['high'])}, {row['pairs']} returns",
                "",
            ),
            (
                "At usual volatility",
                number(row["correlation_adjusted"], 3),
                f"variance {number(row['variance_ratio'], 1)} times the usual",
                "",
            ),
            ("Up to", f"{row['at']:%H:%M} UTC", both_times(row["at"]), ""),
        ]
    )
    parts.show_line(known, lambda: charts.rolling(rows), "rolling", "Rolling correlation")
    st.caption("Dashed: 0.2, below which two markets that usually move together have diverged.")
    parts.csv_button(rows, f"rolling_{futures}_{spot}".replace("/", ""), "rolling")


def _by_time(futures: str, spot: str) -> None:
    rows = queries.by_time(futures, spot)
    if rows.is_empty():
        st.info("No session has bars of both.")
        return
    parts.show_chart(charts.heatmap(rows), "heatmap")
    parts_of_day = rows.filter(grouped_by="segment", timeframe_minutes=5)
    shown = [
        Column("Part of the session", lambda row: SEGMENTS[row["cell"]]),
        Column(
            "Correlation of 5 min returns",
            lambda row: number(row["correlation"], 3),
            is_number=True,
        ),
        Column("95 % interval", lambda row: f"{number(row['low'], 3)} to {number(row['high'], 3)}"),
        Column("Pairs", lambda row: number(row["pairs"], 0), is_number=True),
        Column("Unknown because", plain("reason")),
    ]
    parts.show_table(shown, parts_of_day.to_dicts(), "By part of the session", "No part is known.")
    parts.csv_button(rows, "by_time", "by-time")


def _scatter(futures: str, spot: str, minutes: int, sessions: int) -> None:
    rows = queries.returns(futures, spot, minutes, sessions)
    known = rows.drop_nulls(["return_futures", "return_spot"])
    fitted = charts.regression(known)
    if fitted is None:
        st.info(f"{known.height} pairs of returns: a line needs three, of markets that moved.")
        return
    st.caption(
        f"{spot} = {number(fitted['slope'], 3)} × {futures} "
        f"{number(fitted['intercept'] * 1e4, 2, signed=True)} bp; R² {number(fitted['r2'], 3)}; "
        f"{number(fitted['n'], 0)} returns of {TIMEFRAMES[minutes]}"
    )
    parts.show_chart(charts.scatter(known, (futures, spot)), "scatter")
    parts.csv_button(rows, "returns", "returns")


def _spread(futures: str, spot: str) -> None:
    rows = queries.spread(futures, spot)
    known = rows.drop_nulls("z")
    if known.is_empty():
        why = rows["reason"].drop_nulls().unique().sort().to_list()
        st.info(f"Not known yet: {', '.join(why) or 'no hour is stored'}.")
        return
    parts.show_line(known, lambda: charts.spread(rows), "spread", "Ratio")
    st.caption(
        f"ln {futures} less {number(known['slope'][-1], 3)} × ln {spot}; "
        f"{known['label'][-1].replace('_', ' ')}; red lines at two standard deviations."
    )


def _leads(futures: str, spot: str) -> None:
    rows = queries.table("lead_lag", pair=f"{futures}-{spot}").drop_nulls("correlation")
    verdicts = queries.table("lead_lag_verdicts", pair=f"{futures}-{spot}").to_dicts()
    if rows.is_empty() or not verdicts:
        st.info(
            f"{futures}-{spot} has no verdict yet: it is computed after the close of seven "
            "sessions, for the pairs in `analysis.pairs`."
        )
        return
    verdict = verdicts[-1]
    st.text(verdict["sentence"])
    parts.show_chart(leads.profile(rows), "profile")
    st.caption(
        "Grey: what sessions paired at random give. Amber: significant after correction. "
        f"Granger: futures to spot p {number(verdict['granger_p_futures_to_spot'], 3)}, "
        f"spot to futures p {number(verdict['granger_p_spot_to_futures'], 3)}; "
        "neither is evidence of a lead by itself."
    )


def _divergences(futures: str, spot: str) -> None:
    rows = queries.table("divergences", DIVERGENCE_SESSIONS, pair=f"{futures}-{spot}")
    shown = [
        Column("Began", lambda row: both_times(row["started_at"])),
        Column("Lasted", lambda row: duration(row["ended_at"] - row["started_at"])),
        Column("Severity", plain("severity"), word_tone("severity")),
        Column("Lowest", lambda row: number(row["minimum"], 3), is_number=True),
        Column("Means", lambda row: row["meaning"].replace("_", " ")),
    ]
    newest = rows.sort("started_at", descending=True).to_dicts()
    parts.show_table(shown, newest, "Divergences", "None in the last 20 sessions that have any.")
    parts.csv_button(rows, "divergences", "divergences")


def _matrix(minutes: int) -> None:
    rows = queries.table("correlation_matrix", timeframe_minutes=minutes)
    known = rows.drop_nulls("correlation")
    if known.is_empty():
        st.info("The matrix is computed once a day after the close; none is stored yet.")
        return
    parts.show_chart(charts.matrix(known), "matrix")
    parts.csv_button(rows, "correlation_matrix", "matrix")
