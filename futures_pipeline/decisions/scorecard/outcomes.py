"""What the ETF did after each call: from the first price one could have had, over fixed times.

The horizons are fixed in advance: the best of many is not a finding.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from futures_pipeline.domain.sessions import TradingCalendar

# None: to NYSE's close.
HORIZONS: Mapping[str, timedelta | None] = {
    "30m": timedelta(minutes=30),
    "60m": timedelta(minutes=60),
    "close": None,
}
MOST_WAIT = timedelta(minutes=5)
TIME = pl.Datetime("us", "UTC")

OUTCOME_COLUMNS: Mapping[str, pl.DataType] = {
    "horizon": pl.String(),
    "session_date": pl.Date(),
    "entry_at": TIME,
    "exit_at": TIME,
    "entry_price": pl.Float64(),
    "exit_price": pl.Float64(),
    "log_return": pl.Float64(),
    "reason": pl.String(),
}


def outcomes(calls: pl.DataFrame, bars: pl.DataFrame, calendar: TradingCalendar) -> pl.DataFrame:
    """Return each call with what followed, one row a horizon.

    Args:
        calls: ``CALL_SCHEMA``.
        bars: one-minute bars of the ETFs: ``symbol``, ``ts_start``, ``ts_end`` (UTC), ``open``
            and ``close`` (US dollars); those of the time after the calls are needed.
        calendar: NYSE's sessions.

    Returns:
        ``calls`` and ``OUTCOME_COLUMNS``. A call before the open enters at the open. The entry
        is the first bar's open at or after the call, the exit the last close up to the end of
        the horizon, each at most 5 minutes off. ``log_return`` is a fraction, unsigned by the
        call, null with a ``reason``: ``market_closed``, ``ends_after_the_close``,
        ``no_entry_price`` or ``no_exit_price`` (also while the horizon is not over).
    """
    timed = calls.join(_times(calls, calendar), on="timestamp")
    prices = bars.select("symbol", "ts_start", "ts_end", "open", "close").drop_nulls()
    entered = _priced(timed, prices, "entry", ("ts_start", "open"))
    left = _priced(entered, prices, "exit", ("ts_end", "close"))
    moved = (pl.col("exit_price") / pl.col("entry_price")).log()
    return (
        left.with_columns(_reason())
        .with_columns(log_return=pl.when(pl.col("reason").is_null()).then(moved))
        .select(*calls.columns, *OUTCOME_COLUMNS)
        .sort("symbol", "source", "timestamp", "horizon")
    )


def _priced(
    calls: pl.DataFrame, prices: pl.DataFrame, end: str, columns: tuple[str, str]
) -> pl.DataFrame:
    """Return the calls with a price: the first from the entry on, the last up to the exit."""
    at, price = columns
    return calls.sort(f"{end}_at").join_asof(
        prices.select(
            "symbol", pl.col(at).alias(f"{end}_bar"), pl.col(price).alias(f"{end}_price")
        ).sort(f"{end}_bar"),
        left_on=f"{end}_at",
        right_on=f"{end}_bar",
        by="symbol",
        strategy="forward" if end == "entry" else "backward",
        tolerance=MOST_WAIT,
        check_sortedness=False,
    )


def _times(calls: pl.DataFrame, calendar: TradingCalendar) -> pl.DataFrame:
    """Return entry and exit of every moment and horizon."""
    rows = [
        (moment, name, *_span(moment, length, calendar))
        for moment in calls["timestamp"].unique()
        for name, length in HORIZONS.items()
    ]
    schema = {
        "timestamp": TIME,
        "horizon": pl.String(),
        "session_date": pl.Date(),
        "entry_at": TIME,
        "exit_at": TIME,
        "fault": pl.String(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _span(
    moment: datetime, length: timedelta | None, calendar: TradingCalendar
) -> tuple[object, datetime | None, datetime | None, str | None]:
    """Return session date, entry, exit and why there is no such span.

    A moment belongs to the NYSE session of its own Globex session, so an evening is not
    graded by a day that opens after another night.
    """
    session_date = calendar.session_date(moment)
    day = calendar.regular.on(session_date)
    if day is None or moment >= day.closes_at:
        return session_date, None, None, "market_closed"
    entry = max(moment, day.opens_at)
    end = day.closes_at if length is None else entry + length
    if end > day.closes_at:
        return session_date, entry, None, "ends_after_the_close"
    return session_date, entry, end, None


def _reason() -> pl.Expr:
    """Return why there is no outcome; a first price at the exit or later is no entry."""
    return (
        pl.when(pl.col("fault").is_not_null())
        .then("fault")
        .when(pl.col("entry_price").is_null() | (pl.col("entry_bar") >= pl.col("exit_at")))
        .then(pl.lit("no_entry_price"))
        .when(pl.col("exit_price").is_null())
        .then(pl.lit("no_exit_price"))
        .alias("reason")
    )
