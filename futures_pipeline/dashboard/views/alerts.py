"""What is wrong, what was, and who was told."""

import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.tables import Column, plain
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.views.overview import word_tone
from futures_pipeline.dashboard.words import both_times, number


def page() -> None:
    """Show the page."""
    parts.heading("Alerts", "Conditions that hold or held, and the messages sent about them.")
    st.subheader("Conditions")
    parts.refreshing(_conditions)
    st.subheader("Messages")
    parts.refreshing(_messages)


def _conditions() -> None:
    rows = queries.conditions()
    shown = [
        Column(
            "State",
            lambda row: "open" if row["is_open"] else "over",
            lambda row: "warn" if row["is_open"] else "good",
        ),
        Column("Severity", plain("severity"), word_tone("severity")),
        Column("What", plain("title")),
        Column("Says", plain("says")),
        Column("Since, machine's time", lambda row: both_times(row["since"])),
    ]
    parts.show_table(shown, rows.to_dicts(), "Conditions", "Nothing was ever wrong.")
    parts.csv_button(rows, "alert_conditions", "conditions")


def _messages() -> None:
    rows = queries.messages()
    shown = [
        Column("Sent, machine's time", lambda row: both_times(row["made_at"])),
        Column("Severity", plain("severity"), word_tone("severity")),
        Column("Title", plain("title")),
        Column("Text", plain("body")),
        Column("Targets told", lambda row: number(row["delivered"], 0), is_number=True),
        Column(
            "Targets waiting",
            lambda row: number(row["waiting"], 0),
            is_number=True,
            tone=lambda row: "warn" if row["waiting"] else "",
        ),
    ]
    parts.show_table(shown, rows.to_dicts(), "Messages", "No message was sent.")
    parts.csv_button(rows, "alert_messages", "messages")
