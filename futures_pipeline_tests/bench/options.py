"""Option statistics of one day, and implied volatilities, against other tools.

A rival is timed only when its numbers are ours: all that the day's rows alone decide.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from multiprocessing import get_context
from typing import TypeVar

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from scipy.optimize import elementwise

from futures_pipeline.analytics.options.black76 import Contracts, greeks, implied_vols, prices
from futures_pipeline.analytics.options.cleaning import OptionDay
from futures_pipeline.analytics.options.derived_statistics import (
    BESIDE,
    SCHEMA,
    STATISTICS,
    Background,
    derived_statistics,
)
from futures_pipeline_tests.bench.option_queries import with_duckdb
from futures_pipeline_tests.bench.option_rivals import Numbers, with_pandas

Found = TypeVar("Found")
Job = Callable[[], object]
Rival = Callable[[pl.DataFrame], Callable[[], Numbers]]
Titled = tuple[str, Mapping[str, Callable[[], Job]]]

TODAY, CLOSE = date(2025, 3, 3), datetime(2025, 3, 3, 21, tzinfo=UTC)
LEVELS = {"IWM": 210.0, "QQQ": 500.0, "SPY": 590.0}
ROUNDS, STRIKES = 78, 75
DAYS = (2, 4, 7, 9, 11, 14, 18, 21, 25, 28, 32, 39, 46, 60, 74, 88, 109, 137, 179, 200)
RATE, CARRY = 0.045, 0.037
IMPLIED = 200_000
# Of what rests on other rows: ranks, VIX and the underlying's closes.
ELSEWHERE = ("iv_rank", "iv_percentile", "vix_close", "underlying", "volatility", "trend")
COUNTED = ("n_contracts", "n_clean", "vix_chain_strikes")
COMPARED = [name for name in (*STATISTICS, *BESIDE, *COUNTED) if not name.startswith(ELSEWHERE)]
MOST_APART = 1e-6


class RivalDiffers(ValueError):
    """A rival's number is not ours."""


def option_day(rounds: int = ROUNDS) -> pl.DataFrame:
    """Return 702,000 rows: three ETFs, 78 rounds, 3,000 options each; or the last rounds only."""
    numbers = range(ROUNDS - rounds, ROUNDS)
    rows = [quotes(symbol, number) for symbol in LEVELS for number in numbers]
    frame = pl.concat(rows).with_columns(pl.col(pl.Float64).fill_nan(None))
    name = pl.format("{}{}{}{}", "symbol", "expiry", "right", "strike")
    return frame.with_columns(contract=name, received_at="timestamp").rechunk()


def quotes(symbol: str, number: int) -> pl.DataFrame:
    """Return one round of one ETF."""
    random, at = np.random.default_rng(number), CLOSE - timedelta(minutes=5 * (ROUNDS - number))
    spot = LEVELS[symbol] * (1 + 0.002 * np.sin(number / 9))
    strikes = np.round(LEVELS[symbol] * (1 + np.linspace(-0.25, 0.15, STRIKES)))
    days, strike, is_call = (
        axis.ravel() for axis in np.meshgrid(DAYS, strikes, [True, False], indexing="ij")
    )
    years = days / 365 + (ROUNDS - number) * 300 / 86400 / 365
    forward = spot * np.exp(CARRY * years)
    vol = np.clip(0.16 - 0.1 * np.log(strike / forward) / np.sqrt(years + 0.1), 0.08, 1.5)
    options = Contracts(forward, strike, years, RATE, is_call)
    price, found = prices(options, vol), greeks(options, vol, np.full(len(strike), spot))
    half = 0.005 + 0.005 * price
    return pl.DataFrame(
        {
            "symbol": symbol,
            "expiry": pl.Series(days, dtype=pl.Int32) + (TODAY - date(1970, 1, 1)).days,
            "strike": strike,
            "right": np.where(is_call, "C", "P"),
            "round_at": at,
            "timestamp": pl.Series(1_000_000 * random.integers(1, 280, len(days))),
            "bid": np.where(price > half, price - half, np.nan),
            "ask": price + half,
            "volume": np.floor(5.0 * number + 3 * random.random(len(days))),
            "open_interest": 1000.0 + strike,
            "iv": np.where(random.random(len(days)) < 0.03, np.nan, vol),
            "delta": found.delta,
            "gamma": found.gamma,
            "vega": found.vega,
            "theta": found.theta,
            "underlying_price": spot,
        }
    ).with_columns(
        pl.col("expiry").cast(pl.Date),
        pl.col("timestamp").cast(pl.Duration("us")) + pl.col("round_at"),
    )


def day_jobs() -> list[Titled]:
    """Return the job of one day's statistics for three ETFs.

    Raises:
        RivalDiffers: a rival's numbers are not ours, so it does another job.
    """
    others: Mapping[str, Rival] = {"pandas": pandas_job, "duckdb": duckdb_job}
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as apart:
        apart.submit(compare, others).result()
    jobs = {"ours": statistics_job, **others}
    prepared = {tool: partial(_prepared, job) for tool, job in jobs.items()}
    return [("27 option statistics, 702,000 rows", prepared)]


def compare(rivals: Mapping[str, Rival], rounds: int = ROUNDS) -> None:
    """Refuse a rival whose numbers are not ours, by the name of the first, for some rounds."""
    rows = option_day(rounds)
    ours = statistics_job(rows)().rows_by_key("symbol", named=True, unique=True)
    for tool, rival in rivals.items():
        found = rival(rows)()
        for symbol, name in product(ours, COMPARED):
            mine, theirs = ours[symbol][name], found[symbol].get(name)
            if theirs is None or not math.isclose(mine, theirs, rel_tol=MOST_APART):
                raise RivalDiffers(f"{tool}: {name} of {symbol} is {theirs}, ours is {mine}")


def statistics_job(rows: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    """Return our job; run once, as its inner loops are compiled once a machine."""
    day = OptionDay(TODAY, CLOSE, RATE)
    closes = pl.DataFrame(
        {"symbol": list(LEVELS), "date": TODAY, "close": list(LEVELS.values()), "dividend": 0.0}
    )
    past = Background([TODAY], closes, pl.DataFrame(schema=SCHEMA), 18.0)

    def job() -> pl.DataFrame:
        return derived_statistics(rows, day, list(LEVELS), past, CLOSE)

    return warmed(job)


def pandas_job(rows: pl.DataFrame) -> Callable[[], Numbers]:
    """Return the job of pandas, run once."""
    frame, close = in_pandas(rows), CLOSE.replace(tzinfo=None)
    return warmed(lambda: with_pandas(frame, TODAY, close, RATE))


def duckdb_job(rows: pl.DataFrame) -> Callable[[], Numbers]:
    """Return the job of DuckDB on a table of its own, run once."""
    database, close = duckdb.connect(), CLOSE.replace(tzinfo=None)
    database.register("given", in_pandas(rows))
    database.execute("CREATE TABLE rows AS SELECT * FROM given")
    return warmed(lambda: with_duckdb(database, TODAY, close, RATE))


def in_pandas(rows: pl.DataFrame) -> pd.DataFrame:
    """Return rows as pandas has them when it has read them; times are UTC without saying so."""
    naive = rows.with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))
    return pd.DataFrame({column.name: column.to_numpy() for column in naive})


def _prepared(job: Callable[[pl.DataFrame], Job]) -> Job:
    return job(option_day())


def warmed(job: Callable[[], Found]) -> Callable[[], Found]:
    job()
    return job


def implied_vol_jobs() -> list[Titled]:
    """Return the job of 200,000 volatilities, options of a week to a year."""
    random = np.random.default_rng(4)
    years, vol = random.uniform(7 / 365, 1, IMPLIED), random.uniform(0.08, 0.8, IMPLIED)
    strike = 100 * np.exp(1.5 * random.normal(size=IMPLIED) * vol * np.sqrt(years))
    options = Contracts(np.full(IMPLIED, 100.0), strike, years, RATE, strike >= 100)
    price = prices(options, vol)

    def ours() -> Job:
        implied_vols(options, price)  # compiled once a machine
        return lambda: implied_vols(options, price)

    def with_scipy() -> Job:
        def job() -> object:
            ends = np.full(IMPLIED, 0.01), np.full(IMPLIED, 5.0)
            return elementwise.find_root(_miss, ends, args=(strike, years, price))

        return job

    return [(f"{IMPLIED:,} implied volatilities", {"ours": ours, "scipy find_root": with_scipy})]


def _miss(vol: object, strike: object, years: object, price: object) -> object:
    """Return by how much a volatility misses the price."""
    parts = (np.asarray(it, float) for it in (vol, strike, years, price))
    vols, strikes, lives, wanted = parts
    options = Contracts(np.full_like(strikes, 100.0), strikes, lives, RATE, strikes >= 100)
    return prices(options, vols) - wanted


def option_jobs() -> list[Titled]:
    """Return all jobs of this file."""
    return [*day_jobs(), *implied_vol_jobs()]
