"""Two markets as they trade, with their correlation."""

import streamlit as st

from futures_pipeline.dashboard.live.component import live_chart
from futures_pipeline.dashboard.live.library import installed


def page() -> None:
    """Show the page."""
    st.title("Live correlation")
    if not installed().is_there:
        st.warning(
            "The chart library is not there. Connect to the network once and run "
            "`futures-pipeline dashboard --fetch`; npm is needed."
        )
        return
    live_chart(key="live", height="content")
