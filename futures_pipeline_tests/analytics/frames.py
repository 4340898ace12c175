"""Builders of the small frames that the tests of changes are written in."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import polars as pl

from futures_pipeline.analytics.changes import ChangeSettings, change_metrics, market_hours
from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.analytics.reference_prices import PRICE_SCHEMA
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import Timetable, TradingCalendar, new_york

SNAPSHOT_SCHEMA = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "timestamp": UTC_TIME,
    "bid": pl.Float64(),
    "ask": pl.Float64(),
    "last": pl.Float64(),
    "last_at": UTC_TIME,
}
BAR_SCHEMA = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "ts_end": UTC_TIME,
    "close": pl.Float64(),
}
WEDNESDAY = date(2025, 1, 15)
ANCHOR = new_york(date(2025, 1, 14), 16)  # Tuesday's settlement
REGULAR_OPEN = new_york(WEDNESDAY, 9, 30)
NOON = new_york(WEDNESDAY, 12)


def snapshots(*rows: dict[str, object]) -> pl.DataFrame:
    """Snapshots of ESH5 at noon with nothing known; a test names what differs."""
    base = dict.fromkeys(SNAPSHOT_SCHEMA) | {"symbol": "ES", "contract": "ESH5", "timestamp": NOON}
    return pl.DataFrame([base | row for row in rows], schema=SNAPSHOT_SCHEMA)


def bars(*rows: tuple[datetime, float | None]) -> pl.DataFrame:
    """Bars of ESH5: (end, close)."""
    return pl.DataFrame(
        [("ES", "ESH5", end, close) for end, close in rows], schema=BAR_SCHEMA, orient="row"
    )


def prices(
    *rows: tuple[datetime, float | None], symbol: str = "ES", contract: str = "ESH5"
) -> pl.DataFrame:
    """Reference prices of one contract: (observed, price)."""
    return pl.DataFrame(
        [
            (symbol, contract, at, price, None if price is None else "last", None)
            for at, price in rows
        ],
        schema=PRICE_SCHEMA,
        orient="row",
    )


def each_minute(start: datetime, end: datetime, price: float) -> list[tuple[datetime, float]]:
    """One observation a minute in ``[start, end]``, all at ``price``."""
    count = int((end - start) / timedelta(minutes=1)) + 1
    return [(start + timedelta(minutes=minute), price) for minute in range(count)]


def all_hours(calendar: TradingCalendar) -> dict[str, Timetable]:
    """The market hours of every collected symbol."""
    return {symbol: market_hours(known.kind, calendar) for symbol, known in UNIVERSE.items()}


def changes_of(
    frame: pl.DataFrame,
    calendar: TradingCalendar,
    *days: date,
    settings: ChangeSettings = ChangeSettings(),  # noqa: B008 - frozen
) -> pl.DataFrame:
    """The change metrics of some sessions; of Wednesday when none is named."""
    return change_metrics(frame, all_hours(calendar), calendar, days or (WEDNESDAY,), settings)


def row_at(changes: pl.DataFrame, at: datetime, contract: str = "ESH5") -> dict[str, object]:
    """The one row of a contract at a moment."""
    return changes.row(by_predicate=_is(at, contract), named=True)


def stacked(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(list(parts))


def _is(at: datetime, contract: str) -> pl.Expr:
    return (pl.col("timestamp") == at) & (pl.col("contract") == contract)
