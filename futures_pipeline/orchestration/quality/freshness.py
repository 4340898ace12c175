"""The check that rows keep coming, against the exchange calendar."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from futures_pipeline.analytics import quality
from futures_pipeline.analytics.expected_streams import open_spans, owed_spans
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import Session, Timetable
from futures_pipeline.orchestration.checks import ERROR, NEWEST_SESSIONS, WARN
from futures_pipeline.orchestration.ingestion.session_coverage import SNAPSHOTS
from futures_pipeline.orchestration.quality.series import in_words
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import BARS_1M, Table

LEAST_FRESH = timedelta(minutes=10)
LONG_STALE = timedelta(hours=1)
# A row is at most so many rounds late.
ROUNDS = 5
# Longer than any closure.
RECENT = timedelta(days=14)
FRESH_TABLES = (*SNAPSHOTS, BARS_1M)


def _fresh_spec(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        f"{table.name}_fresh",
        asset=table.name,
        description="The newest row of every collected symbol is at most 10 minutes (or 5 "
        "rounds) of open market old; an error above an hour. Nights, weekends, holidays and the "
        "maintenance hour do not count; bars of ETFs count in regular hours.",
    )


@dg.multi_asset_check(
    name="freshness_checks", specs=[_fresh_spec(table) for table in FRESH_TABLES], can_subset=True
)
def freshness_checks(
    context: dg.AssetCheckExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> Iterator[dg.AssetCheckResult]:
    """Compare the newest rows with the exchange calendar."""
    until = workbench.deliverable_until()
    interval = workbench.settings.collection.snapshot_interval_seconds
    limit = max(LEAST_FRESH, timedelta(seconds=ROUNDS * interval))
    asked = context.selected_asset_check_keys
    for table in (each for each in FRESH_TABLES if _fresh_spec(each).key in asked):
        wanted = [each for each in workbench.instruments if each.kind in table.kinds]
        hours = {each.symbol: fresh_hours(workbench, table, each) for each in wanted}
        newest = newest_rows(workbench, table, wanted)
        yield fresh_result(table, quality.stale_symbols(newest, hours, until, limit), until)


def fresh_hours(workbench: Workbench, table: Table, instrument: Instrument) -> Timetable:
    """Return the recent hours in which a table gets a row of an instrument every minute.

    Those of its market that lie in a Globex session, as nothing else is collected of the
    broker; a pair of currencies owes the pauses between the sessions too.
    """
    calendar = workbench.calendar
    is_thin = table is BARS_1M and instrument.kind is Kind.ETF
    today = workbench.clock.now().date()
    spans = [
        Session(session.session_date, *span)
        for session in calendar.globex.between(today - RECENT, today + RECENT)
        for span in (
            open_spans(calendar.regular, session)
            if is_thin
            else owed_spans(instrument.kind, session, calendar)
        )
    ]
    return Timetable(instrument.symbol, spans)


def newest_rows(
    workbench: Workbench, table: Table, instruments: list[Instrument]
) -> dict[str, datetime | None]:
    """Return the time of the newest row of each instrument in the newest stored sessions."""
    opened = workbench.lake.open(table.name)
    newest: dict[str, datetime | None] = dict.fromkeys(each.symbol for each in instruments)
    if opened is not None:
        rows = opened.read(opened.session_dates()[-NEWEST_SESSIONS:])
        at = "ts_end" if table is BARS_1M else "timestamp"
        newest |= dict(rows.group_by("symbol").agg(pl.col(at).max()).iter_rows())
    return {each.symbol: newest[each.symbol] for each in instruments}


def fresh_result(table: Table, found: pl.DataFrame, until: datetime) -> dg.AssetCheckResult:
    """Return the result of a freshness check that found these stale symbols."""
    oldest = found["measured"].max()
    minutes = float(oldest) if isinstance(oldest, int | float) else 0.0
    is_long = minutes > LONG_STALE / timedelta(minutes=1)
    return dg.AssetCheckResult(
        check_name=f"{table.name}_fresh",
        asset_key=table.name,
        passed=found.is_empty(),
        severity=ERROR if is_long else WARN,
        description=f"at {until:%Y-%m-%d %H:%M} UTC: {in_words(found)}",
        metadata={
            "market_time": f"{until:%Y-%m-%d %H:%M:%S} UTC",
            "stale_symbols": found.height,
            "oldest_open_minutes": minutes,
        },
    )
