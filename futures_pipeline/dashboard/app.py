"""The script that Streamlit runs for each visitor: which pages there are, and their common head."""

import streamlit as st

from futures_pipeline.dashboard import views
from futures_pipeline.dashboard.theme import STYLE

st.set_page_config(page_title="Futures pipeline", layout="wide")
st.html(STYLE)
page = st.navigation(views.pages(), position="sidebar")
st.sidebar.link_button("Live chart, full screen", "/live", width="stretch")
page.run()
