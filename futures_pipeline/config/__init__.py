"""Settings: one TOML file, then ``FUTURES_PIPELINE_*`` variables, refused early when wrong."""

from futures_pipeline.config.analysis import AnalysisSettings, DagsterSettings
from futures_pipeline.config.binance import BinanceSettings
from futures_pipeline.config.collection import CollectionSettings, GatewaySettings
from futures_pipeline.config.dashboard import DashboardSettings
from futures_pipeline.config.decisions import DecisionSettings
from futures_pipeline.config.feed import FeedSettings
from futures_pipeline.config.loading import (
    CONFIG_FILE,
    PREFIX,
    SECTIONS,
    load_settings,
    writable_directory,
)
from futures_pipeline.config.options import OptionSettings
from futures_pipeline.config.settings import Settings

__all__ = [
    "CONFIG_FILE",
    "PREFIX",
    "SECTIONS",
    "AnalysisSettings",
    "BinanceSettings",
    "CollectionSettings",
    "DagsterSettings",
    "DashboardSettings",
    "DecisionSettings",
    "FeedSettings",
    "GatewaySettings",
    "OptionSettings",
    "Settings",
    "load_settings",
    "writable_directory",
]
