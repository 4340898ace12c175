"""Prices of one symbol joined across rolls.

Joined prices are for pictures and for levels over months. They never feed basis, strikes or
signals: those need the prices that were paid. Returns are taken per contract, before joining.
Source: QUANT_SPEC 2.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import fsum, prod
from typing import Any, Literal, get_args

import polars as pl

from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.analytics.reference_prices import is_live_bar
from futures_pipeline.domain.contracts import roll_adjustment
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import TradingCalendar

Method = Literal["ratio", "difference", "none"]
OHLC = ("open", "high", "low", "close")
# As for change metrics: an older price is none of the anchor. Source: QUANT_SPEC 1.4.
ANCHOR_TOLERANCE = timedelta(minutes=15)

ROLL_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "session_date": pl.Date(),
    "old_contract": pl.String(),
    "new_contract": pl.String(),
    "anchor_at": UTC_TIME,
    "old_price": pl.Float64(),
    "new_price": pl.Float64(),
    "ratio": pl.Float64(),
    "difference_points": pl.Float64(),
    "reason": pl.String(),
}
FACTOR_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "session_date": pl.Date(),
    "contract": pl.String(),
    "factor_ratio": pl.Float64(),
    "factor_points": pl.Float64(),
    "factor_reason": pl.String(),
}
CONTINUOUS_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "ts_start": UTC_TIME,
    "ts_end": UTC_TIME,
    **{price: pl.Float64() for price in OHLC},
    "volume": pl.Float64(),
    **{f"adjusted_{price}": pl.Float64() for price in OHLC},
    "factor_ratio": pl.Float64(),
    "factor_points": pl.Float64(),
    "factor_reason": pl.String(),
    "is_roll": pl.Boolean(),
    "log_return": pl.Float64(),
}


def roll_table(
    bars: pl.DataFrame, schedule: pl.DataFrame, calendar: TradingCalendar
) -> pl.DataFrame:
    """Return the rolls of a schedule, with what joins the two contracts of each.

    Args:
        bars: rows of ``bars_1m`` of the old and new contracts; those that are not live
            (delayed, frozen) are left out.
        schedule: a ``front_month_schedule``.
        calendar: gives the anchors.

    Returns:
        ``ROLL_SCHEMA``, ascending by symbol and ``session_date``, the first session of the
        new contract. The anchor (UTC) is the last NYSE close before it at which the old
        contract was still listed; ``old_price`` and ``new_price`` are the closes as of it,
        at most 15 minutes older. ``ratio`` is new / old, ``difference_points`` new - old;
        null with a ``reason`` (``no_old_price_at_anchor``, ``no_new_price_at_anchor``,
        ``no_price_at_anchor``) when one is missing.
    """
    live = bars.filter(is_live_bar())
    rows = [_roll(live, old, new, calendar) for old, new in _handovers(schedule)]
    return pl.DataFrame(rows, schema=ROLL_SCHEMA, orient="row")


def continuous(
    bars: pl.DataFrame,
    schedule: pl.DataFrame,
    calendar: TradingCalendar,
    method: Method = "ratio",
) -> pl.DataFrame:
    """Return the bars of the leading contracts as one series, raw and adjusted.

    Args:
        bars: as for ``roll_table``.
        schedule: a ``front_month_schedule``.
        calendar: gives the anchors.
        method: ``ratio`` multiplies older prices, which keeps returns; ``difference`` adds
            points to them, which keeps changes; ``none`` leaves them.

    Returns:
        ``CONTINUOUS_SCHEMA``, ascending by symbol and ``ts_start``, one row per bar of a
        leading contract. ``open`` to ``close`` are raw, ``adjusted_*`` joined back from the
        newest contract, whose prices stay as they are. ``factor_ratio`` and
        ``factor_points`` are what all later rolls multiply by or add; where a later roll has
        no price at its anchor they are null, with ``factor_reason``, and so are the adjusted
        prices. ``is_roll``: the first bar of a new contract. ``log_return`` (fraction): from
        the contract's own bar before, whenever that was, so the first one after a roll uses
        the new contract's previous price; null without one.

    Raises:
        ConfigurationError: another method.
    """
    if method not in get_args(Method):
        raise ConfigurationError("method", method, ", ".join(get_args(Method)))
    live = bars.filter(is_live_bar()).sort("contract", "ts_start")
    before = pl.col("close").shift(1).over("contract")
    returns = live.with_columns(log_return=(pl.col("close") / before).log())
    factors = _factors(schedule, roll_table(live, schedule, calendar))
    is_roll = pl.col("contract") != pl.col("contract").shift(1).over("symbol")
    return (
        returns.join(factors, on=["symbol", "session_date", "contract"])
        .sort("symbol", "ts_start")
        .with_columns(_adjusted(price, method) for price in OHLC)
        .with_columns(is_roll=is_roll.fill_null(False))
        .select(pl.col(name).cast(dtype) for name, dtype in CONTINUOUS_SCHEMA.items())
    )


def _adjusted(price: str, method: Method) -> pl.Expr:
    raw = pl.col(price)
    if method == "ratio":
        raw *= pl.col("factor_ratio")
    elif method == "difference":
        raw += pl.col("factor_points")
    return raw.alias(f"adjusted_{price}")


def _handovers(schedule: pl.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the last row of an old contract and the first of the new one."""
    for old, new in pairwise(schedule.drop_nulls("contract").iter_rows(named=True)):
        if old["symbol"] == new["symbol"] and old["contract"] != new["contract"]:
            yield old, new


def _roll(
    bars: pl.DataFrame, old: dict[str, Any], new: dict[str, Any], calendar: TradingCalendar
) -> tuple[Any, ...]:
    last_common = min(new["leads_from"], old["expiry"])  # trading ends before the close of expiry
    anchor_at = calendar.regular.before(last_common, 1)[-1].closes_at
    before = _price_as_of(bars, old["contract"], anchor_at)
    after = _price_as_of(bars, new["contract"], anchor_at)
    names = (new["symbol"], new["leads_from"], old["contract"], new["contract"], anchor_at)
    if before is None or after is None:
        return (*names, before, after, None, None, _reason(before, after))
    adjustment = roll_adjustment(before, after)
    return (*names, before, after, adjustment.ratio, adjustment.difference_points, None)


def _price_as_of(bars: pl.DataFrame, contract: str, at: datetime) -> float | None:
    is_fresh = pl.col("ts_end").is_between(at - ANCHOR_TOLERANCE, at)
    seen = bars.filter(pl.col("contract") == contract, is_fresh)
    price: float | None = seen.select(pl.col("close").sort_by("ts_end").last()).item()
    return price


def _reason(old: float | None, new: float | None) -> str:
    if old is None and new is None:
        return "no_price_at_anchor"
    return "no_old_price_at_anchor" if old is None else "no_new_price_at_anchor"


def _factors(schedule: pl.DataFrame, rolls: pl.DataFrame) -> pl.DataFrame:
    """Return the leading contract of each session, with what all later rolls make together."""
    by_symbol: dict[str, list[dict[str, Any]]] = {}
    for roll in rolls.iter_rows(named=True):
        by_symbol.setdefault(roll["symbol"], []).append(roll)
    led = schedule.drop_nulls("contract").select("symbol", "session_date", "contract")
    rows = [
        (symbol, day, contract, *_together(by_symbol.get(symbol, []), day))
        for symbol, day, contract in led.iter_rows()
    ]
    return pl.DataFrame(rows, schema=FACTOR_SCHEMA, orient="row")


def _together(
    rolls: Sequence[dict[str, Any]], session_date: date
) -> tuple[float | None, float | None, str | None]:
    later = [roll for roll in rolls if roll["session_date"] > session_date]
    broken = [roll["reason"] for roll in later if roll["reason"]]
    if broken:
        return None, None, broken[-1]
    ratio = prod((roll["ratio"] for roll in later), start=1.0)
    return ratio, fsum(roll["difference_points"] for roll in later), None
