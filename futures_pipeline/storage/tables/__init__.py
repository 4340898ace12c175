"""The lake's tables as data, and which of them the spool fills."""

from collections.abc import Mapping, Sequence

from futures_pipeline.storage.tables.analysis import (
    CORRELATION_DAYS,
    CORRELATION_HEATMAP,
    CORRELATION_MATRIX,
    CORRELATIONS,
    DIVERGENCES,
    SPREADS,
)
from futures_pipeline.storage.tables.changes import CHANGE_METRICS
from futures_pipeline.storage.tables.coverage import COVERAGE, GAPS
from futures_pipeline.storage.tables.crypto import CRYPTO_SNAPSHOTS
from futures_pipeline.storage.tables.decisions import (
    DECISION_TABLES,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
)
from futures_pipeline.storage.tables.events import GATEWAY_EVENTS
from futures_pipeline.storage.tables.leads import LEAD_LAG, LEAD_LAG_VERDICTS, PREDICTIVE_VALUE
from futures_pipeline.storage.tables.market import (
    BARS_1M,
    FUTURES_SNAPSHOTS,
    INDEX_SNAPSHOTS,
    SPOT_SNAPSHOTS,
)
from futures_pipeline.storage.tables.option_statistics import DERIVED_STATISTICS, MARKET_REGIMES
from futures_pipeline.storage.tables.options import OPTION_ROUNDS, OPTION_SNAPSHOTS
from futures_pipeline.storage.tables.quarantine import QUARANTINE
from futures_pipeline.storage.tables.scorecard import (
    CALIBRATION,
    CONFIRMATION,
    OUTCOMES,
    SCORE_TABLES,
    SCORECARD,
    WITH_AND_WITHOUT,
)
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table

__all__ = [
    "ANALYSIS_TABLES",
    "BARS_1M",
    "CALIBRATION",
    "CHANGE_METRICS",
    "CONFIRMATION",
    "CORRELATIONS",
    "CORRELATION_DAYS",
    "CORRELATION_HEATMAP",
    "CORRELATION_MATRIX",
    "COVERAGE",
    "CRYPTO_SNAPSHOTS",
    "DECISION_TABLES",
    "DERIVED_STATISTICS",
    "DIVERGENCES",
    "ENTRY_DECISIONS",
    "FUTURES_SIGNALS",
    "FUTURES_SNAPSHOTS",
    "GAPS",
    "GATEWAY_EVENTS",
    "INDEX_SNAPSHOTS",
    "LEAD_LAG",
    "LEAD_LAG_VERDICTS",
    "MARKET_REGIMES",
    "OPTION_ROUNDS",
    "OPTION_SNAPSHOTS",
    "OPTION_STATISTICS",
    "OUTCOMES",
    "PREDICTIVE_VALUE",
    "PREMARKET_SIGNALS",
    "QUARANTINE",
    "RAW_TABLES",
    "REGIME_WARNINGS",
    "SCORECARD",
    "SCORE_TABLES",
    "SPOT_SNAPSHOTS",
    "SPREADS",
    "TABLES",
    "UTC_TIME",
    "WITH_AND_WITHOUT",
    "Column",
    "Rule",
    "Table",
]

RAW_TABLES: Sequence[Table] = (
    FUTURES_SNAPSHOTS,
    SPOT_SNAPSHOTS,
    INDEX_SNAPSHOTS,
    CRYPTO_SNAPSHOTS,
    BARS_1M,
    GATEWAY_EVENTS,
    OPTION_SNAPSHOTS,
    OPTION_ROUNDS,
)
ANALYSIS_TABLES: Sequence[Table] = (
    CORRELATIONS,
    DIVERGENCES,
    SPREADS,
    CORRELATION_MATRIX,
    CORRELATION_HEATMAP,
    CORRELATION_DAYS,
    LEAD_LAG,
    LEAD_LAG_VERDICTS,
    PREDICTIVE_VALUE,
)
OPTION_STATISTICS: Sequence[Table] = (DERIVED_STATISTICS, MARKET_REGIMES)
TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        *RAW_TABLES,
        QUARANTINE,
        COVERAGE,
        GAPS,
        CHANGE_METRICS,
        *ANALYSIS_TABLES,
        *OPTION_STATISTICS,
        *DECISION_TABLES,
        *SCORE_TABLES,
    )
}
