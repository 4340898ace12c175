"""The reference price of an instrument at a moment: last trade, else mid quote, else bar close.

Only what the broker sent as live counts: a delayed or frozen price is no observation of the
moment it came at. Source: QUANT_SPEC 1.4.
"""

from collections.abc import Mapping

import polars as pl

from futures_pipeline.analytics.market_time import UTC_TIME, require_aware, utc_microseconds
from futures_pipeline.domain.errors import UnknownSymbol

MAX_LAST_AGE_SECONDS = 60
MAX_SPREAD_TICKS = 8
SPREAD_ROUNDING_TICKS = 1e-6  # 475.08 - 475.00 is 0.0799999999999841
LIVE = "live"
NOT_LIVE = "not_live"

PRICE_SCHEMA = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "timestamp": UTC_TIME,
    "price": pl.Float64(),
    "price_source": pl.String(),
    "price_reason": pl.String(),
}


def reference_prices(
    snapshots: pl.DataFrame, bars: pl.DataFrame, tick_sizes: Mapping[str, float]
) -> pl.DataFrame:
    """Return one reference price per contract and moment of observation.

    Args:
        snapshots: ``symbol``, ``contract`` (local symbol; ETF and index: the symbol),
            ``timestamp`` (observed, UTC), ``bid``, ``ask``, ``last`` (price units, null
            when unknown), ``last_at`` (UTC time of the last trade, null when unknown),
            ``data_type`` (what the broker sent: live, frozen, delayed, delayed_frozen).
        bars: ``symbol``, ``contract``, ``ts_end`` (UTC), ``close`` of finished bars,
            ``source`` and ``data_type``; a close is an observation at its bar's end.
        tick_sizes: price units, for every symbol in ``snapshots``.

    Returns:
        ``symbol``, ``contract``, ``timestamp`` (UTC, us), ``price`` (price units),
        ``price_source`` (``last``, ``mid``, ``bar_close``; null without a price) and
        ``price_reason`` (null with a price; else ``not_live``, or what was wrong with both
        sources, as ``stale_last_and_no_quote``). Unique by contract and timestamp, ascending
        by them. Of two observations at one moment one with a price wins, then the snapshot.

    A snapshot's price is ``last`` when it traded within 60 s of the observation, else the
    mid of a quote with bid > 0 that is neither crossed nor locked nor wider than 8 ticks,
    else null. A price that is not a number above zero counts as missing, so the broker's
    -1 for "no price" never passes. What is not live has no price; of bars see
    ``is_live_bar``.

    Raises:
        UnknownSymbol: a snapshot's symbol has no tick size.
    """
    require_aware(snapshots, ("timestamp", "last_at"))
    require_aware(bars, ("ts_end",))
    both = pl.concat(
        [
            _snapshot_prices(snapshots, tick_sizes).with_columns(is_bar=pl.lit(False)),
            _bar_prices(bars).with_columns(is_bar=pl.lit(True)),
        ]
    )
    best_first = both.sort("contract", "timestamp", pl.col("price").is_null(), "is_bar")
    once = best_first.unique(["contract", "timestamp"], keep="first", maintain_order=True)
    return once.select(*PRICE_SCHEMA)


def is_live_bar() -> pl.Expr:
    """Return whether a bar is live; one of history is, though its answer names no type.

    Columns ``data_type`` (null for history) and ``source``.
    """
    unnamed = pl.col("data_type").is_null() & (pl.col("source") == "history")
    return (pl.col("data_type") == LIVE).fill_null(False) | unnamed


def _snapshot_prices(snapshots: pl.DataFrame, tick_sizes: Mapping[str, float]) -> pl.DataFrame:
    return (
        snapshots.select(
            "symbol",
            "contract",
            utc_microseconds("timestamp"),
            utc_microseconds("last_at"),
            *(_positive(column) for column in ("bid", "ask", "last")),
            tick=_tick_of_symbol(snapshots, tick_sizes),
            is_live=(pl.col("data_type") == LIVE).fill_null(False),
        )
        .with_columns(last_fault=_last_fault(), quote_fault=_quote_fault())
        .with_columns(
            price_source=pl.when(~pl.col("is_live"))
            .then(None)
            .when(pl.col("last_fault").is_null())
            .then(pl.lit("last"))
            .when(pl.col("quote_fault").is_null())
            .then(pl.lit("mid"))
        )
        .with_columns(
            price=pl.when(pl.col("price_source") == "last")
            .then("last")
            .when(pl.col("price_source") == "mid")
            .then((pl.col("bid") + pl.col("ask")) / 2),
            price_reason=pl.when(~pl.col("is_live"))
            .then(pl.lit(NOT_LIVE))
            .when(pl.col("price_source").is_null())
            .then(pl.concat_str("last_fault", pl.lit("_and_"), "quote_fault")),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in PRICE_SCHEMA.items())
    )


def _last_fault() -> pl.Expr:
    # A trade stamped well after the snapshot is a clock fault, no fresher than an old one.
    age = (pl.col("timestamp") - pl.col("last_at")).dt.total_microseconds().abs()
    return (
        pl.when(pl.col("last").is_null() | age.is_null())
        .then(pl.lit("no_last"))
        .when(age > MAX_LAST_AGE_SECONDS * 1_000_000)
        .then(pl.lit("stale_last"))
    )


def _quote_fault() -> pl.Expr:
    spread_ticks = (pl.col("ask") - pl.col("bid")) / pl.col("tick")
    return (
        pl.when(spread_ticks.is_null())
        .then(pl.lit("no_quote"))
        .when(spread_ticks <= SPREAD_ROUNDING_TICKS)
        .then(pl.lit("crossed_quote"))
        .when(spread_ticks > MAX_SPREAD_TICKS + SPREAD_ROUNDING_TICKS)
        .then(pl.lit("wide_quote"))
    )


def _bar_prices(bars: pl.DataFrame) -> pl.DataFrame:
    is_live, has_price = pl.col("is_live"), pl.col("price").is_not_null()
    return (
        bars.select(
            "symbol",
            "contract",
            utc_microseconds("ts_end").alias("timestamp"),
            _positive("close").alias("price"),
            is_live_bar().alias("is_live"),
        )
        .with_columns(price=pl.when(is_live).then("price"))
        .with_columns(
            price_source=pl.when(has_price).then(pl.lit("bar_close")),
            price_reason=pl.when(~is_live)
            .then(pl.lit(NOT_LIVE))
            .when(~has_price)
            .then(pl.lit("no_bar_close")),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in PRICE_SCHEMA.items())
    )


def _tick_of_symbol(snapshots: pl.DataFrame, tick_sizes: Mapping[str, float]) -> pl.Expr:
    for symbol in snapshots["symbol"].unique(maintain_order=True):
        if symbol not in tick_sizes:
            raise UnknownSymbol(symbol, tick_sizes)
    known = dict(tick_sizes) or {"": 0.0}  # only an empty frame needs no tick size at all
    return pl.col("symbol").cast(pl.String).replace_strict(known, return_dtype=pl.Float64)


def _positive(column: str) -> pl.Expr:
    value = pl.col(column).cast(pl.Float64)
    return pl.when(value.is_finite() & (value > 0)).then(value).alias(column)
