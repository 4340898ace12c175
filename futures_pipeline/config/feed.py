"""The table [feed]."""

from pydantic import Field

from futures_pipeline.config.section import Section


class FeedSettings(Section):
    """The collector's live feed for programs of this machine."""

    port: int = Field(8765, ge=0, le=65535, description="port of the feed on 127.0.0.1; 0 is none")
