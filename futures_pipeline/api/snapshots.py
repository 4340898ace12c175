"""Snapshots, their changes, and the continuous bars of a future, from the lake."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from futures_pipeline.analytics.continuous import Method, continuous
from futures_pipeline.api.store import (
    FUTURES,
    NOTHING_KNOWN,
    AsOf,
    Store,
    front_months,
    open_store,
)
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import (
    SNAPSHOT_TABLES,
    UNIVERSE,
    Instrument,
    Kind,
    instrument,
    select_instruments,
)
from futures_pipeline.storage.tables import (
    BARS_1M,
    CHANGE_METRICS,
    FUTURES_SNAPSHOTS,
    TABLES,
    Table,
)

CHANGES = ("change_1h", "change_4h", "change_overnight", "change_daily")
NEAR = timedelta(minutes=10)
# A symbol whose market is shut (an index overnight, a holiday) is found this far back.
RECENT_SESSIONS = 5
MOST_HOURS = 24.0 * 366 * 20
MOST_SESSIONS = 260 * 20


def get_latest_snapshots(
    *, data: Path | str | None = None, as_of: AsOf = None
) -> dict[str, dict[str, Any]]:
    """Return the newest snapshot of each symbol: symbol to column values.

    Futures show their front month, that of the row's own session. Columns are those of
    ``futures_snapshots`` and its siblings, with ``change_1h``, ``change_4h``,
    ``change_overnight`` and ``change_daily`` in price points, None where unknown. Look at
    ``data_type``: what is not ``live`` has no changes. Times are UTC. ``as_of``: a version of
    ``futures_snapshots``, or a time.
    """
    store = open_store(data, as_of, FUTURES_SNAPSHOTS.name)
    metrics, known = _metrics(store)

    found = pl.concat([_latest(store, kind, known) for kind in Kind])
    rows = _with_changes(found, metrics).sort("symbol")
    return {row["symbol"]: row for row in rows.iter_rows(named=True)}


def get_historical_snapshots(
    symbol: str, hours: float, *, data: Path | str | None = None, as_of: AsOf = None
) -> pl.DataFrame:
    """Return the snapshots of the ``hours`` before a symbol's newest one, oldest first.

    All contracts collected in that time: filter by ``contract`` for one series, or by
    ``is_front_month`` for what led in each session. Other columns as in
    :func:`get_latest_snapshots`. ``as_of``: a version of the symbol's table, or a time.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
        ConfigurationError: ``hours`` is not a number above 0.
    """
    chosen = instrument(symbol)
    if not 0 < hours <= MOST_HOURS:
        raise ConfigurationError("hours", hours, f"above 0 and at most {MOST_HOURS:g}")
    store = open_store(data, as_of, chosen.snapshot_table)
    metrics, known = _metrics(store)
    of_symbol = known.filter(pl.col("symbol") == symbol)
    marked = _marked(store, _span(store, chosen, hours, of_symbol), of_symbol)
    return _with_changes(marked, metrics).sort("timestamp", "contract")


def get_change_metrics(
    symbol: str, *, data: Path | str | None = None, as_of: AsOf = None
) -> dict[str, Any]:
    """Return a symbol's newest row of ``change_metrics``, front month for futures.

    ``change_*`` are price points, ``return_*`` fractions; where one is None, ``reason_*``
    says why. ``as_of``: a version of ``change_metrics``, or a time.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
    """
    instrument(symbol)
    store = open_store(data, as_of, CHANGE_METRICS.name)
    metrics, known = _metrics(store)
    is_recent = pl.col("session_date").is_in(known["session_date"].unique().implode())
    of_symbol = pl.col("symbol") == symbol
    rows = _ends(metrics.filter(is_recent, of_symbol), CHANGE_METRICS)
    found = _newest(_marked(store, rows, known.filter(of_symbol))).to_dicts()
    return found[0] if found else {}


def get_continuous_bars(
    symbol: str,
    sessions: int,
    *,
    method: Method = "ratio",
    data: Path | str | None = None,
    as_of: AsOf = None,
) -> pl.DataFrame:
    """Return the front month's one-minute bars of the newest sessions as one series.

    Columns, and what ``method`` does (``ratio``, ``difference`` or ``none``), are those of
    ``analytics.continuous.continuous``: raw prices, adjusted prices, the factors between
    them, and returns that never cross a roll. Adjusted prices are for pictures and levels;
    basis, strikes and signals need the raw ones.

    Args:
        symbol: a future.
        sessions: how many stored sessions, counted from the newest.
        method: how the prices of older contracts are joined to the newest one's.
        data: the data directory.
        as_of: a version of ``bars_1m``, or a time.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
        ConfigurationError: the symbol is no future, or another argument is not allowed.
    """
    (instrument,) = select_instruments([symbol])
    if instrument.kind is not Kind.FUTURE:
        raise ConfigurationError("symbol", symbol, f"a future: {', '.join(FUTURES)}")
    if not 0 < sessions <= MOST_SESSIONS:
        raise ConfigurationError("sessions", sessions, f"above 0 and at most {MOST_SESSIONS}")
    store = open_store(data, as_of, BARS_1M.name)
    bars = _newest_sessions(store, sessions).filter(pl.col("symbol") == symbol).collect()
    schedule = front_months(store, bars, NOTHING_KNOWN)
    return continuous(bars, schedule, calendar_for(store.settings.clock.now()), method)


def _newest_sessions(store: Store, count: int) -> pl.LazyFrame:
    table = store.open(BARS_1M.name)
    if table is None:
        return pl.LazyFrame(schema=BARS_1M.schema)
    return table.scan().filter(pl.col("session_date").is_in(table.session_dates()[-count:]))


def _latest(store: Store, kind: Kind, known: pl.DataFrame) -> pl.DataFrame:
    """Return the newest row of each symbol of a kind.

    Looks at the time around which ``known`` has last seen each symbol, whose few files are
    found without the others of the session; further back only if a symbol is not there.
    """
    opened = store.open(SNAPSHOT_TABLES[kind])
    if opened is None:
        return pl.DataFrame(schema=TABLES[SNAPSHOT_TABLES[kind]].schema)
    rows, table = opened.scan(), opened.table
    symbols = {symbol for symbol, instrument in UNIVERSE.items() if instrument.kind is kind}
    of_kind = known.filter(pl.col("symbol").is_in(symbols))
    if not of_kind.is_empty():
        last_seen = of_kind.group_by("symbol").agg(pl.col("seen_at").max())
        since = last_seen.select(pl.col("seen_at").min() - NEAR).item()
        near = _ends(rows.filter(pl.col("timestamp") >= since), table)
        found = _newest(_marked(store, near, of_kind))
        if symbols & set(store.settings.collection.symbols) <= set(found["symbol"]):
            return found
    recent = pl.col("session_date").is_in(opened.session_dates()[-RECENT_SESSIONS:])
    return _newest(_marked(store, _ends(rows.filter(recent), table), of_kind))


def _metrics(store: Store) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Return ``change_metrics``, and when its recent sessions have last seen each contract.

    It has few files, so it tells at once what the snapshots would have to be searched for.
    """
    table = store.open(CHANGE_METRICS.name)
    if table is None:
        return pl.LazyFrame(schema=CHANGE_METRICS.schema), NOTHING_KNOWN
    recent = pl.col("session_date").is_in(table.session_dates()[-RECENT_SESSIONS:])
    seen = table.scan().filter(recent).group_by("symbol", "contract", "session_date")
    known = seen.agg(pl.col("timestamp").max().alias("seen_at")).collect()
    return table.scan(), pl.concat([NOTHING_KNOWN, known], how="diagonal")


def _ends(rows: pl.LazyFrame, table: Table) -> pl.DataFrame:
    """Return the last row of each contract in each session."""
    last = pl.all().get(pl.col("timestamp").arg_max())
    return rows.group_by("contract", "session_date").agg(last).select(table.names).collect()


def _newest(marked: pl.DataFrame) -> pl.DataFrame:
    """Return the newest row of each symbol, of its front month."""
    leading = marked.filter("is_front_month").drop("is_front_month")
    return leading.sort("timestamp").unique("symbol", keep="last")


def _span(store: Store, instrument: Instrument, hours: float, known: pl.DataFrame) -> pl.DataFrame:
    """Return the snapshots of the ``hours`` before the newest one of an instrument."""
    table = store.open(instrument.snapshot_table)
    sessions = table.session_dates() if table else []
    if table is None or not sessions:
        return pl.DataFrame(schema=TABLES[instrument.snapshot_table].schema)
    at, span = pl.col("timestamp"), timedelta(hours=hours)
    # Surely before the span begins; it spares looking at the files of all sessions.
    earliest = sessions[-1] - timedelta(days=2 + hours / 24.0)
    of_symbol = pl.col("symbol") == instrument.symbol
    rows = table.scan().filter(of_symbol, pl.col("session_date") >= earliest)
    seen_at = known.select(pl.col("seen_at").max()).item()
    if seen_at is not None:
        near = rows.filter(at >= seen_at - span - NEAR).collect()
        if near.filter(at >= seen_at - NEAR).height:
            return near.filter(at >= at.max() - span)
    return rows.collect().filter(at >= at.max() - span)


def _with_changes(rows: pl.DataFrame, metrics: pl.LazyFrame) -> pl.DataFrame:
    at = pl.col("timestamp")
    changes = metrics.filter(
        pl.col("session_date").is_in(rows["session_date"].unique().implode()),
        at.is_between(rows["timestamp"].min(), rows["timestamp"].max()),
    ).select("contract", "timestamp", *CHANGES)
    return rows.lazy().join(changes, on=["contract", "timestamp"], how="left").collect()


def _marked(store: Store, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Add ``is_front_month``: whether the row's contract leads in the row's session.

    ``known``: further contracts and their sessions; without them a contract whose stream is
    mute would not be missed.
    """
    is_future, keys = pl.col("symbol").is_in(FUTURES), ["symbol", "session_date", "contract"]
    futures = rows.filter(is_future)
    if futures.is_empty():
        return rows.with_columns(is_front_month=True)
    schedule = front_months(store, futures, known.filter(is_future))
    fronts = schedule.select(*keys, is_front_month=pl.lit(True))
    leads = pl.col("is_front_month").fill_null(~is_future)
    return rows.join(fronts, on=keys, how="left").with_columns(is_front_month=leads)
