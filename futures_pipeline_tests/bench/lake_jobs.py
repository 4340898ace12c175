"""Ten years of one-minute bars of 13 symbols, 46 million rows: reads and writes of the lake.

The rivals read the same Parquet files, without a log: DuckDB and polars. *Fresh* is a file a
session, as ingestion leaves them; *maintained* is after ``maintain``: a file a closed month.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake, Once, OpenTable
from futures_pipeline.storage.maintenance import maintain
from futures_pipeline.storage.schemas import LAKE_COLUMNS
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import BARS_1M

Job = Callable[[], object]
Rivals = dict[str, Callable[[], Job]]
Titled = tuple[str, Rivals]

MINUTES = 1380
SYMBOLS = ("ES", "NQ", "RTY", "SPY", "QQQ", "IWM", "VIX", "CL", "GC", "ZN", "BTC", "ETH", "YM")
FIRST = date(2015, 1, 5)
DAY = date(2020, 3, 16)
MARCH = (date(2020, 3, 1), date(2020, 3, 31))
STATES = ("fresh", "maintained")


def weekdays(first: date, years: float) -> Iterator[date]:
    """Return the weekdays of some years."""
    days = (first + timedelta(days=n) for n in range(int(365.25 * years)))
    return (day for day in days if day.weekday() < 5)


def session_bars(day: date, dice: np.random.Generator) -> pl.DataFrame:
    """Return a session's bars of every symbol, random but with bars' columns and order."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1)
    stop = start + timedelta(minutes=MINUTES - 1)
    minutes = pl.datetime_range(start, stop, "1m", eager=True)
    count = MINUTES * len(SYMBOLS)
    close = 100.0 + np.round(dice.normal(size=count).cumsum() / 5) / 4
    spread = dice.integers(0, 8, (2, count)) / 4
    month = "HMUZ"[(day.month - 1) // 3] + str(day.year % 10)
    rows = pl.DataFrame(
        {
            "symbol": np.repeat(SYMBOLS, MINUTES),
            "ts_start": pl.concat([minutes] * len(SYMBOLS)),
            "open": np.clip(close + 0.25, close - spread[0], close + spread[1]),
            "high": close + spread[1],
            "low": close - spread[0],
            "close": close,
            "volume": dice.integers(0, 3000, count).astype(float),
            "wap": close + dice.random(count).round(4),
            "trade_count": dice.integers(1, 900, count),
        }
    ).with_columns(
        contract=pl.col("symbol") + month,
        con_id=pl.lit(day.month),
        expiry=pl.lit(date(day.year, day.month, 20)),
        session_date=pl.lit(day),
        ts_end=pl.col("ts_start") + timedelta(minutes=1),
        source=pl.lit("history"),
        data_type=pl.lit(None, pl.String),
        received_at=pl.lit(stop),
        ingested_at=pl.lit(stop),
        spool_seq=pl.lit(1),
    )
    return rows.select(BARS_1M.names).cast(pl.Schema(BARS_1M.schema)).sort(BARS_1M.order)


def built(directory: Path, years: float, state: str) -> OpenTable:
    """Return the table in a state; made once."""
    for name in STATES:
        if (directory / f"{name}.ready").exists():
            continue
        lake = Lake(directory / name)
        if name == "fresh":
            fill(lake, years)
        else:
            shutil.copytree(directory / "fresh", directory / name)
            newest = list(weekdays(FIRST, years))[-1]
            maintain(lake, newest, datetime.now(UTC), [BARS_1M.name])
        (directory / f"{name}.ready").touch()
    table = Lake(directory / state).open(BARS_1M.name)
    assert table is not None
    return table


def fill(lake: Lake, years: float) -> None:
    """Append the years, a month's sessions a commit."""
    dice = np.random.default_rng(7)
    table = lake.open_or_create(BARS_1M.name)
    held: list[pl.DataFrame] = []
    for number, day in enumerate(weekdays(FIRST, years)):
        held.append(session_bars(day, dice))
        if len(held) == 20:
            table.append(pl.concat(held), Once("years", number + 1), {})
            held.clear()
    if held:
        table.append(pl.concat(held), Once("years", 10**6), {})


def lake_jobs(directory: Path, years: float) -> list[Titled]:
    """Return the rows of the bench."""
    read = [job for state in STATES for job in _reads(directory, years, state)]
    return [*read, *_writes(directory, years), ingestion_job(directory, years)]


def _reads(directory: Path, years: float, state: str) -> list[Titled]:
    def paths() -> list[str]:
        table = built(directory, years, state)
        return [str(table.root / file.path) for file in table.data_files()]

    def ours(query: Callable[[OpenTable], object]) -> Callable[[], Job]:
        def prepare() -> Job:
            table = built(directory, years, state)
            query(table)  # warm: the log is read and the files are in the page cache
            return lambda: query(table)

        return prepare

    def polars(query: Callable[[pl.LazyFrame], pl.LazyFrame]) -> Callable[[], Job]:
        def prepare() -> Job:
            files = paths()
            query(pl.scan_parquet(files)).collect()
            return lambda: query(pl.scan_parquet(files)).collect()

        return prepare

    def duck(query: str) -> Callable[[], Job]:
        def prepare() -> Job:
            connection = duckdb.connect()
            sql = query.format(bars=f"read_parquet({paths()!r})")
            connection.sql(sql).fetchnumpy()
            return lambda: connection.sql(sql).fetchnumpy()

        return prepare

    es = pl.col("symbol") == "ES"
    on_day = pl.col("session_date") == DAY
    in_march = pl.col("session_date").is_between(*MARCH)
    newest = (
        "select symbol, arg_max(close, ts_start) from {bars} where session_date > '%s' group by 1"
    )
    last = list(weekdays(FIRST, years))[-1]
    return [
        (
            f"Open the table, {state}",
            {"ours": ours(lambda t: Lake(t.root.parent).open(BARS_1M.name))},
        ),
        (
            f"Latest bar of each symbol, {state}",
            {
                "ours, compared with digests": ours(
                    lambda t: t.read(t.session_dates()[-1:]).group_by("symbol").last()
                ),
                "DuckDB": duck(newest % (last - timedelta(days=1))),
            },
        ),
        (
            f"One day of one symbol, {state}",
            {
                "ours": ours(lambda t: t.scan().filter(es & on_day).collect()),
                "ours, compared with digests": ours(lambda t: t.read([DAY]).filter(es)),
                "polars, plain Parquet": polars(lambda f: f.filter(es & on_day)),
                "DuckDB": duck(
                    f"select * from {{bars}} where symbol='ES' and session_date='{DAY}'"
                ),
            },
        ),
        (
            f"One month of one symbol, {state}",
            {
                "ours": ours(lambda t: t.scan().filter(es & in_march).collect()),
                "polars, plain Parquet": polars(lambda f: f.filter(es & in_march)),
            },
        ),
        (
            f"One symbol's full history, time and close, {state}",
            {
                "ours": ours(lambda t: t.scan().filter(es).select("ts_start", "close").collect()),
                "polars, plain Parquet": polars(lambda f: f.filter(es).select("ts_start", "close")),
                "DuckDB": duck("select ts_start, close from {bars} where symbol='ES'"),
            },
        ),
    ]


def _writes(directory: Path, years: float) -> list[Titled]:
    def append(state: str) -> Callable[[], Job]:
        def prepare() -> Job:
            table = built(directory, years, state)
            newest = table.session_dates()[-1]
            minute = table.read([newest]).group_by("symbol").last().select(table.table.names)
            return lambda: table.append(minute, Once("minute", table.version), {})

        return prepare

    def replace(state: str, *, gathered: bool = False) -> Callable[[], Job]:
        def prepare() -> Job:
            table = built(directory, years, state)
            whole_months = [file for file in table.data_files() if len(file.sessions) > 1]
            chosen = min(whole_months[0].sessions) if gathered else table.session_dates()[-2]
            rows = table.read([chosen])
            return lambda: table.replace([chosen], rows, {}, Once("replace", table.version))

        return prepare

    return [
        ("Append a minute of 13 symbols, durable", {state: append(state) for state in STATES}),
        (
            "Replace one session, durable",
            {
                "fresh": replace("fresh"),
                "maintained, open month": replace("maintained"),
                "maintained, first of a closed month": replace("maintained", gathered=True),
            },
        ),
    ]


def ingestion_job(directory: Path, years: float) -> Titled:
    """Return the job that brings a whole session of two futures from the spool into the lake."""

    def prepare() -> Job:
        table = built(directory, years, "maintained")
        number = len(list(directory.glob("spool*.sqlite")))
        spool = Spool(f"sqlite:///{directory / f'spool{number}.sqlite'}")
        calendar = load_calendar(date(2024, 12, 1), date(2025, 12, 31))
        day = date(2025, 1, 15)
        rows = session_bars(day, np.random.default_rng(number)).filter(
            pl.col("symbol").is_in(["ES", "NQ", "RTY"])
        )
        batch = NewBatch(BARS_1M.name, day, rows.drop(*LAKE_COLUMNS, strict=False))
        spool.append([batch], datetime(2025, 1, 15, tzinfo=UTC))
        lake = Lake(directory / f"ingested{number}")
        lake.open_or_create(table.table.name)
        ingestion = Ingestion(lake, spool, tuple(UNIVERSE.values()), calendar, "bench")
        return lambda: ingest_partition(ingestion, BARS_1M, day, datetime.now(UTC))

    return (
        "Ingest a session of 3 symbols, 4,140 rows",
        {"ours (rules, merge, once, durable)": prepare},
    )
