"""Change metrics: what a price did over 1 hour, 4 hours, overnight and since settlement.

Everything is per contract: no change ever crosses a roll. Source: QUANT_SPEC 1.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.analytics.kernels.as_of import NOWHERE, latest_known
from futures_pipeline.analytics.kernels.compiled import Floats, Integers
from futures_pipeline.analytics.market_time import (
    UTC_TIME,
    OpenTime,
    market_hours,
    microseconds,
    require_aware,
    session_table,
    utc_microseconds,
)
from futures_pipeline.analytics.reference_prices import NOT_LIVE, reference_prices
from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline.domain.sessions import Timetable, TradingCalendar

__all__ = ["ChangeSettings", "change_metrics", "market_hours", "reference_prices"]

SECOND, HOUR = 1_000_000, 3_600_000_000  # microseconds
NEVER, BEFORE_ALL = np.iinfo(np.int64).max, np.iinfo(np.int64).min
METRICS = ("1h", "4h", "overnight", "daily")

# Why a change is unknown, as a number; 0: it is known.
Codes = NDArray[np.int8]
REASONS = pl.Series([None, NOT_LIVE, "no_price", "no_observation_before", "stale_observation"])
KNOWN, IS_NOT_LIVE, NO_PRICE, NO_OBSERVATION, STALE = range(len(REASONS))

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

    @property
    def tolerances_seconds(self) -> tuple[float, float, float]:
        """Return how old the price of 1 hour, of 4 hours and of the anchor may be."""
        least = 2 * self.collection_interval_seconds
        own = (self.tolerance_1h_seconds, self.tolerance_4h_seconds, self.tolerance_anchor_seconds)
        return max(own[0], least), max(own[1], least), max(own[2], least)


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
    sessions = _Sessions.of(session_table(calendar, session_dates))
    observed = prices.with_columns(utc_microseconds("timestamp"))
    ordered = observed.sort("symbol", "contract", "timestamp")
    parts = [pl.DataFrame(schema=CHANGE_SCHEMA)]
    for of_symbol in ordered.partition_by("symbol", maintain_order=True):
        symbol = of_symbol["symbol"][0]
        if symbol not in hours:
            raise UnknownSymbol(symbol, hours)
        market, globex = clocks[hours[symbol]], clocks[calendar.globex]
        parts.append(_symbol_changes(of_symbol, sessions, market, globex, settings))
    return pl.concat(parts)


class _Sessions(NamedTuple):
    """Globex sessions, ascending, in microseconds; place 0 stands for none of them."""

    dates: pl.Series
    belongs_from: Integers
    belongs_until: Integers
    anchor_at: Integers
    regular_open: Integers

    @classmethod
    def of(cls, table: pl.DataFrame) -> "_Sessions":
        """Return the sessions of a ``session_table``; without a regular open it is NEVER."""
        none = pl.Series([None], dtype=pl.Date())
        times = (table[name].to_physical().fill_null(NEVER) for name in cls._fields[1:])
        padded = (np.append(BEFORE_ALL, it.to_numpy()) for it in times)
        return cls(none.append(table["session_date"]), *padded)

    def take(self, places: Integers) -> "_Sessions":
        """Return the session of each row."""
        return _Sessions(self.dates.gather(places), *(times[places] for times in self[1:]))

    def places(self, at: Integers) -> Integers:
        """Return the session of each moment: after the close before it, up to its own."""
        place = np.searchsorted(self.belongs_from, at) - 1
        return np.where(at <= self.belongs_until[place], place, 0)


class _Leg(NamedTuple):
    """Prices at one end of a change, in price units; NaN, or with a reason, where unknown.

    ``seen_at``: when it was observed. ``asked_open``: the open time of the moment asked for.
    """

    price: Floats
    reason: Codes
    seen_at: Integers
    asked_open: Integers


class _Rows(NamedTuple):
    """One symbol's observations, a contract after the other, and which of them are asked for."""

    at: Integers
    price: Floats
    ends: Integers  # after the last observation of each contract
    asked: Integers
    market: OpenTime

    @property
    def now(self) -> Integers:
        """Return the moments of the rows asked for."""
        return self.at[self.asked]

    def as_of(self, moments: Integers, tolerance_seconds: float) -> _Leg:
        """Return the latest known price at or before a moment for each row asked for."""
        asked_ends = np.searchsorted(self.asked, self.ends)
        place = latest_known(self.at, self.price, self.ends, moments, asked_ends)
        seen_at, asked_open = self.at[place], self.market.at(moments)
        is_old = asked_open - self.market.at(seen_at) > tolerance_seconds * SECOND
        reason = np.where(is_old, STALE, KNOWN)
        reason[place == NOWHERE] = NO_OBSERVATION
        return _Leg(self.price[place], reason, seen_at, asked_open)


def _symbol_changes(
    observed: pl.DataFrame,
    sessions: _Sessions,
    market: OpenTime,
    globex: OpenTime,
    settings: ChangeSettings,
) -> pl.DataFrame:
    """``observed``: one symbol, ascending by contract and timestamp."""
    at = microseconds(observed["timestamp"])
    places = sessions.places(at)
    asked = np.flatnonzero(places)
    ends = observed["contract"].rle().struct.field("len").cast(pl.Int64).cum_sum().to_numpy()
    rows = _Rows(at, observed["price"].fill_null(np.nan).to_numpy(), ends, asked, market)
    kept, own = observed[asked], sessions.take(places[asked])
    now = _Leg(rows.price[asked], _now_reason(kept), rows.now, market.at(rows.now))
    anchor = rows.as_of(own.anchor_at, settings.tolerances_seconds[2])
    legs = _legs(rows, now, anchor, own, settings)
    changes = (column for name, leg in legs.items() for column in _change(name, *leg))
    open_since = {name: now.asked_open - legs[name][0].asked_open for name in ("1h", "4h")}
    return (
        kept.with_columns(
            *changes,
            session_date=own.dates,
            anchor_at=pl.Series(own.anchor_at),
            anchor_price=pl.Series(np.where(anchor.reason == KNOWN, anchor.price, np.nan)),
            elapsed_hours=pl.Series((globex.at(rows.now) - globex.at(own.anchor_at)) / HOUR),
            spans_closure_1h=pl.Series(open_since["1h"] < HOUR),
            spans_closure_4h=pl.Series(open_since["4h"] < 4 * HOUR),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in CHANGE_SCHEMA.items())
        .with_columns(pl.col(pl.Float64).fill_nan(None))
    )


def _legs(
    rows: _Rows, now: _Leg, anchor: _Leg, own: _Sessions, settings: ChangeSettings
) -> dict[str, tuple[_Leg, _Leg]]:
    """Return the earlier and the later prices of each metric."""
    tolerance_1h, tolerance_4h, tolerance = settings.tolerances_seconds
    legs = {
        "1h": (rows.as_of(rows.now - HOUR, tolerance_1h), now),
        "4h": (rows.as_of(rows.now - 4 * HOUR, tolerance_4h), now),
    }
    if settings.mode == "literal":
        night, day = (rows.as_of(rows.now - back * HOUR, tolerance) for back in (8, 24))
        return {**legs, "overnight": (night, now), "daily": (day, now)}
    at_open = rows.as_of(np.minimum(own.regular_open, rows.now), tolerance)
    until_open = _until_open(now, at_open, own)
    return {**legs, "overnight": (anchor, until_open), "daily": (anchor, now)}


def _now_reason(rows: pl.DataFrame) -> Codes:
    unknown = pl.col("price").is_null()
    reason = (
        pl.when(unknown & (pl.col("price_reason") == NOT_LIVE))
        .then(IS_NOT_LIVE)
        .when(unknown)
        .then(NO_PRICE)
        .otherwise(KNOWN)
    )
    return rows.select(reason).to_series().to_numpy()


def _until_open(now: _Leg, at_open: _Leg, own: _Sessions) -> _Leg:
    """Return the later end of the overnight change: the row's own price until the open.

    After it, the price as of the open. A market that first trades at the open (an index)
    has no overnight price; the close before would pass as one and show a change of 0.
    """
    is_frozen = (now.seen_at >= own.regular_open) & (now.reason != IS_NOT_LIVE)
    is_of_before = (at_open.reason == KNOWN) & (at_open.seen_at <= own.belongs_from)
    return now._replace(
        price=np.where(is_frozen, at_open.price, now.price),
        reason=np.where(is_frozen, np.where(is_of_before, STALE, at_open.reason), now.reason),
    )


def _change(metric: str, earlier: _Leg, later: _Leg) -> tuple[pl.Series, pl.Series, pl.Series]:
    reason = np.where(later.reason == KNOWN, earlier.reason, later.reason)
    change = np.where(reason == KNOWN, later.price - earlier.price, np.nan)
    return (
        pl.Series(f"change_{metric}", change),
        pl.Series(f"return_{metric}", change / earlier.price),
        REASONS.gather(reason).alias(f"reason_{metric}"),
    )
