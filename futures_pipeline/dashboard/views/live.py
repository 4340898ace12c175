"""Two markets as they trade, with their correlation."""

import streamlit as st

from futures_pipeline.dashboard.live.component import live_chart
from futures_pipeline.dashboard.live.library import LibraryMissing, chart_library
from futures_pipeline.dashboard.views.parts import literal


def page() -> None:
    """Show the page."""
    st.title("Live correlation")
    try:
        chart_library()
    except LibraryMissing as error:
        st.warning(literal(str(error)))
        return
    live_chart(key="live", height="content")
