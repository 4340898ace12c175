"""Which moments of a session are due, and what is said of those of which nothing is stored.

Loaded by a run and not with the definitions: the statistics take a second to import.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from futures_pipeline.api.deciding.facts import FUTURE_OF
from futures_pipeline.api.deciding.moments import decided, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.deciding.warned import new_warnings
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.signals.timing import (
    decision_ticks,
    futures_ticks,
    premarket_ticks,
)
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.tables import (
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
    Table,
)

Row = dict[str, Any]
Ticks = Callable[[date, TradingCalendar], list[datetime]]
Say = Callable[[Sources, str, datetime], Row]

TICKS: dict[str, Ticks] = {
    PREMARKET_SIGNALS.name: premarket_ticks,
    FUTURES_SIGNALS.name: futures_ticks,
    ENTRY_DECISIONS.name: decision_ticks,
}
SAY: dict[str, Say] = {
    PREMARKET_SIGNALS.name: lambda tables, symbol, at: (
        moment_of(tables, symbol, at).premarket().row
    ),
    FUTURES_SIGNALS.name: lambda tables, symbol, at: moment_of(tables, symbol, at).signal().row,
    ENTRY_DECISIONS.name: lambda tables, symbol, at: decided(tables, symbol, at).row,
}


def collected_etfs(symbols: Iterable[str]) -> list[str]:
    """Return the ETFs that are collected together with their future.

    >>> collected_etfs(["SPY", "ES", "QQQ", "VIX"])
    ['SPY']
    """
    held = set(symbols)
    return [spot for spot, future in FUTURE_OF.items() if {spot, future} <= held]


def missing_rows(
    store: Store, table: Table, day: date, until: datetime, calendar: TradingCalendar
) -> list[Row]:
    """Return the rows of a session's due moments of which nothing is stored, ascending.

    ``until``: up to when the rows they are computed from are in the lake. A session without
    any bar has none: nothing was collected, so nothing is said.
    """
    tables = Sources(store)
    etfs = collected_etfs(store.settings.collection.symbols)
    if table is REGIME_WARNINGS:
        end = _last_moment(day, until, calendar)
        return [row for etf in etfs if end for row in new_warnings(tables, etf, end)]
    due = [tick for tick in TICKS[table.name](day, calendar) if tick <= until]
    held = _held(store, table, day)
    missing = [(etf, tick) for tick in due for etf in etfs if (etf, tick) not in held]
    return [SAY[table.name](tables, etf, tick) for etf, tick in missing]


def _last_moment(day: date, until: datetime, calendar: TradingCalendar) -> datetime | None:
    """Return up to when a session's bars can be judged, None before it opens."""
    session = calendar.globex.on(day)
    if session is None or until <= session.opens_at:
        return None
    return min(session.closes_at, until)


def _held(store: Store, table: Table, day: date) -> set[tuple[str, datetime]]:
    rows = store.scan(table.name).filter(pl.col("session_date") == day)
    return set(rows.select("symbol", "timestamp").collect().iter_rows())


def shown(rows: Sequence[Row], table: Table) -> pl.DataFrame:
    """Return rows as a frame of their table."""
    return pl.DataFrame(list(rows), schema=table.schema)
