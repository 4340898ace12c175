"""How often calls were right, against the base rate, and whether that can be told yet.

Calls whose times overlap share their luck, so only calls apart in time are counted. A verdict
is read at numbers of calls fixed in advance: looking every day until the interval clears the
base rate would find skill in noise. Symbols are never pooled: their moves are nearly one.
"""

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.estimate import Z_95
from futures_pipeline.analytics.inference import mean_error
from futures_pipeline.analytics.predictive_value.skill import BASIS_POINTS
from futures_pipeline.decisions.scorecard.rates import (
    CALLS_NEEDED,
    SMALLEST_EDGE,
    Rate,
    looked_at,
    rate,
)

GROUP = ("symbol", "source", "horizon")
ALL, CONFIRMED, UNCONFIRMED = "all", "confirmed", "unconfirmed"

SCORE_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "source": pl.String(),
    "horizon": pl.String(),
    "slice": pl.String(),
    "sessions": pl.Int64(),
    "n": pl.Int64(),
    "win_rate": pl.Float64(),
    "win_rate_low": pl.Float64(),
    "win_rate_high": pl.Float64(),
    "base_rate": pl.Float64(),
    "edge": pl.Float64(),
    "edge_low": pl.Float64(),
    "edge_high": pl.Float64(),
    "net_edge_bp": pl.Float64(),
    "net_edge_low_bp": pl.Float64(),
    "net_edge_high_bp": pl.Float64(),
    "n_needed": pl.Int64(),
    "days_to_conclusion": pl.Int64(),
    "verdict": pl.String(),
    "sentence": pl.String(),
}


class Standing(StrEnum):
    """What can be said of some calls against the base rate."""

    BETTER = "better"
    NOT_BETTER = "not_better"
    NOT_YET = "not_yet"


class Base(NamedTuple):
    """How the market went over all graded moments: the commoner way's share; the sessions."""

    rate: float | None
    sessions: int


def scorecard(graded: pl.DataFrame, cost_bp: Mapping[str, float]) -> pl.DataFrame:
    """Return ``SCORE_SCHEMA``: one row a symbol, source, horizon and slice.

    Args:
        graded: rows of ``outcomes``, of any days.
        cost_bp: a round trip in each ETF, basis points.

    Slices: all calls; those that the futures signal of the moment confirmed or did not; each
    rule. ``base_rate``: the share of the commoner direction of the market over all graded
    moments, what always calling it would get. ``edge``: the win rate less it. ``net_edge_bp``:
    what following the calls earned a trade after the cost. ``days_to_conclusion``: sessions
    until the verdict is next read, at the present pace; null without any call. Returns of
    exactly zero are no win and no loss.
    """
    rows = []
    for (symbol, source, horizon), group in graded.group_by(*GROUP, maintain_order=True):
        key = {"symbol": symbol, "source": source, "horizon": horizon}
        known = group.filter(pl.col("log_return").is_not_null())
        base = base_of(known)
        cost = cost_bp[str(symbol)]
        rows += [
            key | {"slice": name} | _score(apart(calls), base, cost)
            for name, calls in _slices(known)
        ]
    table = pl.DataFrame(rows, schema=SCORE_SCHEMA).sort(*GROUP, "slice")
    return table.with_columns(pl.selectors.float().fill_nan(None))


def base_of(known: pl.DataFrame) -> Base:
    """Return the base rate over graded moments, called or not, that do not overlap."""
    returns = apart(known)["log_return"]
    moved = returns.filter(returns != 0)
    sessions = known["session_date"].n_unique()
    if moved.is_empty():
        return Base(None, sessions)
    up = float((moved > 0).sum()) / len(moved)
    return Base(max(up, 1.0 - up), sessions)


def directional(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of a direction that the market then took or refused."""
    return calls.filter(pl.col("direction") != 0, pl.col("log_return") != 0)


def apart(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of one symbol and horizon whose times do not overlap, earliest first."""
    ordered = calls.sort("entry_at")
    kept, free_from = [], None
    for entry, end in ordered.select("entry_at", "exit_at").iter_rows():
        keep = free_from is None or entry >= free_from
        free_from = end if keep else free_from
        kept.append(keep)
    return ordered.filter(pl.Series(kept, dtype=pl.Boolean()))


def wins(calls: pl.DataFrame) -> Rate:
    """Return the share of directional calls that went their way."""
    won = (calls["direction"] * calls["log_return"] > 0).sum()
    return rate(int(won), calls.height)


def standing(calls: pl.DataFrame, base_rate: float) -> Standing:
    """Return the verdict on calls apart in time, earliest first.

    It is read from the first 619 of them, from twice as many once there are, and so on.
    Better: the whole interval lies above the base rate. Not better: it lies below the base
    rate and five points. Else not yet, however many calls there are.
    """
    won = wins(calls.head(looked_at(calls.height)))
    if won.low is None or won.high is None:
        return Standing.NOT_YET
    if won.low > base_rate:
        return Standing.BETTER
    return Standing.NOT_BETTER if won.high < base_rate + SMALLEST_EDGE else Standing.NOT_YET


def _slices(known: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    calls = directional(known)
    yield ALL, calls
    agrees = pl.col("futures_direction") == pl.col("direction")
    yield CONFIRMED, calls.filter(agrees)
    yield UNCONFIRMED, calls.filter(~agrees)
    for rule in calls["rule"].drop_nulls().unique().sort():
        yield rule, calls.filter(pl.col("rule") == rule)


def _score(calls: pl.DataFrame, base: Base, cost_bp: float) -> dict[str, Any]:
    won = wins(calls)
    days = _days(won.n, base.sessions)
    verdict = Standing.NOT_YET if base.rate is None else standing(calls, base.rate)
    edges = [None if x is None or base.rate is None else x - base.rate for x in won[:3]]
    money = _net_edge(calls, cost_bp)
    return {
        "sessions": base.sessions,
        "n": won.n,
        **dict(zip(("win_rate", "win_rate_low", "win_rate_high"), won[:3], strict=True)),
        "base_rate": base.rate,
        **dict(zip(("edge", "edge_low", "edge_high"), edges, strict=True)),
        **money,
        "n_needed": CALLS_NEEDED,
        "days_to_conclusion": days,
        "verdict": verdict.value,
        "sentence": _sentence(verdict, won, base, days),
    }


def _days(n: int, sessions: int) -> int | None:
    """Return the sessions until the next look at the verdict, at the present pace."""
    if n == 0:
        return None
    coming = max(CALLS_NEEDED, 2 * looked_at(n))
    return math.ceil((coming - n) * sessions / n)


def _net_edge(calls: pl.DataFrame, cost_bp: float) -> dict[str, float]:
    """Return the mean earned a call after the cost, basis points, with its 95 % interval."""
    signed = (calls["direction"] * calls["log_return"]).to_numpy() * BASIS_POINTS
    mean, error, _ = mean_error(np.asarray(signed, dtype=float).reshape(-1, 1), lags=0)
    net = mean - cost_bp
    return {
        "net_edge_bp": net,
        "net_edge_low_bp": net - Z_95 * error,
        "net_edge_high_bp": net + Z_95 * error,
    }


def _sentence(verdict: Standing, won: Rate, base: Base, days: int | None) -> str:
    if won.value is None or base.rate is None:
        plural = "" if base.sessions == 1 else "s"
        return f"no call that can be graded in {base.sessions} session{plural}"
    seen = (
        f"{won.value:.0%} of {won.n} right ({won.low:.0%} to {won.high:.0%}), "
        f"base rate {base.rate:.0%}"
    )
    if verdict is not Standing.NOT_YET:
        return f"{verdict.value.replace('_', ' ')} than the base rate: {seen}"
    return f"not yet: {seen}; about {days} more sessions to a conclusion"
