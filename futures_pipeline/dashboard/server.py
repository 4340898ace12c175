"""The process of the dashboard: Streamlit and the live page behind one guard, on 127.0.0.1."""

from pathlib import Path

import streamlit as st
import uvicorn
from streamlit import config as streamlit_config

from futures_pipeline.config import Settings
from futures_pipeline.dashboard.live.routes import live_routes
from futures_pipeline.dashboard.theme import OPTIONS
from futures_pipeline.web.guard import Guard, own_hosts

LOOPBACK = "127.0.0.1"
SCRIPT = Path(__file__).with_name("app.py")


def application(settings: Settings, library: Path | None) -> Guard:
    """Return the pages, the live page and its relay, reachable from this machine alone.

    ``library``: the chart library's script; without it there is no live chart.
    """
    for name, value in OPTIONS.items():
        streamlit_config.set_option(name, value)
    streamlit_config.set_option("server.port", settings.dashboard.port)
    app = st.App(SCRIPT, routes=live_routes(settings, library))
    return Guard(app, own_hosts(settings.dashboard.port))


def serve(settings: Settings, library: Path | None) -> None:
    """Serve until interrupted."""
    app = application(settings, library)
    uvicorn.run(app, host=LOOPBACK, port=settings.dashboard.port, log_level="warning")
