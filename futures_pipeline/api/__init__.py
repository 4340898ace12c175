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
)
from futures_pipeline.api.snapshots import (
    get_change_metrics,
    get_continuous_bars,
    get_historical_snapshots,
    get_latest_snapshots,
)

__all__ = [
    "assess_predictive_value",
    "calculate_correlation",
    "calculate_lead_lag",
    "get_change_metrics",
    "get_continuous_bars",
    "get_historical_snapshots",
    "get_latest_snapshots",
]
