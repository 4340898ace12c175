"""Builders of rows: a test names the columns it is about, the rest is filled in."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.instruments import ALL_SYMBOLS, UNIVERSE, Kind
from futures_pipeline.storage.schemas import LAKE_COLUMNS
from futures_pipeline.storage.tables import BARS_1M, FUTURES_SNAPSHOTS, TABLES, Table

CALENDAR = load_calendar(date(2024, 12, 1), date(2025, 12, 31))
SESSION = date(2025, 1, 15)
AT = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)
CONTRACTS = {"ES": "ESH5", "NQ": "NQH5", "RTY": "RTYH5"}
PRICES = {"ES": 5900.0, "NQ": 21000.0, "RTY": 2250.0, "SPY": 588.0, "QQQ": 510.0, "IWM": 223.0}


def identity(symbol: str) -> dict[str, Any]:
    """Return the identity columns of a symbol's front contract."""
    return {
        "symbol": symbol,
        "contract": CONTRACTS.get(symbol, symbol),
        "con_id": 1 + list(UNIVERSE).index(symbol) if symbol in list(UNIVERSE) else None,
        "expiry": date(2025, 3, 21) if symbol in CONTRACTS else None,
        "session_date": SESSION,
    }


def snapshot(symbol: str = "ES", **values: Any) -> dict[str, Any]:
    """Return a good snapshot row, with ``values`` in place of its own."""
    at = values.get("timestamp", AT)
    return {
        **identity(symbol),
        "timestamp": at,
        "bid": 5900.00,
        "ask": 5900.25,
        "bid_size": 10.0,
        "ask_size": 12.0,
        "last": 5900.25,
        "last_at": at,
        "volume": 1000.0,
        "open_interest": None,
        "implied_vol": None,
        "data_type": "live",
        "received_at": at + timedelta(milliseconds=200),
        **values,
    }


def bar(symbol: str = "ES", **values: Any) -> dict[str, Any]:
    """Return a good one-minute bar, with ``values`` in place of its own."""
    start = values.get("ts_start", AT)
    return {
        **identity(symbol),
        "ts_start": start,
        "ts_end": start + timedelta(minutes=1),
        "open": 5900.0,
        "high": 5901.0,
        "low": 5899.0,
        "close": 5900.5,
        "volume": 100.0,
        "wap": 5900.2,
        "trade_count": 20,
        "source": "realtime",
        "data_type": "live",
        "received_at": start + timedelta(seconds=61),
        **values,
    }


def event(name: str, starts_at: datetime, ends_at: datetime, **values: Any) -> dict[str, Any]:
    """Return an event about everything, with ``values`` in place of its own."""
    return {
        "symbol": ALL_SYMBOLS,
        "contract": ALL_SYMBOLS,
        "session_date": SESSION,
        "event": name,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "code": None,
        "text": None,
        "received_at": ends_at,
        **values,
    }


def frame(rows: list[dict[str, Any]], table: Table = FUTURES_SNAPSHOTS) -> pl.DataFrame:
    """Return rows as the collector hands them over: without the lake's own columns."""
    schema = {name: kind for name, kind in table.schema.items() if name not in LAKE_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def minute_bars(
    symbol: str, session_date: date, opens_at: datetime, minutes: int, every: int = 1
) -> pl.DataFrame:
    """Return a bar of ``symbol`` for each ``every``-th minute from ``opens_at``."""
    base = PRICES.get(symbol, 16.0)
    rows = []
    for minute in range(0, minutes, every):
        start = opens_at + timedelta(minutes=minute)
        price = base * (1.0 + 0.0001 * (minute % 50))
        has_trades = UNIVERSE[symbol].kind is not Kind.INDEX
        rows.append(
            bar(
                symbol,
                session_date=session_date,
                ts_start=start,
                open=price,
                high=price,
                low=price,
                close=price,
                wap=None,
                volume=100.0 if has_trades else None,
            )
        )
    return frame(rows, BARS_1M)


def table_of(symbol: str) -> Table:
    """Return the snapshot table of a symbol."""
    return TABLES[UNIVERSE[symbol].snapshot_table]
