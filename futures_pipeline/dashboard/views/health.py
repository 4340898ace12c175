"""Whether collector, streams and tables are well, and what was missing why."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl
import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.charts import health as charts
from futures_pipeline.dashboard.live.health import ask_health
from futures_pipeline.dashboard.live.library import NOTICE
from futures_pipeline.dashboard.live.library import VERSION as CHARTS_VERSION
from futures_pipeline.dashboard.tables import Column, plain
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.views.overview import word_tone
from futures_pipeline.dashboard.words import both_times, number

SESSIONS = 20
EVENT_SESSIONS = 5
NEWEST_GAPS = 40
PACKAGES = ("futures-pipeline", "streamlit", "polars", "deltalake", "dagster", "ib_async")
STATE_TONES = {"up": "good", "live": "good", "down": "bad", "silent": "bad", "refused": "bad"}


def page() -> None:
    """Show the page."""
    parts.heading("System health", "The connection, each stream, what is missing, and the tables.")
    st.subheader("Collector now")
    parts.refreshing(_collector)
    st.subheader("Coverage: minutes received of those expected")
    parts.refreshing(_coverage)
    st.subheader("Gateway timeline")
    parts.refreshing(_events)
    st.subheader("Checks")
    parts.refreshing(_checks)
    st.subheader("Tables and versions")
    parts.refreshing(_tables)


@st.cache_data(ttl=5, show_spinner=False)
def _health(port: int) -> dict[str, Any] | None:
    return ask_health(port)


def _collector() -> None:
    port = queries.settings().feed.port
    told = _health(port)
    if told is None:
        st.warning(
            f"The collector does not answer on port {port}: it does not run, or its feed is off. "
            "Start it with `futures-pipeline run`; its log is `logs/collector.log` in the data "
            "directory."
        )
        return
    parts.show_table(_source_columns(), told["sources"], "Sources", "No source is configured.")
    parts.show_table(_stream_columns(), told["streams"], "Streams", "No stream is subscribed yet.")


def _source_columns() -> list[Column]:
    return [
        Column("Source", plain("source")),
        Column("Socket", plain("socket"), _state_tone("socket")),
        Column(
            "Trouble, as a farm that is down",
            plain("trouble"),
            lambda row: "bad" if row["trouble"] else "",
        ),
        Column("Says", plain("text")),
        Column(
            "Clock ahead of ours, s",
            lambda row: number(row["ahead_seconds"], 3, signed=True),
            is_number=True,
        ),
        Column(
            "Give or take, s", lambda row: number(row["uncertainty_seconds"], 3), is_number=True
        ),
    ]


def _stream_columns() -> list[Column]:
    return [
        Column("Contract", plain("contract")),
        Column("Source", plain("source")),
        Column("Market", plain("market")),
        Column("State", plain("state"), _state_tone("state")),
        Column(
            "Data", plain("data_type"), lambda row: "" if row["data_type"] == "live" else "warn"
        ),
        Column(
            "Last spoke, market s ago", lambda row: number(row["age_seconds"], 1), is_number=True
        ),
    ]


def _state_tone(name: str) -> Any:
    return lambda row: STATE_TONES.get(row[name], "warn")


def _coverage() -> None:
    rows = queries.table("coverage", SESSIONS)
    bars = rows.filter(stream="bars")
    if bars.is_empty():
        st.info("No session has been judged yet.")
        return
    parts.show_chart(charts.coverage_calendar(bars), "coverage")
    parts.csv_button(rows, "coverage", "coverage")
    gaps = queries.table("coverage_gaps", SESSIONS)
    shown = [
        Column("From", lambda row: both_times(row["starts_at"])),
        Column("Contract", plain("contract")),
        Column("Stream", plain("stream")),
        Column("Minutes", lambda row: number(row["minutes"], 0), is_number=True),
        Column("Cause", plain("cause"), lambda row: "" if row["is_explained"] else "bad"),
        Column("Says", plain("says")),
    ]
    newest = gaps.sort("starts_at", descending=True).head(NEWEST_GAPS).to_dicts()
    parts.show_table(shown, newest, "Newest gaps", "No minute is missing.")


def _events() -> None:
    rows = queries.table("gateway_events", EVENT_SESSIONS)
    if rows.is_empty():
        st.info(f"Nothing happened in the last {EVENT_SESSIONS} sessions that have rows.")
        return
    parts.show_chart(charts.timeline(rows), "timeline")
    parts.csv_button(rows, "gateway_events", "events")


def _checks() -> None:
    found = queries.conditions().filter(pl.col("key").str.starts_with("check "))
    wrong = found.filter("is_open")
    shown = [
        Column("Check", plain("title"), word_tone("severity")),
        Column("Says", plain("says")),
        Column("Since, machine's time", lambda row: both_times(row["since"])),
    ]
    nothing = "No check fails. Every check and its history is in Dagster."
    parts.show_table(shown, wrong.to_dicts(), "Failed checks", nothing)


def _tables() -> None:
    shown = [
        Column("Table", plain("table")),
        Column("Version", lambda row: number(row["version"], 0), is_number=True),
        Column("Sessions", lambda row: number(row["sessions"], 0), is_number=True),
        Column("Newest session", plain("newest_session")),
        Column("What it holds", plain("description")),
    ]
    parts.show_table(shown, queries.tables().to_dicts(), "Tables", "No table is stored yet.")
    st.caption(", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    st.caption(f"Settings {queries.settings().fingerprint()}; charts {CHARTS_VERSION}. {NOTICE}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
