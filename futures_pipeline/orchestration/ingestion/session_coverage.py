"""The coverage of whole sessions from the rows of the raw tables; knows settings, not Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from futures_pipeline.analytics.coverage import Rows, coverage
from futures_pipeline.analytics.expected_streams import expected_streams
from futures_pipeline.analytics.gap_causes import EVENT_SCHEMA, collector_down
from futures_pipeline.config import Settings
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import (
    BARS_1M,
    CRYPTO_SNAPSHOTS,
    FUTURES_SNAPSHOTS,
    GATEWAY_EVENTS,
    INDEX_SNAPSHOTS,
    SPOT_SNAPSHOTS,
)

SNAPSHOTS = (FUTURES_SNAPSHOTS, SPOT_SNAPSHOTS, INDEX_SNAPSHOTS, CRYPTO_SNAPSHOTS)
# A session's closure before it belongs to it.
A_LONG_WEEKEND = timedelta(days=5)
COVERAGE_INPUTS = (*SNAPSHOTS, BARS_1M, GATEWAY_EVENTS)


@dataclass(frozen=True, slots=True)
class SessionCoverage:
    """Frames of ``analytics``: ``expected`` streams, and the ``coverage`` of each with its gaps."""

    expected: pl.DataFrame
    streams: pl.DataFrame
    gaps: pl.DataFrame


def first_told_at(lake: Lake) -> datetime | None:
    """Return the begin of what the collector told of itself, UTC; None when it told nothing.

    Its first start tells that it had not run since the begin of the history that it fetches.
    """
    opened = lake.open(GATEWAY_EVENTS.name)
    days = opened.session_dates()[:1] if opened else []
    events = lake.read(GATEWAY_EVENTS.name, days)
    told: list[datetime] = events.filter(event=Cause.COLLECTOR_DOWN.value)["starts_at"].to_list()
    return min(told, default=None)


def with_time_before(
    rows: Mapping[str, pl.DataFrame], told_from: datetime | None, session_dates: Sequence[date]
) -> dict[str, pl.DataFrame]:
    """Return ``rows`` with the time before anything is told among the events.

    A back-fill may reach to sessions before the collector ever ran.
    """
    begin = datetime.combine(min(session_dates), time(), UTC) - A_LONG_WEEKEND
    told = rows[GATEWAY_EVENTS.name].select(*EVENT_SCHEMA)
    if told_from is not None and begin < told_from:
        before = collector_down(begin, told_from, "it had not run before")
        told = pl.concat([told, before])
    return {**rows, GATEWAY_EVENTS.name: told}


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
    events = rows[GATEWAY_EVENTS.name].select(*EVENT_SCHEMA)
    interval = settings.collection.snapshot_interval_seconds
    found = coverage(Rows(bars, snapshots, events), expected, until, interval)
    return SessionCoverage(expected, found.streams, found.gaps)
