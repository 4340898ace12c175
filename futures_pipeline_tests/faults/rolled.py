"""What the derived table and the public door say of a roll, held against the market."""

import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from time import time

import polars as pl

from futures_pipeline.api import get_change_metrics, get_latest_snapshots
from futures_pipeline.config import load_settings
from futures_pipeline.domain.clock import ReplayClock
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import CHANGE_METRICS
from futures_pipeline_tests.faults.truth import Truth

# The price of a change is a quote's middle, the truth's a minute's last trade: fractions of the
# price apart, where two contracts three months apart differ by a hundredth.
NEAR_FRACTION = 0.002
# A quote of a minute with a jump may be from before it.
MOST_JUMPS_SHARE = 0.01
GAPS_CHECK = "coverage_no_unexplained_gaps"
MINUTE = timedelta(minutes=1)


def materialized(
    data: Path, symbols: Sequence[str], days: Sequence[date], now: datetime
) -> list[str]:
    """Let Dagster compute everything of some sessions at ``now``; return the checks that failed.

    Holes between snapshots are not judged: where a second is ten minutes of the market, a
    round that the machine holds up leaves minutes without one.
    """
    # Here, because Dagster takes seconds to load and the other commands do not need it.
    from futures_pipeline.orchestration.hosting.home import home_environment, prepare_home
    from futures_pipeline.orchestration.hosting.once import materialize_all

    variables = {
        "FUTURES_PIPELINE_COLLECTION_SYMBOLS": ",".join(symbols),
        "FUTURES_PIPELINE_CLOCK": str(ReplayClock(now, time(), 1.0)),
    }
    settings = load_settings(data=data, environment=variables)
    home = data / "dagster_home"
    prepare_home(home, settings)
    os.environ.update(home_environment(home))
    return [
        f"{outcome.asset}, {outcome.check}: {outcome.says}"
        for outcome in materialize_all(settings, days)
        if not outcome.passed and outcome.severity == "ERROR" and outcome.check != GAPS_CHECK
    ]


def roll_failures(data: Path, truth: Truth, roll: date) -> list[str]:
    """Return what is wrong with the changes of the session in which the front changed."""
    metrics = Lake(data / "lake").read(CHANGE_METRICS.name, [roll])
    futures = [it for it in truth.due(roll) if it.instrument.kind is Kind.FUTURE]
    failures = [] if metrics.height else [f"session {roll} has no change metrics"]
    for listing in futures:
        rows = metrics.filter(pl.col("symbol") == listing.symbol)
        if set(rows["contract"]) != {listing.local_symbol}:
            failures.append(f"changes of {roll} are of {sorted(set(rows['contract']))}")
        failures += foreign_changes(rows, listing.local_symbol, truth, roll)
    return failures + _of_the_door(data, truth, roll)


def foreign_changes(rows: pl.DataFrame, contract: str, truth: Truth, roll: date) -> list[str]:
    """Return whether daily changes are not a contract's own, from its price at the last close.

    ``rows``: ``timestamp`` and ``change_daily`` (points) of one contract in session ``roll``.
    """
    opens_at = truth.calendar.globex.on(roll)
    assert opens_at is not None, f"{roll} is no session"
    anchor = truth.calendar.anchor(opens_at.opens_at)
    before = truth.calendar.session_date(anchor - MINUTE)
    known = pl.concat([truth.minutes(before), truth.minutes(roll)])
    closes = known.filter(pl.col("contract") == contract).select("ts_start", "close")
    reference = closes.filter(pl.col("ts_start") == anchor - MINUTE)
    if reference.is_empty():
        return []
    settled = float(reference["close"][0])
    changed = (
        rows.drop_nulls("change_daily")
        .with_columns(ts_start=pl.col("timestamp").dt.truncate("1m"))
        .join(closes, on="ts_start")
        .with_columns(off=(pl.col("change_daily") - (pl.col("close") - settled)).abs())
    )
    wrong = changed.filter(pl.col("off") > NEAR_FRACTION * settled)
    if changed.is_empty():
        return [f"{contract}: no daily change in {roll}"]
    if wrong.height <= MOST_JUMPS_SHARE * changed.height:
        return []
    return [f"{contract}: {wrong.height} daily changes are not from its own price"]


def _of_the_door(data: Path, truth: Truth, roll: date) -> list[str]:
    latest = get_latest_snapshots(data=data)
    fronts = {it.symbol: it.local_symbol for it in truth.due(roll)}
    failures = [
        f"the latest snapshot of {symbol} is of {latest[symbol]['contract']}, not {contract}"
        for symbol, contract in fronts.items()
        if symbol in latest and latest[symbol]["contract"] != contract
    ]
    failures += [f"no latest snapshot of {it}" for it in sorted(set(fronts) - set(latest))]
    for symbol in (it for it in fronts if UNIVERSE[it].kind is Kind.FUTURE):
        found = get_change_metrics(symbol, data=data).get("contract")
        if found != fronts[symbol]:
            failures.append(f"the changes of {symbol} are of {found}, not {fronts[symbol]}")
    return failures
