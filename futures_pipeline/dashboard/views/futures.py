"""Futures and their ETFs: newest quotes, the last four hours, and what one says of the other."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.charts import leads, prices
from futures_pipeline.dashboard.queries import PairSummary
from futures_pipeline.dashboard.tables import Column, plain, sign_tone
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.views.overview import ordered
from futures_pipeline.dashboard.words import (
    IN_PROGRESS,
    clock_times,
    number,
    percent,
    price_digits,
    span,
)

CHANGES = {
    "change_1h": "Change 1H",
    "change_4h": "Change 4H",
    "change_overnight": "Overnight",
    "change_daily": "Daily",
}
VERDICT_CODES = {1.0: ("useful", "good"), 0.0: ("not useful", "bad"), -1.0: ("inconclusive", "")}


def page() -> None:
    """Show the page."""
    parts.heading(
        "Futures data",
        "Newest quote of each market with its changes in price points; green is up, red is down.",
    )
    parts.refreshing(_quotes)
    st.subheader("Futures against spot, last four hours")
    parts.refreshing(_charts)
    st.subheader("What futures say of spot")
    parts.refreshing(_analysis)


def columns() -> list[Column]:
    """Return the columns of the table of quotes."""
    prices_of = [Column(n.title(), _price(n), is_number=True) for n in ("bid", "ask", "last")]
    changes = [
        Column(f"{head}, pts", _change(name), sign_tone(name), is_number=True)
        for name, head in CHANGES.items()
    ]
    return [
        Column("Symbol", plain("symbol")),
        *prices_of,
        Column("Volume, session", lambda row: number(row.get("volume"), 0), is_number=True),
        *changes,
        Column("Changes of", lambda row: clock_times(row.get("changes_at"))),
        Column("Quote of", lambda row: clock_times(row.get("timestamp"))),
        Column("Contract", plain("contract")),
        Column("Data", plain("data_type"), _data_tone),
    ]


def _quotes() -> None:
    rows = ordered(queries.latest())
    parts.show_table(columns(), rows, "Newest quotes", "No quote is stored yet.")
    parts.csv_button(pl.DataFrame(rows), "futures_data", "quotes")


def _charts() -> None:
    for column, (futures, spot) in zip(st.columns(len(queries.PAIRS)), queries.PAIRS, strict=True):
        with column:
            st.markdown(f"**{futures} and {spot}**")
            rows = queries.four_hours(futures, spot)
            key = f"prices-{futures}"
            parts.show_line(
                rows,
                lambda rows=rows, legs=(futures, spot): prices.dual_axis(rows, *legs),  # type: ignore[misc]
                key,
                f"{futures} and {spot}",
            )
            parts.csv_button(rows, f"{futures}_{spot}_4h", key)


def _analysis() -> None:
    found = [queries.summary(*legs) for legs in queries.PAIRS]
    if not any(summary.is_enough for summary in found):
        st.warning(IN_PROGRESS)
        return
    for summary in found:
        if summary.is_enough:
            _pair(summary)
        else:
            st.info(f"{summary.futures} and {summary.spot}: {IN_PROGRESS}")


def _pair(summary: PairSummary) -> None:
    name, value = f"{summary.futures}-{summary.spot}", summary.value
    with st.container(border=True):
        st.markdown(f"**{summary.futures} and {summary.spot}**")
        parts.tiles(_numbers(summary))
        if summary.verdict:
            st.text(f"Lead-lag: {summary.verdict['sentence']}")
        left, right = st.columns(2)
        with left:
            st.caption("Correlation of futures with spot so many minutes later")
            parts.show_chart(leads.bars(dict(summary.lead_lag)), f"leads-{name}")
        with right:
            st.caption("Predictive value, by how far ahead")
            parts.show_table(
                _horizon_columns(),
                _horizons(value),
                f"Predictive value {name}",
                "Not assessed yet.",
            )


def _numbers(summary: PairSummary) -> list[tuple[str, str, str, str]]:
    value = summary.value
    verdict, tone = VERDICT_CODES.get(value.get("verdict_code", -1.0), ("inconclusive", ""))
    right = f"base rate {percent(value.get('base_rate'), 1)}"
    return [
        ("Correlation", number(summary.correlation, 3), "one-minute returns, regular hours", ""),
        ("Directional accuracy, 15 min", percent(value.get("directional_accuracy"), 1), right, ""),
        ("Signal to noise, 15 min", number(value.get("signal_to_noise"), 4), "explained / not", ""),
        ("Predictive value", verdict, f"{number(value.get('n_sessions'), 0)} sessions", tone),
    ]


def _horizon_columns() -> list[Column]:
    return [
        Column("Ahead", lambda row: f"{row['minutes']} min"),
        Column("Observations", lambda row: number(row["n"], 0), is_number=True),
        Column("Right", lambda row: percent(row["right"], 1), is_number=True),
        Column("95 % interval", lambda row: span(row["low"], row["high"]), is_number=True),
        Column(
            "Edge after costs, bp",
            lambda row: number(row["edge"], 2, signed=True),
            sign_tone("edge"),
            is_number=True,
        ),
        Column("Sessions needed, in all", lambda row: number(row["days"], 0), is_number=True),
    ]


def _horizons(value: Mapping[str, float]) -> list[dict[str, Any]]:
    rows = []
    for minutes in (5, 15, 30, 60):
        suffix = "" if minutes == 15 else f"_{minutes}"
        rows.append(
            {
                "minutes": minutes,
                "n": value.get(f"n_obs{suffix}"),
                "right": value.get(f"directional_accuracy{suffix}"),
                "low": value.get(f"da_ci_low{suffix}"),
                "high": value.get(f"da_ci_high{suffix}"),
                "edge": value.get(f"net_edge_bp{suffix}"),
                "days": value.get(f"days_to_conclusion{suffix}"),
            }
        )
    return rows


def _price(name: str) -> Any:
    return lambda row: number(row.get(name), price_digits(row["symbol"]))


def _change(name: str) -> Any:
    return lambda row: number(row.get(name), 2, signed=True)


def _data_tone(row: Mapping[str, Any]) -> str:
    return "" if row.get("data_type") == "live" else "warn"
