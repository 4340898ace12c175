"""Everything a process is told, as one frozen value."""

import hashlib
import json
from pathlib import Path

from futures_pipeline.config.analysis import AnalysisSettings, DagsterSettings
from futures_pipeline.config.collection import CollectionSettings, GatewaySettings
from futures_pipeline.config.section import Section
from futures_pipeline.domain.clock import Clock, parse_clock
from futures_pipeline.domain.instruments import Instrument, select_instruments


class Settings(Section):
    """Everything a process of the pipeline is told."""

    gateway: GatewaySettings = GatewaySettings()
    collection: CollectionSettings = CollectionSettings()
    dagster: DagsterSettings = DagsterSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    data: Path = Path("data")
    clock_text: str = ""

    @property
    def clock(self) -> Clock:
        return parse_clock(self.clock_text)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return select_instruments(self.collection.symbols)

    @property
    def spool_url(self) -> str:
        return f"sqlite:///{self.data / 'collector.sqlite'}"

    @property
    def lake_path(self) -> Path:
        return self.data / "lake"

    def fingerprint(self) -> str:
        """Return a short hash of the settings that shape results, for receipts."""
        shaping = self.model_dump(mode="json", include={"collection", "analysis", "clock_text"})
        text = json.dumps(shaping, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
