"""What was said and decided: signals, the night before, warnings, and every rule's reason."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.tables import Column, plain
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.views.overview import newest_rows, word_tone
from futures_pipeline.dashboard.words import both_times, clock_times, number, percent, span

SHOWN = 60
OUTCOME_TONES = {
    "chosen": "good",
    "shadow": "warn",
    "later": "mute",
    "blocked": "bad",
    "error": "bad",
    "not_matched": "mute",
}


def page() -> None:
    """Show the page."""
    parts.heading(
        "Signals and decisions",
        "Each row can be computed again from its receipt: `futures-pipeline receipt ID`.",
    )
    st.subheader("Decisions, and why")
    parts.refreshing(_decisions)
    st.subheader("Futures signals")
    parts.refreshing(_signals)
    st.subheader("Before the open")
    parts.refreshing(_premarket)
    st.subheader("Early warnings")
    parts.refreshing(_warnings)
    st.subheader("Scorecard")
    parts.refreshing(_scorecard)


def _decisions() -> None:
    rows = queries.table("entry_decisions", 5)
    newest = newest_rows(rows, "timestamp", SHOWN)
    shown = [
        Column("As of", lambda row: both_times(row["timestamp"])),
        Column("ETF", plain("symbol")),
        Column("Action", plain("action"), lambda row: "good" if row["action"] == "enter" else ""),
        Column("Rule", plain("rule")),
        Column("Direction", plain("direction"), word_tone("direction")),
        Column("Strategy", plain("strategy_type")),
        Column("Size, × usual", lambda row: number(row["position_multiplier"]), is_number=True),
        Column("Why", plain("reason")),
        Column("Id", plain("id")),
    ]
    parts.show_table(
        shown,
        newest,
        "Decisions",
        "No decision is stored yet; they come at 09:25 New York and every 5 minutes "
        "of regular hours.",
    )
    parts.csv_button(rows, "entry_decisions", "decisions")
    if newest:
        _trace(newest)


def _trace(decisions: list[dict[str, Any]]) -> None:
    by_id = {row["id"]: row for row in decisions}
    chosen = st.selectbox(
        "Every rule of",
        list(by_id),
        format_func=lambda name: f"{by_id[name]['symbol']}, {both_times(by_id[name]['timestamp'])}",
        key="decision",
    )
    shown = [
        Column("Rule", plain("rule")),
        Column(
            "Outcome",
            lambda row: row["outcome"].replace("_", " "),
            lambda row: OUTCOME_TONES.get(row["outcome"], ""),
        ),
        Column("Note", plain("note")),
        Column("Conditions that fail", lambda row: _conditions(row, False)),
        Column("Conditions that hold", lambda row: _conditions(row, True)),
        Column("Priority", plain("priority"), is_number=True),
    ]
    trace = json.loads(by_id[chosen]["trace"])
    parts.show_table(shown, trace, "Rules of the decision", "No rule is registered.")


def _conditions(rule: Mapping[str, Any], holds: bool) -> str:
    """Return the conditions of a rule that hold, or those that do not, with their distance."""
    asked = [each for each in rule["conditions"] if bool(each["holds"]) is holds]
    return "; ".join(_condition(each) for each in asked) or "none"


def _condition(check: Mapping[str, Any]) -> str:
    value = check["value"]
    shown = "unknown" if value is None else f"{value:.4g}" if isinstance(value, float) else value
    away = f", {check['distance']:.4g} away" if check["distance"] else ""
    return f"{check['condition']} (is {shown}{away})"


def _signals() -> None:
    rows = queries.table("futures_signals")
    shown = [
        Column("As of", lambda row: clock_times(row["timestamp"])),
        Column("ETF", plain("symbol")),
        Column("Signal", plain("signal"), word_tone("signal")),
        Column("Sentiment", plain("sentiment"), word_tone("sentiment")),
        Column("Confidence, 0 to 1", lambda row: number(row["confidence"]), is_number=True),
        Column(
            "Momentum a session", lambda row: percent(row["momentum"], signed=True), is_number=True
        ),
        Column(
            "Basis from fair, bp",
            lambda row: number(row["basis_deviation_bp"], 1, signed=True),
            is_number=True,
        ),
        Column("Why", lambda row: row["reasoning"] or row["reason"] or ""),
        Column("Missing", plain("degraded")),
        Column("Id", plain("id")),
    ]
    parts.show_table(
        shown,
        newest_rows(rows, "timestamp", SHOWN),
        "Futures signals",
        "No signal is stored yet; they come every 5 minutes of regular hours.",
    )
    parts.csv_button(rows, "futures_signals", "signals")


def _premarket() -> None:
    rows = queries.table("premarket_signals")
    shown = [
        Column("As of", lambda row: clock_times(row["timestamp"])),
        Column("ETF", plain("symbol")),
        Column("Bias", plain("bias"), word_tone("bias")),
        Column("Surge", plain("surge")),
        Column("Confidence, 0 to 1", lambda row: number(row["confidence"]), is_number=True),
        Column(
            "Move, pts", lambda row: number(row["change_points"], 2, signed=True), is_number=True
        ),
        Column("z, usual moves", lambda row: number(row["z"], 2, signed=True), is_number=True),
        Column("VIX, points", lambda row: number(row["vix"]), is_number=True),
        Column("Final", lambda row: "yes" if row["is_final"] else "no"),
        Column("Why", lambda row: row["reasoning"] or row["reason"] or ""),
    ]
    parts.show_table(
        shown,
        newest_rows(rows, "timestamp", SHOWN),
        "Pre-market signals",
        "None is stored yet; they come every 15 minutes from 04:00 New York.",
    )
    parts.csv_button(rows, "premarket_signals", "premarket")


def _warnings() -> None:
    rows = queries.table("regime_warnings", 5)
    raised = rows.filter(rows["level"] != "normal") if not rows.is_empty() else rows
    shown = [
        Column("Bar ended", lambda row: both_times(row["timestamp"])),
        Column("Future", plain("contract")),
        Column("Level", plain("level"), word_tone("level")),
        Column("Drawdown, usual moves", lambda row: number(row["drawdown"]), is_number=True),
        Column("Sum of falls, 0 to 16", lambda row: number(row["cusum"]), is_number=True),
    ]
    nothing = (
        "All bars of the last five sessions were normal."
        if not rows.is_empty()
        else "No bar has been judged yet."
    )
    parts.show_table(shown, newest_rows(raised, "timestamp", SHOWN), "Early warnings", nothing)
    parts.csv_button(rows, "regime_warnings", "warnings")


def _scorecard() -> None:
    rows = queries.table("scorecard")
    shown = [
        Column("ETF", plain("symbol")),
        Column("Called by", lambda row: row["source"].replace("_", " ")),
        Column("Over", plain("horizon")),
        Column("Of", plain("slice")),
        Column("Calls", lambda row: number(row["n"], 0), is_number=True),
        Column("Right", lambda row: percent(row["win_rate"], 1), is_number=True),
        Column("95 % interval", lambda row: span(row["win_rate_low"], row["win_rate_high"])),
        Column("Base rate", lambda row: percent(row["base_rate"], 1), is_number=True),
        Column("Verdict", plain("sentence")),
    ]
    parts.show_table(
        shown,
        rows.to_dicts(),
        "Scorecard",
        "Nothing is graded yet; it is done once a day after the close.",
    )
    parts.csv_button(rows, "scorecard", "scorecard")
