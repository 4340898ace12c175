"""The table [dashboard]."""

from pydantic import Field

from futures_pipeline.config.section import Port, Section


class DashboardSettings(Section):
    """Where the dashboard is."""

    port: Port = Field(8501, description="port of the dashboard on 127.0.0.1")
