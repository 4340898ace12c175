"""Option statistics of one day, and implied volatilities, against other tools.

The rivals do less: no computed volatilities or greeks, no skew, no strip, no reasons.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from scipy.optimize import elementwise

from futures_pipeline.analytics.options.black76 import Contracts, greeks, implied_vols, prices
from futures_pipeline.analytics.options.cleaning import OptionDay
from futures_pipeline.analytics.options.derived_statistics import (
    SCHEMA,
    Background,
    derived_statistics,
)

Job = Callable[[], object]
Titled = tuple[str, Mapping[str, Callable[[], Job]]]

TODAY, CLOSE = date(2025, 3, 3), datetime(2025, 3, 3, 21, tzinfo=UTC)
LEVELS = {"IWM": 210.0, "QQQ": 500.0, "SPY": 590.0}
ROUNDS, STRIKES = 78, 75
DAYS = (2, 4, 7, 9, 11, 14, 18, 21, 25, 28, 32, 39, 46, 60, 74, 88, 109, 137, 179, 200)
RATE, CARRY = 0.045, 0.037
IMPLIED = 200_000


def option_day() -> pl.DataFrame:
    """Return 702,000 rows: three ETFs, 78 rounds, 3,000 options each."""
    rows = [quotes(symbol, number) for symbol in LEVELS for number in range(ROUNDS)]
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
    """Return the job of one day's statistics for three ETFs."""
    rivals = {"ours": _ours, "pandas": _with_pandas, "duckdb": _with_duckdb}
    return [("27 option statistics, 702,000 rows", rivals)]


def _ours() -> Job:
    rows, day = option_day(), OptionDay(TODAY, CLOSE, RATE)
    closes = pl.DataFrame(
        {"symbol": list(LEVELS), "date": TODAY, "close": list(LEVELS.values()), "dividend": 0.0}
    )
    past = Background([TODAY], closes, pl.DataFrame(schema=SCHEMA), 18.0)

    def job() -> object:
        return derived_statistics(rows, day, list(LEVELS), past, CLOSE)

    job()  # the inner loops are compiled once a machine
    return job


def _pandas_rows() -> pd.DataFrame:
    rows = option_day().with_columns(pl.col("round_at", "timestamp").dt.replace_time_zone(None))
    return pd.DataFrame({column.name: column.to_numpy() for column in rows})


def _with_pandas() -> Job:
    rows, close = _pandas_rows(), pd.Timestamp(CLOSE).tz_localize(None)

    def job() -> object:
        late = rows[rows.timestamp.between(close - pd.Timedelta(minutes=15), close)]
        last = late.sort_values("round_at").drop_duplicates("contract", keep="last")
        last = last.assign(
            dte=(last.expiry - pd.Timestamp(TODAY)).dt.days, mid=(last.bid + last.ask) / 2
        )
        is_clean = (last.bid > 0) & (last.ask - last.bid <= last.mid / 2) & last.dte.between(7, 400)
        clean = last[is_clean]
        keys = ["symbol", "expiry", "strike"]
        both = clean[clean.right == "C"].merge(clean[clean.right == "P"], on=keys)
        both["difference"] = both.mid_x - both.mid_y
        nearest = both.difference.abs().groupby([both.symbol, both.expiry]).idxmin()
        money = both.loc[nearest]
        grown = np.exp(RATE * money.dte_x / 365)
        money = money.assign(forward=money.strike + grown * money.difference)
        clean = clean.merge(money[["symbol", "expiry", "forward"]], on=["symbol", "expiry"])
        clean = clean.assign(depth=np.log(clean.strike / clean.forward).abs())
        away = clean.delta.abs()
        usual = clean[(clean.dte <= 90) & away.between(0.05, 0.95)]
        spread = usual.groupby("symbol").iv.describe()
        near = usual[usual.depth <= 0.025].groupby("symbol").iv.mean()
        held = clean[clean.dte.between(20, 60) & away.between(0.2, 0.8)]
        held = held.assign(delta=held.delta.abs()).groupby("symbol")
        means = held[["delta", "gamma", "theta", "vega"]].mean()
        by_contract = rows.groupby("contract").agg(
            {"symbol": "first", "right": "first", "volume": "max", "open_interest": "max"}
        )
        sums = by_contract.groupby(["symbol", "right"])[["volume", "open_interest"]].sum()
        return spread, near, means, sums

    return job


QUERIES = (
    """CREATE OR REPLACE TEMP TABLE clean AS SELECT * FROM (
        SELECT arg_max(rows, round_at) AS last FROM rows
        WHERE timestamp BETWEEN $close - INTERVAL 15 MINUTE AND $close GROUP BY contract)
    WHERE last.bid > 0 AND last.ask - last.bid <= (last.bid + last.ask) / 4
        AND date_diff('day', $today, last.expiry) BETWEEN 7 AND 400""",
    """CREATE OR REPLACE TEMP TABLE valued AS SELECT last.*, forward,
        date_diff('day', $today, last.expiry) AS dte FROM clean JOIN (
        SELECT c.last.symbol AS symbol, c.last.expiry AS expiry, arg_min(c.last.strike
            + exp($rate * date_diff('day', $today, c.last.expiry) / 365)
            * (c.last.bid + c.last.ask - p.last.bid - p.last.ask) / 2,
            abs(c.last.bid + c.last.ask - p.last.bid - p.last.ask)) AS forward
        FROM clean c JOIN clean p ON c.last.symbol = p.last.symbol
            AND c.last.expiry = p.last.expiry AND c.last.strike = p.last.strike
        WHERE c.last."right" = 'C' AND p.last."right" = 'P' GROUP BY ALL) f
        ON f.symbol = last.symbol AND f.expiry = last.expiry""",
    """SELECT symbol, min(iv), max(iv), avg(iv), stddev(iv),
        quantile_cont(iv, [0.25, 0.5, 0.75]),
        avg(iv) FILTER (abs(ln(strike / forward)) <= 0.025)
        FROM valued WHERE dte <= 90 AND abs(delta) BETWEEN 0.05 AND 0.95 GROUP BY symbol""",
    """SELECT symbol, avg(abs(delta)), avg(gamma), avg(theta), avg(vega) FROM valued
        WHERE dte BETWEEN 20 AND 60 AND abs(delta) BETWEEN 0.2 AND 0.8 GROUP BY symbol""",
    """SELECT symbol, "right", sum(v), sum(i) FROM (SELECT any_value(symbol) AS symbol,
        any_value("right") AS "right", max(volume) AS v, max(open_interest) AS i
        FROM rows GROUP BY contract) GROUP BY ALL""",
)


def _with_duckdb() -> Job:
    database = duckdb.connect()
    database.register("given", _pandas_rows())
    database.execute("CREATE TABLE rows AS SELECT * FROM given")
    said = {"close": CLOSE.replace(tzinfo=None), "today": TODAY, "rate": RATE}

    def job() -> object:
        return [database.execute(it, {k: v for k, v in said.items() if f"${k}" in it}).fetchall()
                for it in QUERIES]  # fmt: skip

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
