"""The first page: prices, what the futures say now, verdicts, and whether anything is wrong."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.tables import Column, plain
from futures_pipeline.dashboard.views import parts
from futures_pipeline.dashboard.words import (
    both_times,
    number,
    percent,
    price_digits,
)
from futures_pipeline.domain.instruments import UNIVERSE

TONES = {
    "bullish": "good",
    "strong_buy": "good",
    "buy": "good",
    "bearish": "bad",
    "sell": "bad",
    "strong_sell": "bad",
    "warning": "warn",
    "collapse": "bad",
    "watch": "warn",
    "error": "bad",
    "warn": "warn",
    "major": "bad",
    "minor": "warn",
}


def page() -> None:
    """Show the page."""
    parts.heading("Overview", "What the index futures say of SPY, QQQ and IWM, and how sure it is.")
    parts.refreshing(_prices)
    st.subheader("What the futures say now")
    parts.refreshing(_signals)
    st.subheader("Do futures lead, and is it of use?")
    parts.refreshing(_verdicts)
    st.subheader("Is anything wrong?")
    parts.refreshing(_wrong)


def word_tone(name: str) -> Any:
    """Return the colour of a word such as bullish or warning."""
    return lambda row: TONES.get(str(row.get(name)), "")


def _prices() -> None:
    latest = queries.latest()
    if latest:
        parts.tiles(_tile(row) for row in ordered(latest))


def ordered(latest: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest rows as the universe lists their symbols, pairs of currencies last."""
    known = [symbol for symbol in UNIVERSE if symbol in latest]
    return [latest[symbol] for symbol in [*known, *sorted(set(latest) - set(known))]]


def _tile(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    digits = price_digits(row["symbol"])
    price = row["last"]
    if price is None and row["bid"] is not None and row["ask"] is not None:
        price = (row["bid"] + row["ask"]) / 2
    change = row.get("change_daily")
    tone = "mute" if not change else "good" if change > 0 else "bad"
    below = "daily change unknown"
    if change is not None and price is not None:
        share = percent(change / (price - change), signed=True)
        below = f"{number(change, 2, ' points', signed=True)} ({share}) today"
    symbol, contract = row["symbol"], row["contract"]
    name = symbol if contract == symbol else f"{symbol} ({contract})"
    return name, number(price, digits), below, tone


def _signals() -> None:
    newest = _newest("futures_signals")
    shown = [
        Column("ETF", plain("symbol")),
        Column("Signal", plain("signal"), word_tone("signal")),
        Column("Sentiment", plain("sentiment"), word_tone("sentiment")),
        Column("Confidence, 0 to 1", lambda row: number(row["confidence"]), is_number=True),
        Column("As of", lambda row: both_times(row["timestamp"])),
        Column("Why", lambda row: row["reasoning"] or row["reason"] or ""),
    ]
    parts.show_table(
        shown,
        newest,
        "Newest signals",
        "No signal is stored yet; they are computed every 5 minutes of regular hours.",
    )


def _newest(name: str) -> list[dict[str, Any]]:
    rows = queries.table(name)
    return rows.sort("timestamp").unique("symbol", keep="last").sort("symbol").to_dicts()


def _verdicts() -> None:
    values = queries.table("predictive_value")
    said = dict(values.unique("pair").select("pair", "sentence").iter_rows())
    rows = [
        {**row, "value": said.get(row["pair"])}
        for row in queries.table("lead_lag_verdicts").to_dicts()
    ]
    shown = [
        Column("Pair", plain("pair")),
        Column("Lead", plain("sentence")),
        Column("Use", plain("value")),
        Column("Sessions", lambda row: number(row["sessions"], 0), is_number=True),
    ]
    parts.show_table(
        shown,
        rows,
        "Verdicts",
        "No verdict is stored yet; they are computed once a day after the close.",
    )


def _wrong() -> None:
    wrong = queries.conditions().filter("is_open")
    if wrong.is_empty():
        st.success("No condition is open.")
        return
    shown = [
        Column("What", plain("title"), word_tone("severity")),
        Column("Says", plain("says")),
        Column("Since, machine's time", lambda row: both_times(row["since"])),
    ]
    parts.show_table(shown, wrong.sort("severity", "since").to_dicts(), "Open conditions", "")


def newest_rows(rows: pl.DataFrame, moment: str, count: int) -> list[dict[str, Any]]:
    """Return the newest rows, newest first."""
    return rows.sort(moment, descending=True).head(count).to_dicts()
