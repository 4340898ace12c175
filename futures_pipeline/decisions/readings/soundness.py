"""Faults of whole series that stop a pair's signals; a sound signal of them does not exist."""

from datetime import date

import polars as pl

from futures_pipeline.analytics import quality
from futures_pipeline.domain.sessions import TradingCalendar

SESSIONS = 5


def fault_of(
    bars: pl.DataFrame, legs: tuple[str, str], days: list[date], calendar: TradingCalendar
) -> str | None:
    """Return what is wrong with the bars of a pair in some sessions, None for nothing.

    The same that the blocking checks of ``bars_1m`` look for: legs a minute apart, legs that do
    not move together, bars named by their end, a price that stands still.
    """
    hours = quality.regular_hours(calendar.regular, days)
    rows = bars.filter(pl.col("session_date").is_in(days), pl.col("symbol").is_in(legs))
    if hours.is_empty() or rows.is_empty():
        return None
    together = quality.pair_correlations(rows, hours, [legs])
    found = pl.concat(
        [
            quality.misaligned_pairs(together),
            quality.uncorrelated_pairs(together),
            quality.end_labelled(rows, hours),
            quality.flat_series(rows, hours),
        ]
    )
    return _said(found)


def stands_still(bars: pl.DataFrame, day: date, calendar: TradingCalendar) -> str | None:
    """Return whether a price of the pair stands still in a session so far, None when it moves."""
    return _said(quality.flat_series(bars, quality.regular_hours(calendar.regular, [day])))


def _said(found: pl.DataFrame) -> str | None:
    newest = found.sort("session_date", descending=True, maintain_order=True).head(1)
    for day, subject, _, says in newest.iter_rows():
        return f"bars_at_fault: {subject} {says} ({day})"
    return None
