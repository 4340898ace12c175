"""The coverage of whole sessions from the rows of the raw tables; knows settings, not Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from futures_pipeline.analytics.coverage import Rows, coverage
from futures_pipeline.analytics.expected_streams import expected_streams
from futures_pipeline.config import Settings
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.tables import (
    BARS_1M,
    CRYPTO_SNAPSHOTS,
    FUTURES_SNAPSHOTS,
    GATEWAY_EVENTS,
    INDEX_SNAPSHOTS,
    SPOT_SNAPSHOTS,
)

SNAPSHOTS = (FUTURES_SNAPSHOTS, SPOT_SNAPSHOTS, INDEX_SNAPSHOTS, CRYPTO_SNAPSHOTS)
COVERAGE_INPUTS = (*SNAPSHOTS, BARS_1M, GATEWAY_EVENTS)


@dataclass(frozen=True, slots=True)
class SessionCoverage:
    """Frames of ``analytics``: ``expected`` streams, and the ``coverage`` of each with its gaps."""

    expected: pl.DataFrame
    streams: pl.DataFrame
    gaps: pl.DataFrame


def session_coverage(
    rows: Mapping[str, pl.DataFrame],
    session_dates: Sequence[date],
    settings: Settings,
    calendar: TradingCalendar,
    until: datetime,
) -> SessionCoverage:
    """Return the coverage of some sessions.

    ``rows``: the rows of these sessions by table name, all of ``COVERAGE_INPUTS``. ``until``:
    up to when rows can have arrived, UTC (``analytics.coverage.deliverable_until``).
    """
    bars = rows[BARS_1M.name]
    snapshots = pl.concat(rows[table.name] for table in SNAPSHOTS)
    identity = ("symbol", "contract", "expiry")
    seen = pl.concat([bars.select(identity), snapshots.select(identity)]).unique()
    expected = expected_streams(
        settings.collected, session_dates, seen, settings.collection.front_month, calendar
    )
    events = rows[GATEWAY_EVENTS.name]
    interval = settings.collection.snapshot_interval_seconds
    found = coverage(Rows(bars, snapshots, events), expected, until, interval)
    return SessionCoverage(expected, found.streams, found.gaps)
