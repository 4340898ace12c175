"""Change metrics: what a price did over 1 hour, 4 hours, overnight and since settlement.

Everything is per contract: no change ever crosses a roll. Source: QUANT_SPEC 1.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

import polars as pl

from futures_pipeline.analytics.market_time import (
    UTC_TIME,
    OpenTime,
    market_hours,
    require_aware,
    session_table,
    utc_microseconds,
    with_session,
)
from futures_pipeline.analytics.reference_prices import NOT_LIVE, reference_prices
from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

__all__ = ["ChangeSettings", "change_metrics", "market_hours", "reference_prices"]

MICROSECONDS_AN_HOUR = 3_600_000_000.0
METRICS = ("1h", "4h", "overnight", "daily")

CHANGE_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "timestamp": UTC_TIME,
    "price": pl.Float64(),
    "price_source": pl.String(),
    **{f"change_{metric}": pl.Float64() for metric in METRICS},
    **{f"return_{metric}": pl.Float64() for metric in METRICS},
    "spans_closure_1h": pl.Boolean(),
    "spans_closure_4h": pl.Boolean(),
    "anchor_at": UTC_TIME,
    "anchor_price": pl.Float64(),
    "elapsed_hours": pl.Float64(),
    **{f"reason_{metric}": pl.String() for metric in METRICS},
}


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """How old, in seconds of open market, the earlier price of a change may be.

    No tolerance is ever taken below twice ``collection_interval_seconds``. ``mode``:
    ``anchored`` measures overnight and daily from the settlement moment, ``literal`` from
    8 and 24 hours before by the clock.
    """

    tolerance_1h_seconds: float = 300
    tolerance_4h_seconds: float = 600
    tolerance_anchor_seconds: float = 900
    collection_interval_seconds: float = 60
    mode: Literal["anchored", "literal"] = "anchored"

    def __post_init__(self) -> None:
        if self.mode not in ("anchored", "literal"):
            raise ConfigurationError("change_mode", self.mode, "anchored or literal")


class _Leg(NamedTuple):
    """An earlier price: the latest observation at or before ``target``, if fresh enough."""

    name: str
    target: pl.Expr
    tolerance_seconds: float


DEFAULT_SETTINGS = ChangeSettings()


def change_metrics(
    prices: pl.DataFrame,
    hours: Mapping[str, Timetable],
    calendar: TradingCalendar,
    session_dates: Sequence[date],
    settings: ChangeSettings = DEFAULT_SETTINGS,
) -> pl.DataFrame:
    """Return the changes at every observation of some Globex sessions.

    Args:
        prices: a ``reference_prices`` frame with history: about four sessions before the
            first date reach every anchor over a long weekend.
        hours: the market whose open time ages a price, by symbol (``market_hours``).
        calendar: decides sessions, settlement anchors and the regular open.
        session_dates: sessions to compute; holidays among them give no rows.

    Returns:
        ``CHANGE_SCHEMA``, one row per observation whose ``session_date`` is asked for
        (one at the close, such as the bar that ends at 17:00 New York, is the session's
        last; one in the closure after it belongs to the next session); unique by contract
        and timestamp, ascending by symbol, contract, timestamp. ``change_*`` in points, > 0
        when the price rose; ``return_*`` = change / earlier price, a fraction.
        ``spans_closure_*``: the symbol's market was closed at some moment between the target
        and the row. ``anchor_at``: UTC, with ``anchor_price`` and ``elapsed_hours``, the
        Globex-open hours since. ``reason_*`` is null where the change exists, else
        ``not_live`` (the row is delayed or frozen), ``no_price`` (it has none),
        ``no_observation_before`` (nothing in this contract at or before the target) or
        ``stale_observation`` (too much open time between it and the target).

    An unknown change is null, never 0. Only open time ages an observation, so a target in
    a closure finds the last price before it. ``change_overnight`` follows the price until
    the regular open, then stays at the price as of that open, which must have been
    observed in this session; it runs all day when NYSE is shut. No look-ahead: a row uses
    observations at or before its own timestamp. A row that is not live has no change at all,
    and is no other row's earlier price.

    Raises:
        UnknownSymbol: ``prices`` has a symbol without hours.
        CalendarError: a session date lies outside the calendar.
    """
    require_aware(prices, ("timestamp",))
    clocks = {market: OpenTime(market) for market in {*hours.values(), calendar.globex}}
    sessions = session_table(calendar, session_dates)
    observed = prices.with_columns(utc_microseconds("timestamp"))
    parts = [pl.DataFrame(schema=CHANGE_SCHEMA)]
    for symbol in observed["symbol"].unique().sort():
        if symbol not in hours:
            raise UnknownSymbol(symbol, hours)
        of_symbol = observed.filter(symbol=symbol).sort("contract", "timestamp")
        market, globex = clocks[hours[symbol]], clocks[calendar.globex]
        parts.append(_symbol_changes(of_symbol, sessions, market, globex, settings))
    return pl.concat(parts)


def _symbol_changes(
    observed: pl.DataFrame,
    sessions: pl.DataFrame,
    market: OpenTime,
    globex: OpenTime,
    settings: ChangeSettings,
) -> pl.DataFrame:
    rows = with_session(observed, sessions).sort("contract", "timestamp")
    priced = observed.filter(pl.col("price").is_not_null()).select(
        "contract", "price", pl.col("timestamp").alias("seen_at")
    )
    priced = priced.with_columns(seen_open=market.at(priced["seen_at"]))
    for leg in _legs(settings):
        least = 2 * settings.collection_interval_seconds
        tolerance = max(leg.tolerance_seconds, least)
        rows = _with_leg(rows, priced, market, leg._replace(tolerance_seconds=tolerance))
    return (
        rows.with_columns(_elapsed_hours(rows, globex), *_spans_closure(rows, market))
        .with_columns(
            now_reason=_now_reason(),
            anchor_price=pl.col("price_anchor"),
        )
        .with_columns(_overnight_end(settings.mode))
        .with_columns(expr for metric in METRICS for expr in _change(metric, settings.mode))
        .select(pl.col(name).cast(dtype) for name, dtype in CHANGE_SCHEMA.items())
    )


def _now_reason() -> pl.Expr:
    unknown = pl.col("price").is_null()
    return (
        pl.when(unknown & (pl.col("price_reason") == NOT_LIVE))
        .then(pl.lit(NOT_LIVE))
        .when(unknown)
        .then(pl.lit("no_price"))
    )


def _legs(settings: ChangeSettings) -> list[_Leg]:
    now = pl.col("timestamp")
    anchor = settings.tolerance_anchor_seconds
    legs = [
        _Leg("1h", now - pl.duration(hours=1), settings.tolerance_1h_seconds),
        _Leg("4h", now - pl.duration(hours=4), settings.tolerance_4h_seconds),
        _Leg("anchor", pl.col("anchor_at"), anchor),
    ]
    if settings.mode == "literal":
        return [
            *legs,
            _Leg("8h", now - pl.duration(hours=8), anchor),
            _Leg("24h", now - pl.duration(hours=24), anchor),
        ]
    return [*legs, _Leg("open", pl.min_horizontal("regular_open", "timestamp"), anchor)]


def _with_leg(
    rows: pl.DataFrame, priced: pl.DataFrame, market: OpenTime, leg: _Leg
) -> pl.DataFrame:
    """Add ``price_<leg>``, ``leg_reason_<leg>``, ``target_open_<leg>`` and ``seen_at_<leg>``.

    ``rows`` and ``priced`` are ascending by contract and time; targets keep that order.
    """
    rows = rows.with_columns(target=leg.target)
    rows = rows.with_columns(target_open=market.at(rows["target"]))
    found = rows.join_asof(
        priced.rename({"price": "leg_price"}),
        left_on="target",
        right_on="seen_at",
        by="contract",
        strategy="backward",
        check_sortedness=False,  # polars cannot check it within groups; sorted by the caller
        coalesce=False,
    )
    too_old = pl.col("target_open") - pl.col("seen_open") > leg.tolerance_seconds * 1_000_000
    reason = (
        pl.when(pl.col("leg_price").is_null())
        .then(pl.lit("no_observation_before"))
        .when(too_old)
        .then(pl.lit("stale_observation"))
    )
    return (
        found.with_columns(leg_reason=reason)
        .with_columns(leg_price=pl.when(pl.col("leg_reason").is_null()).then("leg_price"))
        .rename(
            {
                "leg_price": f"price_{leg.name}",
                "leg_reason": f"leg_reason_{leg.name}",
                "target_open": f"target_open_{leg.name}",
                "seen_at": f"seen_at_{leg.name}",
            }
        )
        .drop("target", "seen_open")
    )


def _overnight_end(mode: str) -> list[pl.Expr]:
    """Return the later price of the overnight change: the row's own until the regular open.

    After it, the price as of the open. A market that first trades at the open (an index)
    has no overnight price; the close before would pass as one and show a change of 0.
    """
    if mode == "literal":
        return [pl.col("price").alias("end_price"), pl.col("now_reason").alias("end_reason")]
    is_live = pl.col("now_reason").ne_missing(pl.lit(NOT_LIVE))
    is_frozen = (pl.col("timestamp") >= pl.col("regular_open")).fill_null(False) & is_live
    is_earlier_session = pl.col("seen_at_open") <= pl.col("belongs_from")
    reason = pl.coalesce(
        "leg_reason_open", pl.when(is_earlier_session).then(pl.lit("stale_observation"))
    )
    end_reason = pl.when(is_frozen).then(reason).otherwise("now_reason")
    return [
        pl.when(is_frozen).then("price_open").otherwise("price").alias("end_price"),
        end_reason.alias("end_reason"),
    ]


def _change(metric: str, mode: str) -> list[pl.Expr]:
    literal = {"overnight": "8h", "daily": "24h"}
    anchored = {"overnight": "anchor", "daily": "anchor"}
    leg = (literal if mode == "literal" else anchored).get(metric, metric)
    frozen = metric == "overnight"
    end = pl.col("end_price" if frozen else "price")
    reason = pl.coalesce("end_reason" if frozen else "now_reason", f"leg_reason_{leg}")
    change = pl.when(reason.is_null()).then(end - pl.col(f"price_{leg}"))
    return [
        change.alias(f"change_{metric}"),
        (change / pl.col(f"price_{leg}")).alias(f"return_{metric}"),
        reason.alias(f"reason_{metric}"),
    ]


def _elapsed_hours(rows: pl.DataFrame, globex: OpenTime) -> pl.Series:
    elapsed = globex.at(rows["timestamp"]) - globex.at(rows["anchor_at"])
    return (elapsed / MICROSECONDS_AN_HOUR).alias("elapsed_hours")


def _spans_closure(rows: pl.DataFrame, market: OpenTime) -> list[pl.Series]:
    open_now = market.at(rows["timestamp"])
    return [
        ((open_now - rows[f"target_open_{hours}h"]) < hours * MICROSECONDS_AN_HOUR).alias(
            f"spans_closure_{hours}h"
        )
        for hours in (1, 4)
    ]
