"""What the pages share: the state of the data on top, tables, charts and their files."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import polars as pl
import streamlit as st

from futures_pipeline.dashboard import queries
from futures_pipeline.dashboard.charts import Figure
from futures_pipeline.dashboard.export import as_csv
from futures_pipeline.dashboard.tables import Column, html_table
from futures_pipeline.dashboard.words import Situation, both_times
from futures_pipeline.domain.errors import PipelineError

REFRESH_SECONDS = 30
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def refreshing(body: Callable[[], None]) -> None:
    """Show a part of a page and show it anew every 30 seconds; the rest stays as it is.

    An error of ours is a sentence on the page; the part tries again at the next refresh.
    """

    @st.fragment(run_every=REFRESH_SECONDS)
    def part() -> None:
        try:
            body()
        except PipelineError as error:
            st.error(literal(queries.failure(error)))

    part()


def heading(title: str, says: str) -> None:
    """Show the head of a page and what the data behind it is like."""
    st.title(title)
    st.caption(says)
    refreshing(_state)


def _state() -> None:
    state = queries.state()
    show = {
        Situation.EMPTY: st.info,
        Situation.CLOSED: st.info,
        Situation.STALE: st.warning,
        Situation.LIVE: st.success,
    }[state.situation]
    show(state.sentence)
    st.caption(f"Market time {both_times(queries.now())}; refreshed every {REFRESH_SECONDS} s")


def literal(text: str) -> str:
    """Return text that Markdown shows as it is, with nothing to click, load or run."""
    return MARKDOWN.sub(r"\\\1", text)


def show_table(
    columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], label: str, nothing: str
) -> None:
    """Show rows, or say what their absence means."""
    held = list(rows)
    if held:
        st.html(html_table(columns, held, label))
    else:
        st.info(nothing)


def show_chart(chart: Figure, key: str) -> None:
    """Show a figure; its key keeps the zoom over a refresh."""
    st.altair_chart(chart, key=key, width="stretch")


def show_line(rows: pl.DataFrame, draw: Callable[[], Figure], key: str, what: str) -> None:
    """Show a line over time, or say why there is none yet."""
    if rows.height > 1:
        show_chart(draw(), key)
    elif rows.height == 1:
        st.info(f"{what}: one row so far; a line needs two.")
    else:
        st.info(f"{what}: nothing is known yet.")


def csv_button(rows: pl.DataFrame, name: str, key: str) -> None:
    """Offer rows as CSV with units in the heads."""
    if not rows.is_empty():
        st.download_button(
            "CSV", as_csv(rows), f"{name}.csv", "text/csv", key=f"csv-{key}", on_click="ignore"
        )


def tiles(cells: Iterable[tuple[str, str, str, str]]) -> None:
    """Show a row of tiles: label, value, a line below it and that line's tone."""
    parts = [
        f"<div class='fp-tile'><small>{escape(label)}</small><b>{escape(value)}</b>"
        f"<small class='fp-{escape(tone)}'>{escape(below)}</small></div>"
        for label, value, below, tone in cells
    ]
    st.html(f"<div class='fp-tiles'>{''.join(parts)}</div>")
