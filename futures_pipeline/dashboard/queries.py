"""What pages read, through the public door alone and at most once in 30 seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import streamlit as st

from futures_pipeline import api
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.dashboard.words import STALE_AFTER, State, state_of
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.domain.instruments import UNIVERSE, Kind

CACHE_SECONDS = 30
PAIRS = (("ES", "SPY"), ("NQ", "QQQ"), ("RTY", "IWM"))
HOURS_SHOWN = 4.0
CHANGES = ("change_1h", "change_4h", "change_overnight", "change_daily")

cached = st.cache_data(ttl=CACHE_SECONDS, show_spinner=False, max_entries=256)


def settings() -> Settings:
    """Return the settings of this process."""
    return load_settings()


def data() -> str:
    """Return the data directory as text, which keeps the answers of two apart."""
    return str(settings().data)


def now() -> datetime:
    """Return the market's time."""
    return settings().clock.now()


@cached
def latest_of(directory: str) -> dict[str, dict[str, Any]]:
    metrics = api.get_table("change_metrics", 2, data=directory)
    return with_changes(api.get_latest_snapshots(data=directory), metrics)


def latest() -> dict[str, dict[str, Any]]:
    """Return the newest snapshot of each symbol with its newest changes (points)."""
    return latest_of(data())


def with_changes(
    latest: Mapping[str, dict[str, Any]], metrics: pl.DataFrame
) -> dict[str, dict[str, Any]]:
    """Give snapshots the newest changes of their contract in their session.

    Changes are computed by the run after the one that stores the quote, so the newest quote
    seldom has its own; ``changes_at`` says of when they are, None where there are none.
    """
    newest = metrics.sort("timestamp").unique(["contract", "session_date"], keep="last")
    columns = ("contract", "session_date", pl.col("timestamp").alias("changes_at"), *CHANGES)
    known = {
        (row["contract"], row["session_date"]): row for row in newest.select(columns).to_dicts()
    }
    unknown = dict.fromkeys(("changes_at", *CHANGES))
    return {
        symbol: {**row, **unknown, **known.get((row["contract"], row["session_date"]), {})}
        for symbol, row in latest.items()
    }


@cached
def table_of(directory: str, name: str, sessions: int, where: Mapping[str, Any]) -> pl.DataFrame:
    return api.get_table(name, sessions, where=where, data=directory)


def table(name: str, sessions: int = 1, **where: str | int | datetime) -> pl.DataFrame:
    """Return the newest sessions of a stored table; no rows where there is none."""
    return table_of(data(), name, sessions, where)


@cached
def tables_of(directory: str) -> pl.DataFrame:
    return api.get_tables(data=directory)


def tables() -> pl.DataFrame:
    """Return what is stored."""
    return tables_of(data())


@cached
def history_of(directory: str, symbol: str) -> pl.DataFrame:
    rows = api.get_historical_snapshots(symbol, HOURS_SHOWN, data=directory)
    mid = (pl.col("bid") + pl.col("ask")) / 2
    priced = rows.filter("is_front_month").with_columns(price=pl.coalesce(mid, "last"))
    return priced.select("timestamp", "symbol", "contract", "price").drop_nulls("price")


@cached
def bars_of(directory: str, futures: str, spot: str) -> pl.DataFrame:
    rows = api.get_pair_returns(futures, spot, 1, 1, data=directory)
    return rows.select("at", "price_futures", "price_spot")


def four_hours(futures: str, spot: str) -> pl.DataFrame:
    """Return the prices of a pair's last four hours: at, price_futures, price_spot.

    Minute bars, which reach back before the collector was started; null where unknown.
    """
    rows = bars_of(data(), futures, spot)
    known = rows.filter(pl.any_horizontal(pl.col("price_futures", "price_spot").is_not_null()))
    if known.is_empty():
        return known
    return known.filter(pl.col("at") > known["at"].max() - pl.duration(hours=HOURS_SHOWN))


@cached
def predictive_of(directory: str, futures: str, spot: str, days: int) -> dict[str, float]:
    return api.assess_predictive_value(futures, spot, days, data=directory)


@cached
def lead_lag_of(directory: str, futures: str, spot: str) -> dict[int, float]:
    return api.calculate_lead_lag(futures, spot, 60, data=directory)


@cached
def correlation_of(directory: str, futures: str, spot: str, days: int) -> float:
    return api.calculate_correlation(futures, spot, days, data=directory)


@dataclass(frozen=True, slots=True)
class PairSummary:
    """What is said of a pair on the Futures page; all empty below 7 days of data."""

    futures: str
    spot: str
    correlation: float
    lead_lag: Mapping[int, float]
    value: Mapping[str, float]
    verdict: Mapping[str, Any] | None

    @property
    def is_enough(self) -> bool:
        """Whether there are seven days of data."""
        return bool(self.lead_lag)


def summary(futures: str, spot: str) -> PairSummary:
    """Return correlation, lead-lag and predictive value of a pair."""
    days = settings().analysis.sessions
    directory = data()
    verdicts = table("lead_lag_verdicts", pair=f"{futures}-{spot}").to_dicts()
    return PairSummary(
        futures,
        spot,
        correlation_of(directory, futures, spot, days),
        lead_lag_of(directory, futures, spot),
        predictive_of(directory, futures, spot, days),
        verdicts[-1] if verdicts else None,
    )


@cached
def symbols_of(directory: str) -> list[str]:
    return api.get_symbols(data=directory)


def symbols() -> list[str]:
    """Return the symbols that have bars."""
    return symbols_of(data())


@cached
def rolling_of(
    directory: str, futures: str, spot: str, minutes: int, sessions: int
) -> pl.DataFrame:
    return api.get_rolling_correlation(futures, spot, minutes, sessions, data=directory)


def rolling(futures: str, spot: str, minutes: int, sessions: int) -> pl.DataFrame:
    """Return the rolling correlation of any two symbols."""
    return rolling_of(data(), futures, spot, minutes, sessions)


@cached
def returns_of(
    directory: str, futures: str, spot: str, minutes: int, sessions: int
) -> pl.DataFrame:
    return api.get_pair_returns(futures, spot, minutes, sessions, data=directory)


def returns(futures: str, spot: str, minutes: int, sessions: int) -> pl.DataFrame:
    """Return the prices and returns of any two symbols at the same moments."""
    return returns_of(data(), futures, spot, minutes, sessions)


@cached
def by_time_of(directory: str, futures: str, spot: str) -> pl.DataFrame:
    return api.get_correlation_by_time(futures, spot, data=directory)


def by_time(futures: str, spot: str) -> pl.DataFrame:
    """Return the correlation by hour and part of the session."""
    return by_time_of(data(), futures, spot)


@cached
def spread_of(directory: str, futures: str, spot: str) -> pl.DataFrame:
    return api.get_spread(futures, spot, data=directory)


def spread(futures: str, spot: str) -> pl.DataFrame:
    """Return how far apart the log prices are."""
    return spread_of(data(), futures, spot)


@cached
def conditions_of(directory: str) -> pl.DataFrame:
    return api.get_alert_conditions(data=directory)


def conditions() -> pl.DataFrame:
    """Return what is wrong, open conditions first."""
    return conditions_of(data())


@cached
def messages_of(directory: str) -> pl.DataFrame:
    return api.get_alert_messages(data=directory)


def messages() -> pl.DataFrame:
    """Return the newest alert messages."""
    return messages_of(data())


def state() -> State:
    """Return what the newest price says of the data: nothing, closed, stale or live.

    How old the newest row may be grows with the clock's speed: at 600 market seconds a second
    the ingestion of every 30 seconds is five hours of market.
    """
    told = settings()
    ingest = told.dagster.ingest_interval_seconds / told.clock.system_seconds(1.0)
    allowed = 3 * (told.collection.snapshot_interval_seconds + ingest)
    rows = latest()
    # A pair of currencies trades around the clock and would hide that the broker is silent.
    brokered = [row for symbol, row in rows.items() if UNIVERSE[symbol].kind is not Kind.CRYPTO]
    moments = [row["timestamp"] for row in brokered or rows.values()]
    at = told.clock.now()
    after = max(STALE_AFTER, timedelta(seconds=allowed))
    return state_of(max(moments, default=None), at, calendar_for(at), after)


def failure(error: PipelineError) -> str:
    """Return an error as a page says it."""
    return f"This could not be read: {error}"
