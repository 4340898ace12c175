"""The jobs, and how our code and its rivals do each."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from deltalake import write_deltalake

from futures_pipeline.analytics.changes import change_metrics, market_hours, reference_prices
from futures_pipeline.analytics.kernels.as_of import latest_known
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.instruments import UNIVERSE, select_instruments
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.schemas import LAKE_COLUMNS
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import FUTURES_SNAPSHOTS

Job = Callable[[], object]
Rivals = Mapping[str, Callable[[], Job]]
Titled = tuple[str, Rivals]

LAGS = ("1h", "4h", "16h", "24h")
SYMBOLS = tuple(UNIVERSE)
FIRST, LAST = date(2025, 1, 6), date(2025, 12, 31)
FUTURES = ("ES", "NQ", "RTY")


def bars(calendar: TradingCalendar, sessions: int) -> pl.DataFrame:
    """Return a one-minute random walk for every symbol over ``sessions`` Globex sessions."""
    chosen = calendar.globex.between(FIRST, LAST)[:sessions]
    minutes = pl.concat(
        [
            pl.datetime_range(s.opens_at, s.closes_at, "1m", closed="right", eager=True)
            for s in chosen
        ]
    ).dt.convert_time_zone("UTC")
    noise = np.random.default_rng(7)
    frames = [
        pl.DataFrame(
            {
                "symbol": symbol,
                "contract": symbol,
                "ts_end": minutes,
                "close": 100.0 + noise.normal(size=len(minutes)).cumsum() * 0.01,
            }
        )
        for symbol in SYMBOLS
    ]
    return pl.concat(frames).with_columns(
        pl.col("ts_end").dt.cast_time_unit("us"),
        source=pl.lit("history"),
        data_type=pl.lit(None, pl.String),
    )


def change_jobs(sessions: Sequence[int]) -> list[Titled]:
    """Change metrics of every minute; rivals do only the four as-of joins of it."""
    calendar = load_calendar(date(2024, 12, 1), date(2025, 12, 31))
    hours = {i.symbol: market_hours(i.kind, calendar) for i in UNIVERSE.values()}
    ticks = {i.symbol: i.tick_size for i in UNIVERSE.values()}

    def ours(count: int) -> Job:
        observed = bars(calendar, count)
        sessions = calendar.globex.between(FIRST, LAST)[:count]
        days = [session.session_date for session in sessions]
        prices = reference_prices(pl.DataFrame(schema=FUTURES_SNAPSHOTS.schema), observed, ticks)
        change_metrics(prices, hours, calendar, days[:1])  # compiles
        return lambda: change_metrics(prices, hours, calendar, days)

    def with_polars(count: int) -> Job:
        rows = bars(calendar, count).sort("ts_end")
        earlier = rows.select("contract", "ts_end", pl.col("close").alias("before"))

        def job() -> object:
            return [
                rows.with_columns(target=pl.col("ts_end").dt.offset_by(f"-{lag}")).join_asof(
                    earlier,
                    left_on="target",
                    right_on="ts_end",
                    by="contract",
                    check_sortedness=False,
                )
                for lag in LAGS
            ]

        return job

    def with_pandas(count: int) -> Job:
        rows = pd.DataFrame(bars(calendar, count).sort("ts_end").to_dict(as_series=False))
        earlier = rows.rename(columns={"close": "before", "ts_end": "at"})[
            ["contract", "at", "before"]
        ]

        def job() -> object:
            return [
                pd.merge_asof(
                    rows.assign(target=rows["ts_end"] - pd.Timedelta(lag)),
                    earlier,
                    left_on="target",
                    right_on="at",
                    by="contract",
                )
                for lag in LAGS
            ]

        return job

    return [
        (
            f"Changes, 7 symbols, {count} sessions",
            {
                "ours (with calendar, reasons, roll rule)": lambda count=count: ours(count),
                "polars join_asof, 4 lags": lambda count=count: with_polars(count),
                "pandas merge_asof, 4 lags": lambda count=count: with_pandas(count),
            },
        )
        for count in sessions
    ]


def minutes_of_ten(rows: int) -> pl.DataFrame:
    """Return so many minutes of ten contracts with one in ten missing."""
    random = np.random.default_rng(6)
    steps = random.choice([1, 2], (10, rows // 10), p=[0.9, 0.1]).cumsum(axis=1)
    prices = 100 + random.normal(size=steps.shape).cumsum(axis=1) * 0.01
    contracts = pl.Series([f"C{i}" for i in range(10)])
    return pl.DataFrame(
        {
            "contract": contracts.gather(np.repeat(np.arange(10), rows // 10)),
            "at": pl.Series(steps.ravel() * 60_000_000).cast(pl.Datetime("us")),
            "price": prices.ravel(),
        }
    )


def as_of_ours(rows: int) -> Job:
    """Return the places of the earlier prices, contract by contract as the product does it."""
    frame, one = minutes_of_ten(rows), np.array([1])
    latest_known(one, np.ones(1), one, one, one)  # compiles

    def job() -> object:
        ends = frame["contract"].rle().struct.field("len").cast(pl.Int64).cum_sum()
        at, price = frame["at"].to_physical().to_numpy(), frame["price"].to_numpy()
        found, asked = [], np.empty(max(np.diff([0, *ends])), dtype=np.int64)
        for begin, end in pairwise([0, *ends]):
            own, last = slice(begin, end), np.array([end - begin])
            for lag in LAGS:
                np.subtract(at[own], int(lag[:-1]) * 3_600_000_000, out=asked[: end - begin])
                found.append(latest_known(at[own], price[own], last, asked, last))
        return found

    return job


def as_of_polars(rows: int) -> Job:
    """Return the joins, one at a time, as memory would not hold all."""
    frame = minutes_of_ten(rows)
    earlier = frame.rename({"price": "before"})

    def job() -> object:
        for lag in LAGS:
            asked = frame.with_columns(target=pl.col("at").dt.offset_by(f"-{lag}"))
            asked.join_asof(
                earlier, left_on="target", right_on="at", by="contract", check_sortedness=False
            )
        return None

    return job


def as_of_duckdb(rows: int) -> Job:
    """Return DuckDB's ASOF joins, which only count what they find."""
    database = duckdb.connect()
    database.register("given", minutes_of_ten(rows))
    database.execute("CREATE TABLE rows AS SELECT * FROM given")
    query = """SELECT count(e.price) FROM rows r ASOF LEFT JOIN rows e
        ON r.contract = e.contract AND r.at - INTERVAL {} HOUR >= e.at"""
    return lambda: [database.execute(query.format(lag[:-1])).fetchall() for lag in LAGS]


def as_of_jobs() -> list[Titled]:
    """The price 1, 4, 16 and 24 hours before each of many minutes, for ten contracts."""
    rivals = {
        "ours": as_of_ours,
        "polars join_asof by": as_of_polars,
        "DuckDB ASOF": as_of_duckdb,
    }
    few, many = 3_500_000, 35_000_000
    return [
        (f"As-of, 4 horizons, {few:,} rows", {k: partial(v, few) for k, v in rivals.items()}),
        (
            f"As-of, 4 horizons, {many:,} rows",
            {k: partial(v, many) for k, v in rivals.items() if k != "DuckDB ASOF"},
        ),
    ]


def quotes(at: datetime) -> pl.DataFrame:
    """Return one round of futures snapshots."""
    rows = [
        {
            "symbol": symbol,
            "contract": f"{symbol}H5",
            "con_id": 1,
            "expiry": date(2025, 3, 21),
            "session_date": at.date(),
            "timestamp": at,
            "bid": 100.0,
            "ask": 100.25,
            "last": 100.25,
            "last_at": at,
            "volume": 10.0,
            "data_type": "live",
            "received_at": at,
        }
        for symbol in FUTURES
    ]
    schema = {k: v for k, v in FUTURES_SNAPSHOTS.schema.items() if k not in LAKE_COLUMNS}
    return pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row"
    )


def filled(directory: Path, commits: int) -> tuple[Ingestion, datetime]:
    """Return a lake that has taken ``commits`` rounds, one commit each, and the next minute."""
    spool = Spool(f"sqlite:///{directory / f'{commits}.sqlite'}")
    ingestion = Ingestion(
        Lake(directory / f"lake{commits}"),
        spool,
        select_instruments(FUTURES),
        load_calendar(date(2024, 12, 1), date(2025, 12, 31)),
        "bench",
    )
    at = datetime(2025, 1, 15, 1, tzinfo=UTC)
    while len(spool.read_after(FUTURES_SNAPSHOTS.name, at.date(), 0)) < commits:
        one_commit(ingestion, at + timedelta(minutes=spooled(spool, at.date())))
    return ingestion, at + timedelta(minutes=spooled(spool, at.date()))


def spooled(spool: Spool, day: date) -> int:
    """Return how many rounds the spool holds."""
    return len(spool.read_after(FUTURES_SNAPSHOTS.name, day, 0))


def one_commit(ingestion: Ingestion, at: datetime) -> object:
    """Spool a round and ingest it: validated, merged by key, committed once."""
    ingestion.spool.append([NewBatch(FUTURES_SNAPSHOTS.name, at.date(), quotes(at))], at)
    return ingest_partition(ingestion, FUTURES_SNAPSHOTS, at.date(), at)


def commit_jobs(directory: Path, commits: Sequence[int]) -> list[Titled]:
    """One more minute after many; the rival appends to a table partitioned by symbol."""

    def ours(count: int) -> Job:
        ingestion, at = filled(directory, count)
        return lambda: one_commit(ingestion, at)

    def naive(count: int) -> Job:
        path = directory / f"naive{count}"
        at = datetime(2025, 1, 15, 1, tzinfo=UTC)
        if not path.exists():
            for minute in range(count):
                rows = quotes(at + timedelta(minutes=minute))
                write_deltalake(str(path), rows, mode="append", partition_by=["symbol"])
        rows = quotes(at + timedelta(minutes=count))
        return lambda: write_deltalake(str(path), rows, mode="append", partition_by=["symbol"])

    return [
        (
            f"Append a minute after {count} commits",
            {
                "ours (spool, rules, merge, once)": lambda count=count: ours(count),
                "plain append, by symbol": lambda count=count: naive(count),
            },
        )
        for count in commits
    ]


def latest_jobs(directory: Path) -> list[Titled]:
    """The newest row of each symbol after the largest of the commit jobs."""

    def ours() -> Job:
        table = Lake(directory / "lake300").open(FUTURES_SNAPSHOTS.name)
        assert table is not None
        return lambda: table.read(table.session_dates()[-1:]).group_by("symbol").last()

    def naive() -> Job:
        path = str(directory / "naive300")
        return lambda: pl.read_delta(path).sort("timestamp").group_by("symbol").last()

    return [("Latest row of each symbol, 300 commits", {"ours": ours, "whole table": naive})]
