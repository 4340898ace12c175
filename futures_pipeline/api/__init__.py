"""The public door: what notebooks and pages read. Reads the lake, never the broker.

Every function takes ``data``, the data directory; None means ``FUTURES_PIPELINE_DATA`` or
``data/``. Nothing stored gives an empty dict or an empty frame, never a made-up number. The
front month of a session is that of the settings ``collection.roll`` and
``collection.front_month``.
"""

from futures_pipeline.api.analysis import (
    assess_predictive_value,
    calculate_correlation,
    calculate_lead_lag,
    get_lead_lag_profile,
)
from futures_pipeline.api.options import get_derived_statistics, get_market_regime
from futures_pipeline.api.pair_frames import (
    get_correlation_by_time,
    get_pair_returns,
    get_rolling_correlation,
    get_spread,
    get_symbols,
)
from futures_pipeline.api.signals import evaluate, explain, generate_signal
from futures_pipeline.api.snapshots import (
    get_change_metrics,
    get_continuous_bars,
    get_historical_snapshots,
    get_latest_snapshots,
)
from futures_pipeline.api.tables import (
    get_alert_conditions,
    get_alert_messages,
    get_table,
    get_tables,
)

__all__ = [
    "assess_predictive_value",
    "calculate_correlation",
    "calculate_lead_lag",
    "evaluate",
    "explain",
    "generate_signal",
    "get_alert_conditions",
    "get_alert_messages",
    "get_change_metrics",
    "get_continuous_bars",
    "get_correlation_by_time",
    "get_derived_statistics",
    "get_historical_snapshots",
    "get_latest_snapshots",
    "get_lead_lag_profile",
    "get_market_regime",
    "get_pair_returns",
    "get_rolling_correlation",
    "get_spread",
    "get_symbols",
    "get_table",
    "get_tables",
]
