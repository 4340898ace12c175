"""The pages; a page is a module with a function ``page`` and a line here.

The folder is not called ``pages``: Streamlit would serve every file in it by itself.
"""

from collections.abc import Mapping
from types import ModuleType

import streamlit as st
from streamlit.navigation.page import Page

from futures_pipeline.dashboard.views import (
    alerts,
    correlation,
    futures,
    health,
    live,
    options,
    overview,
    signals,
)

PAGES: Mapping[str, tuple[str, ModuleType]] = {
    "overview": ("Overview", overview),
    "signals": ("Signals and decisions", signals),
    "futures": ("Futures", futures),
    "correlation": ("Correlation", correlation),
    "live-correlation": ("Live correlation", live),
    "options": ("Options and regime", options),
    "alerts": ("Alerts", alerts),
    "health": ("System health", health),
}


def pages() -> list[Page]:
    """Return the pages in the order of the navigation; the first is that of the bare address."""
    return [
        st.Page(module.page, title=title, url_path=path, default=module is overview)
        for path, (title, module) in PAGES.items()
    ]
