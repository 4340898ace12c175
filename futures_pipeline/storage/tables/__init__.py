"""The lake's tables as data, and which of them the spool fills."""

from collections.abc import Mapping, Sequence

from futures_pipeline.storage.tables.changes import CHANGE_METRICS
from futures_pipeline.storage.tables.coverage import COVERAGE, GAPS
from futures_pipeline.storage.tables.crypto import CRYPTO_SNAPSHOTS
from futures_pipeline.storage.tables.events import GATEWAY_EVENTS
from futures_pipeline.storage.tables.market import (
    BARS_1M,
    FUTURES_SNAPSHOTS,
    INDEX_SNAPSHOTS,
    SPOT_SNAPSHOTS,
)
from futures_pipeline.storage.tables.options import OPTION_ROUNDS, OPTION_SNAPSHOTS
from futures_pipeline.storage.tables.quarantine import QUARANTINE
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table

__all__ = [
    "BARS_1M",
    "CHANGE_METRICS",
    "COVERAGE",
    "CRYPTO_SNAPSHOTS",
    "FUTURES_SNAPSHOTS",
    "GAPS",
    "GATEWAY_EVENTS",
    "INDEX_SNAPSHOTS",
    "OPTION_ROUNDS",
    "OPTION_SNAPSHOTS",
    "QUARANTINE",
    "RAW_TABLES",
    "SPOT_SNAPSHOTS",
    "TABLES",
    "UTC_TIME",
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
TABLES: Mapping[str, Table] = {
    table.name: table for table in (*RAW_TABLES, QUARANTINE, COVERAGE, GAPS, CHANGE_METRICS)
}
