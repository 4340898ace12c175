"""Builders of the small frames that the tests of changes are written in."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

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
    "data_type": pl.String(),
}
BAR_SCHEMA = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "ts_end": UTC_TIME,
    "close": pl.Float64(),
    "source": pl.String(),
    "data_type": pl.String(),
}
WEDNESDAY = date(2025, 1, 15)
ANCHOR = new_york(date(2025, 1, 14), 16)  # Tuesday's settlement
REGULAR_OPEN = new_york(WEDNESDAY, 9, 30)
NOON = new_york(WEDNESDAY, 12)
MINUTE = timedelta(minutes=1)
STORED_BAR_SCHEMA = {
    **BAR_SCHEMA,
    "session_date": pl.Date(),
    "ts_start": UTC_TIME,
    **{name: pl.Float64() for name in ("open", "high", "low", "volume")},
}


def snapshots(*rows: dict[str, object]) -> pl.DataFrame:
    """Live snapshots of ESH5 at noon with nothing known; a test names what differs."""
    base = dict.fromkeys(SNAPSHOT_SCHEMA) | {
        "symbol": "ES",
        "contract": "ESH5",
        "timestamp": NOON,
        "data_type": "live",
    }
    return pl.DataFrame([base | row for row in rows], schema=SNAPSHOT_SCHEMA)


def bars(
    *rows: tuple[datetime, float | None], source: str = "history", data_type: str | None = None
) -> pl.DataFrame:
    """Bars of ESH5: (end, close)."""
    return pl.DataFrame(
        [("ES", "ESH5", end, close, source, data_type) for end, close in rows],
        schema=BAR_SCHEMA,
        orient="row",
    )


def stored_bars(
    calendar: TradingCalendar, *closes: tuple[str, datetime, float], **values: Any
) -> pl.DataFrame:
    """Rows of ``bars_1m`` of ES from (contract, end, close), from history unless said otherwise.

    High is two points above the close, low one below; ten contracts were traded.
    """
    rows = [
        {
            "symbol": "ES",
            "contract": contract,
            "session_date": calendar.session_date(end - MINUTE),
            "ts_start": end - MINUTE,
            "ts_end": end,
            "open": close,
            "high": close + 2.0,
            "low": close - 1.0,
            "close": close,
            "volume": 10.0,
            "source": "history",
            "data_type": None,
        }
        | values
        for contract, end, close in closes
    ]
    return pl.DataFrame(rows, schema=STORED_BAR_SCHEMA)


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
