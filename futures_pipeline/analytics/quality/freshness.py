"""How old the newest row is, in time that its market was open."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from futures_pipeline.analytics.quality.findings import FINDINGS, as_findings
from futures_pipeline.domain.sessions import Timetable


def stale_symbols(
    newest: Mapping[str, datetime | None],
    hours: Mapping[str, Timetable],
    until: datetime,
    limit: timedelta,
) -> pl.DataFrame:
    """Return the symbols whose newest row is older than ``limit`` of open market.

    Args:
        newest: time of the newest row of each symbol, UTC; None for a symbol without any.
        hours: the market of each symbol.
        until: up to when rows can have arrived, UTC.
        limit: open time without a row that is still usual.

    Returns:
        ``FINDINGS``; ``measured`` is the age in open minutes, null for a symbol without a
        row. A night, a weekend, a holiday and the maintenance hour add nothing to an age.
        Of a symbol without any row something is said only while its market is open.
    """
    found: list[tuple[None, str, float | None, str]] = []
    for symbol, at in newest.items():
        market = hours[symbol]
        if at is None:
            if market.is_open(until):
                found.append((None, symbol, None, "no row at all"))
            continue
        age = timedelta(seconds=market.open_seconds(at, until)) if at < until else timedelta()
        if age > limit:
            minutes = age / timedelta(minutes=1)
            says = f"newest row {at:%Y-%m-%d %H:%M} UTC, {minutes:.0f} min of open market ago"
            found.append((None, symbol, minutes, says))
    return as_findings(pl.DataFrame(found, schema=FINDINGS, orient="row"))
