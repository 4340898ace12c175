"""Up to when the rows of a session are in the lake: what is later cannot be said yet."""

from datetime import date, datetime

import polars as pl

from futures_pipeline.orchestration.ingestion.positions import spool_positions
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import BARS_1M


def known_until(workbench: Workbench, day: date) -> datetime:
    """Return the market time up to which a session's rows are in the lake, UTC.

    All that can have come, once the spool's rows of the session are ingested. While some wait,
    after a restart of Dagster for one, no more than the bars that are there: what was said
    stands, so nothing is said of a minute whose rows are on their way.
    """
    until = workbench.deliverable_until()
    spooled = spool_positions(workbench.spool.partitions(), {day})
    if day not in workbench.committed.raw_behind(spooled):
        return until
    opened = workbench.lake.open(BARS_1M.name)
    session = workbench.calendar.globex.on(day)
    if opened is None or session is None:
        return until if session is None else min(until, session.opens_at)
    stored = opened.scan().filter(pl.col("session_date") == day)
    newest = stored.select(pl.col("ts_end").max()).collect().item()
    return min(until, newest or session.opens_at)
