"""Which event names a missing minute: the causes of the coverage ledger."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.instruments import ALL_SYMBOLS, PAIR_PATTERN

EVENT_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "event": pl.String(),
    "starts_at": UTC_TIME,
    "ends_at": UTC_TIME,
    "code": pl.Int64(),
    "text": pl.String(),
}
_RANK = {cause.value: rank for rank, cause in enumerate(Cause)}
_MINUTE = "1m"
_EVERYTHING = pl.col("symbol") == ALL_SYMBOLS
_EVERY_CONTRACT = pl.col("contract") == ALL_SYMBOLS
# What befalls the broker's connection befalls no pair; a collector that is down misses both.
_OF_ANY_SOURCE = pl.col("event") == Cause.COLLECTOR_DOWN.value
_IS_PAIR = pl.col("symbol").str.contains(f"^{PAIR_PATTERN.pattern}$")
# Whom an event is about, and by what its minutes find theirs.
_SUBJECTS: Mapping[str, tuple[pl.Expr, list[str]]] = {
    "for_all": (_EVERYTHING & _OF_ANY_SOURCE, ["minute"]),
    "for_broker": (_EVERYTHING & ~_OF_ANY_SOURCE, ["minute"]),
    "for_symbol": (_EVERY_CONTRACT & ~_EVERYTHING, ["symbol", "minute"]),
    "for_contract": (~_EVERY_CONTRACT & ~_EVERYTHING, ["symbol", "contract", "minute"]),
}


def collector_down(starts_at: datetime, ends_at: datetime, text: str) -> pl.DataFrame:
    """Return the event of a time in which no collector ran, for all symbols (``EVENT_SCHEMA``)."""
    row = (ALL_SYMBOLS, ALL_SYMBOLS, Cause.COLLECTOR_DOWN.value, starts_at, ends_at, None, text)
    return pl.DataFrame([row], schema=EVENT_SCHEMA, orient="row")


def with_cause(missing: pl.DataFrame, events: pl.DataFrame, reach: timedelta) -> pl.DataFrame:
    """Add ``cause``, and the ``code`` and ``text`` of its event, to missing minutes.

    Args:
        missing: ``symbol``, ``contract`` and ``minute`` (its start, UTC).
        events: ``EVENT_SCHEMA``; symbol and contract ``*`` mean all. Events that are no
            cause, such as ``connected``, are passed over.
        reach: how far beyond its span, on both sides, an event counts.

    An event touches a minute when they share a moment. Those of ``*`` are the broker's: of a
    pair of currencies they explain nothing, but that the collector was down. Of several the
    first in the order of ``Cause`` counts, then the earliest; without one the cause is
    ``unknown``.
    """
    causes = (
        events.select(*EVENT_SCHEMA)
        .filter(pl.col("event").is_in(list(_RANK)))
        .with_columns(rank=pl.col("event").replace_strict(_RANK, return_dtype=pl.Int64))
        .sort("rank", "starts_at", "symbol", "contract")
        .with_row_index("number")
    )
    touched = _minutes_of(causes, reach, missing["minute"])
    for name, (is_about, key) in _SUBJECTS.items():
        first = touched.filter(is_about).group_by(key).agg(pl.col("number").min().alias(name))
        missing = missing.join(first, on=key, how="left")
    missing = missing.with_columns(for_broker=pl.when(~_IS_PAIR).then("for_broker"))
    words = causes.select("number", pl.col("event").alias("cause"), "code", "text")
    return (
        missing.with_columns(number=pl.min_horizontal(*_SUBJECTS))
        .join(words, on="number", how="left")
        .with_columns(pl.col("cause").fill_null(Cause.UNKNOWN.value))
        .drop(*_SUBJECTS, "number")
    )


def _minutes_of(causes: pl.DataFrame, reach: timedelta, missing: pl.Series) -> pl.DataFrame:
    """Return ``minute`` and ``number`` for each minute between the missing ones it touches."""
    end = pl.col("ends_at") - pl.duration(microseconds=1)  # an end at 14:05:00 leaves 14:05 alone
    earliest, latest = pl.lit(missing.min(), UTC_TIME), pl.lit(missing.max(), UTC_TIME)
    first = (pl.col("starts_at") - reach).dt.truncate(_MINUTE)
    last = (pl.max_horizontal("starts_at", end) + reach).dt.truncate(_MINUTE)
    return (
        causes.with_columns(
            first=pl.max_horizontal(first, earliest), last=pl.min_horizontal(last, latest)
        )
        .filter(pl.col("first") <= pl.col("last"), earliest.is_not_null())
        .select(
            "symbol",
            "contract",
            "event",
            "number",
            minute=pl.datetime_ranges("first", "last", _MINUTE),
        )
        .explode("minute", empty_as_null=False)
    )
