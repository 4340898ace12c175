"""Prices of each contract on a grid of market time, and their log returns.

Source: QUANT_SPEC 3.1. Longer returns come from the same observations as one-minute ones.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from futures_pipeline.analytics.market_time import (
    UTC_TIME,
    OpenTime,
    microseconds,
    require_aware,
    session_table,
    utc_microseconds,
    with_session,
)
from futures_pipeline.analytics.reference_prices import reference_prices
from futures_pipeline.analytics.returns.bad_ticks import with_bad_ticks
from futures_pipeline.domain.errors import UnknownSymbol
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

LEAST_AGE_LIMIT = timedelta(minutes=5)

RETURN_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "at": UTC_TIME,
    "price": pl.Float64(),
    "price_source": pl.String(),
    "age_seconds": pl.Float64(),
    "log_return": pl.Float64(),
    "is_open": pl.Boolean(),
    "is_outlier": pl.Boolean(),
    "is_undone": pl.Boolean(),
    "reason": pl.String(),
}


def mid_quotes(snapshots: pl.DataFrame, tick_sizes: Mapping[str, float]) -> pl.DataFrame:
    """Return the mid of each sound quote, as a ``reference_prices`` frame.

    For a thinly traded leg, whose last trade is old and would follow without following
    (QUANT_SPEC 4.4). Arguments, reasons and errors are those of ``reference_prices``.
    """
    quotes = snapshots.with_columns(last=pl.lit(None, pl.Float64))
    no_bars = {
        "symbol": pl.String(),
        "contract": pl.String(),
        "ts_end": UTC_TIME,
        "close": pl.Float64(),
        "source": pl.String(),
        "data_type": pl.String(),
    }
    return reference_prices(quotes, pl.DataFrame(schema=no_bars), tick_sizes)


def grid_returns(
    prices: pl.DataFrame,
    hours: Mapping[str, Timetable],
    calendar: TradingCalendar,
    session_dates: Sequence[date],
    minutes: int,
) -> pl.DataFrame:
    """Return the prices and returns of each contract on the grid of some Globex sessions.

    Args:
        prices: a ``reference_prices`` frame: ``symbol``, ``contract``, ``timestamp`` (UTC;
            a bar's end), ``price`` (price units, null when unknown), ``price_source``.
        hours: the market whose closures end a return, by symbol (``market_hours``).
        calendar: decides the sessions.
        session_dates: sessions to sample; holidays among them give no rows.
        minutes: the length of a return; the grid runs from the session's open.

    Returns:
        ``RETURN_SCHEMA``, one row per grid point after the open for each contract observed in
        the session, ascending by symbol, contract and ``at`` (UTC, the end of the return).
        None is later than the session's newest observation, of any contract: what comes after
        it is not known yet.
        ``price`` is the last observation of the session at or before ``at``, null when that
        is older than 5 minutes and than the interval; ``age_seconds`` its age, also then.
        ``log_return`` is a fraction, null with a ``reason``:
        ``closed`` (the market was shut at some moment of the interval; ``is_open`` is false),
        ``no_price``, ``stale_price``, ``no_earlier_price``, ``stale_earlier_price`` or
        ``bad_tick`` (it takes back an outlier). ``is_outlier`` and ``is_undone`` as of
        ``with_bad_ticks``.

    No return crosses a session or a contract. No look-ahead: a row uses observations at or
    before ``at``, but for ``is_undone``, which uses the next one.

    Raises:
        UnknownSymbol: ``prices`` has a symbol without hours.
        CalendarError: a session date lies outside the calendar.
    """
    require_aware(prices, ("timestamp",))
    interval = timedelta(minutes=minutes)
    sessions = session_table(calendar, session_dates)
    every = with_session(prices.with_columns(utc_microseconds("timestamp")), sessions)
    observed = every.drop_nulls("price").sort("contract", "timestamp")
    grid = _grid(calendar, sessions["session_date"].to_list(), interval)
    newest = every.group_by("session_date").agg(newest=pl.col("timestamp").max())
    grid = grid.join(newest, on="session_date").filter(pl.col("at") <= pl.col("newest"))
    parts = [pl.DataFrame(schema=RETURN_SCHEMA)]
    for symbol in observed["symbol"].unique().sort():
        if symbol not in hours:
            raise UnknownSymbol(symbol, hours)
        of_symbol = observed.filter(symbol=symbol)
        sampled = _sampled(of_symbol, grid, OpenTime(hours[symbol]))
        parts.append(_returns(sampled, interval))
    return pl.concat(parts)


def _grid(calendar: TradingCalendar, days: Sequence[date], interval: timedelta) -> pl.DataFrame:
    found = [session for day in days if (session := calendar.globex.on(day)) is not None]
    opens = {
        "session_date": [session.session_date for session in found],
        "opens": [session.opens_at for session in found],
        "closes": [session.closes_at for session in found],
    }
    schema = {"session_date": pl.Date(), "opens": UTC_TIME, "closes": UTC_TIME}
    grid = pl.DataFrame(opens, schema=schema)
    points = pl.datetime_ranges("opens", "closes", interval=interval).alias("at")
    every = grid.with_columns(points).explode("at", empty_as_null=True)
    return every.select("session_date", pl.col("at").cast(UTC_TIME)).drop_nulls()


def _sampled(observed: pl.DataFrame, grid: pl.DataFrame, market: OpenTime) -> pl.DataFrame:
    """Return the last observation of each contract at each grid point of its sessions."""
    contracts = observed.select("symbol", "contract", "session_date").unique()
    wanted = contracts.join(grid, on="session_date").sort("contract", "at")
    return wanted.join_asof(
        observed.select("contract", "session_date", "timestamp", "price", "price_source"),
        left_on="at",
        right_on="timestamp",
        by=["contract", "session_date"],
        check_sortedness=False,
    ).with_columns(
        age=pl.col("at") - pl.col("timestamp"),
        open_time=pl.Series(market.at(microseconds(wanted["at"]))),
    )


def _returns(sampled: pl.DataFrame, interval: timedelta) -> pl.DataFrame:
    limit = max(interval, LEAST_AGE_LIMIT)
    before = {
        name: pl.col(name).shift(1).over("contract", "session_date")
        for name in ("price", "age", "open_time")
    }
    open_for = pl.col("open_time") - before["open_time"]
    return (
        sampled.with_columns(
            first=pl.int_range(pl.len()).over("contract", "session_date") == 0,
            is_open=(open_for == interval // timedelta(microseconds=1)).fill_null(False),
            reason_now=_fault(pl.col("price"), pl.col("age"), limit, ""),
            reason_before=_fault(before["price"], before["age"], limit, "earlier_"),
            change=(pl.col("price") / before["price"]).log(),
        )
        .filter(~pl.col("first"))
        .with_columns(
            price=pl.when(pl.col("reason_now").is_null()).then("price"),
            age_seconds=pl.col("age").dt.total_microseconds() / 1e6,
            reason=pl.when(~pl.col("is_open"))
            .then(pl.lit("closed"))
            .otherwise(pl.coalesce("reason_now", "reason_before")),
        )
        .with_columns(log_return=pl.when(pl.col("reason").is_null()).then("change"))
        .pipe(with_bad_ticks)
        .select(pl.col(name).cast(dtype) for name, dtype in RETURN_SCHEMA.items())
    )


def _fault(price: pl.Expr, age: pl.Expr, limit: timedelta, when: str) -> pl.Expr:
    return (
        pl.when(price.is_null())
        .then(pl.lit(f"no_{when}price"))
        .when(age > limit)
        .then(pl.lit(f"stale_{when}price"))
    )
