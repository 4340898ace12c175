"""Everything a process is told, as one frozen value."""

import hashlib
import json
from pathlib import Path

from futures_pipeline.config.analysis import AnalysisSettings, DagsterSettings
from futures_pipeline.config.binance import BinanceSettings
from futures_pipeline.config.collection import CollectionSettings, GatewaySettings
from futures_pipeline.config.dashboard import DashboardSettings
from futures_pipeline.config.decisions import DecisionSettings
from futures_pipeline.config.feed import FeedSettings
from futures_pipeline.config.options import OptionSettings
from futures_pipeline.config.section import Section
from futures_pipeline.domain.clock import Clock, parse_clock
from futures_pipeline.domain.instruments import Instrument, pair, select_instruments


class Settings(Section):
    """Everything a process of the pipeline is told."""

    gateway: GatewaySettings = GatewaySettings()
    collection: CollectionSettings = CollectionSettings()
    dagster: DagsterSettings = DagsterSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    options: OptionSettings = OptionSettings()
    decisions: DecisionSettings = DecisionSettings()
    binance: BinanceSettings = BinanceSettings()
    feed: FeedSettings = FeedSettings()
    dashboard: DashboardSettings = DashboardSettings()
    data: Path = Path("data")
    clock_text: str = ""

    @property
    def clock(self) -> Clock:
        return parse_clock(self.clock_text)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return select_instruments(self.collection.symbols)

    @property
    def pairs(self) -> tuple[Instrument, ...]:
        """The pairs of currencies that are collected, none where that is off."""
        return tuple(pair(symbol) for symbol in self.binance.symbols if self.binance.enabled)

    @property
    def collected(self) -> tuple[Instrument, ...]:
        """Everything that is collected: the broker's instruments, then the pairs."""
        return (*self.instruments, *self.pairs)

    @property
    def spool_url(self) -> str:
        return f"sqlite:///{self.data / 'collector.sqlite'}"

    @property
    def lake_path(self) -> Path:
        return self.data / "lake"

    def fingerprint(self) -> str:
        """Return a short hash of the settings that shape results, for receipts."""
        parts = {"collection", "analysis", "options", "decisions", "clock_text"}
        shaping = self.model_dump(mode="json", include=parts)
        shaping["pairs"] = [instrument.symbol for instrument in self.pairs]
        text = json.dumps(shaping, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
