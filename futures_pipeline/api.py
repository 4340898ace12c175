"""The public door: what notebooks and pages read. Reads the lake, never the broker.

Every function takes ``data``, the data directory; None means ``FUTURES_PIPELINE_DATA`` or
``data/``. Nothing stored gives an empty dict or an empty frame, never a made-up number.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from futures_pipeline.config import load_settings
from futures_pipeline.domain.contracts import parse_local_symbol
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.instruments import UNIVERSE, select_instruments
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import CHANGE_METRICS

CHANGES = ("change_1h", "change_4h", "change_overnight", "change_daily")
# A symbol whose market is shut (an index overnight, a holiday) is found this far back.
RECENT_SESSIONS = 5
MOST_HOURS = 24.0 * 366 * 20


def get_latest_snapshots(*, data: Path | str | None = None) -> dict[str, dict[str, Any]]:
    """Return the newest snapshot of each symbol: symbol to column values.

    Futures show their front month. Columns are those of ``futures_snapshots`` and its
    siblings, with ``change_1h``, ``change_4h``, ``change_overnight`` and ``change_daily``
    in price points, None where unknown. Times are UTC.
    """
    lake = _lake(data)
    tables = dict.fromkeys(instrument.snapshot_table for instrument in UNIVERSE.values())
    latest = {}
    for name in tables:
        rows = _with_changes(lake, _recent(lake, name))
        for symbol in rows["symbol"].unique():
            latest[symbol] = _newest(rows.filter(pl.col("symbol") == symbol))
    return dict(sorted(latest.items()))


def get_historical_snapshots(
    symbol: str, hours: float, *, data: Path | str | None = None
) -> pl.DataFrame:
    """Return the snapshots of the ``hours`` before a symbol's newest one, oldest first.

    All contracts collected in that time, so filter by ``contract`` for one series. Columns
    as in :func:`get_latest_snapshots`.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
        ConfigurationError: ``hours`` is not a number above 0.
    """
    (instrument,) = select_instruments([symbol])
    if not 0 < hours <= MOST_HOURS:
        raise ConfigurationError("hours", hours, f"above 0 and at most {MOST_HOURS:g}")
    lake, name = _lake(data), instrument.snapshot_table
    table = lake.open(name)
    sessions = table.session_dates() if table else []
    needed = [day for day in sessions if sessions and day >= _earliest(sessions[-1], hours)]
    rows = lake.read(name, needed).filter(pl.col("symbol") == symbol)
    start = pl.col("timestamp").max() - timedelta(hours=hours)
    recent = rows.filter(pl.col("timestamp") >= start)
    return _with_changes(lake, recent).sort("timestamp", "contract")


def get_change_metrics(symbol: str, *, data: Path | str | None = None) -> dict[str, Any]:
    """Return a symbol's newest row of ``change_metrics``, front month for futures.

    ``change_*`` are price points, ``return_*`` fractions; where one is None, ``reason_*``
    says why.

    Raises:
        UnknownSymbol: the symbol is not in the universe.
    """
    select_instruments([symbol])
    lake = _lake(data)
    rows = _recent(lake, CHANGE_METRICS.name).filter(pl.col("symbol") == symbol)
    return _newest(rows) if rows.height else {}


def _lake(data: Path | str | None) -> Lake:
    return Lake(load_settings(data=None if data is None else Path(data)).lake_path)


def _recent(lake: Lake, name: str) -> pl.DataFrame:
    table = lake.open(name)
    if table is None:
        return lake.read(name)
    return table.read(table.session_dates()[-RECENT_SESSIONS:])


def _earliest(newest: date, hours: float) -> date:
    """Return a session date that surely lies before ``hours`` ahead of the newest session."""
    return newest - timedelta(days=2 + hours / 24.0)


def _with_changes(lake: Lake, rows: pl.DataFrame) -> pl.DataFrame:
    sessions = rows["session_date"].unique().to_list()
    metrics = lake.read(CHANGE_METRICS.name, sessions)
    changes = metrics.select("contract", "timestamp", *CHANGES)
    return rows.join(changes, on=["contract", "timestamp"], how="left")


def _newest(rows: pl.DataFrame) -> dict[str, Any]:
    """Return the newest row; of several contracts at that time the nearest expiry."""
    candidates = rows.filter(pl.col("timestamp") == pl.col("timestamp").max()).to_dicts()
    return min(candidates, key=_expiry_order)


def _expiry_order(row: dict[str, Any]) -> tuple[int, int]:
    parsed = parse_local_symbol(row["contract"], row["session_date"])
    return (parsed[1], parsed[2]) if parsed else (0, 0)
