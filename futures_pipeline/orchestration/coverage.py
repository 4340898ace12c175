"""How many of the minutes that should have a bar have one. Pure frames and calendars."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import TradingCalendar

# A bar reaches the spool some machine seconds after its minute; a fast clock makes more of them.
DELIVERY_MACHINE_SECONDS = 10.0
DELIVERY_MARKET_SECONDS = 60.0

SCHEMA = {
    "session_date": pl.Date,
    "symbol": pl.String,
    "expected_minutes": pl.Int64,
    "received_minutes": pl.Int64,
    "share": pl.Float64,
}


def deliverable_until(clock: Clock) -> datetime:
    """Return the moment up to which bars can have reached the spool by now, UTC."""
    delivery = DELIVERY_MARKET_SECONDS + DELIVERY_MACHINE_SECONDS / clock.system_seconds(1.0)
    return clock.now() - timedelta(seconds=delivery)


def bar_coverage(
    bars: pl.DataFrame,
    instruments: Sequence[Instrument],
    calendar: TradingCalendar,
    session_dates: Sequence[date],
    until: datetime,
) -> pl.DataFrame:
    """Return the share of expected minutes that have a bar, by session and symbol.

    Futures are expected in their Globex session, ETFs and VIX in NYSE regular hours, each
    up to ``until``. Minutes outside these hours count neither way; any contract of the
    symbol counts.

    Returns:
        One row per session and instrument: ``session_date``, ``symbol``,
        ``expected_minutes``, ``received_minutes`` and ``share`` (0 to 1; null when no
        minute is expected yet).
    """
    starts = dict(
        ((day, symbol), group["ts_start"].unique())
        for (day, symbol), group in bars.group_by("session_date", "symbol")
    )
    nothing = pl.Series(dtype=pl.Datetime("us", "UTC"))
    rows = []
    for session_date in session_dates:
        for instrument in instruments:
            hours = calendar.globex if instrument.kind is Kind.FUTURE else calendar.regular
            session = hours.on(session_date)
            first = session.opens_at if session else until
            end = min(session.closes_at, until) if session else until
            expected = max(0, int((end - first).total_seconds() // 60))
            found = starts.get((session_date, instrument.symbol), nothing)
            last = first + timedelta(minutes=expected)
            received = int(found.is_between(first, last, closed="left").sum())
            share = received / expected if expected else None
            rows.append((session_date, instrument.symbol, expected, received, share))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def lowest_percent(coverage: pl.DataFrame) -> float | None:
    """Return the smallest share of ``coverage`` in percent, None when none is expected yet."""
    shares = coverage["share"].drop_nulls().to_list()
    return 100.0 * min(shares) if shares else None
