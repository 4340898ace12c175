"""The coverage ledger: for every stream the minutes owed, received, and why the rest is missing.

Pure frames; what is owed comes from ``expected_streams``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from futures_pipeline.analytics.expected_streams import BARS, SNAPSHOTS
from futures_pipeline.analytics.gap_causes import with_cause
from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.domain.causes import CAUSE_IN_WORDS, Cause

# A row reaches the spool some machine seconds after its minute; a fast clock makes more of them.
DELIVERY_MACHINE_SECONDS = 10.0
MINUTE = "1m"
STREAM = ["session_date", "symbol", "contract", "stream"]

COVERAGE_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "symbol": pl.String(),
    "contract": pl.String(),
    "stream": pl.String(),
    "expected_minutes": pl.Int64(),
    "received_minutes": pl.Int64(),
    "explained_minutes": pl.Int64(),
    "unexplained_minutes": pl.Int64(),
    "share": pl.Float64(),
    "largest_gap_minutes": pl.Int64(),
    "data_types": pl.String(),
    "judged_until": UTC_TIME,
}
GAP_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "symbol": pl.String(),
    "contract": pl.String(),
    "stream": pl.String(),
    "starts_at": UTC_TIME,
    "ends_at": UTC_TIME,
    "minutes": pl.Int64(),
    "cause": pl.String(),
    "says": pl.String(),
    "is_explained": pl.Boolean(),
}
_WORDS = {cause.value: words for cause, words in CAUSE_IN_WORDS.items()}
_EXPLAINED = [cause.value for cause in Cause if cause.is_explained]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is stored of some sessions.

    ``bars``: ``session_date``, ``contract``, ``ts_start``, ``data_type``. ``snapshots``: the
    same with ``timestamp``. ``events``: ``EVENT_SCHEMA``; symbol and contract ``*`` mean all.
    """

    bars: pl.DataFrame
    snapshots: pl.DataFrame
    events: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Coverage:
    """``streams``: ``COVERAGE_SCHEMA``; ``gaps``: ``GAP_SCHEMA``."""

    streams: pl.DataFrame
    gaps: pl.DataFrame


def deliverable_until(now: datetime, snapshot_interval_seconds: float, speed: float) -> datetime:
    """Return the moment up to which rows can have been stored by ``now``, UTC.

    The collector hands rows over once a round, so a minute may wait for one interval (market
    seconds). ``speed``: market seconds a machine second.
    """
    delivery = snapshot_interval_seconds + DELIVERY_MACHINE_SECONDS * speed
    return now - timedelta(seconds=delivery)


def coverage(
    rows: Rows, expected: pl.DataFrame, until: datetime, snapshot_interval_seconds: float
) -> Coverage:
    """Return the ledger of the expected streams, up to the last whole minute before ``until``.

    Args:
        rows: what is stored; rows outside the expected spans count neither way.
        expected: an ``expected_streams`` frame.
        until: see :func:`deliverable_until`; a minute that ends later is not expected yet.
        snapshot_interval_seconds: market seconds between two rounds of the collector.

    Returns:
        ``streams``: a row per session, contract and stream, with ``expected_minutes`` =
        ``received_minutes`` + ``explained_minutes`` + ``unexplained_minutes``; ``share``
        received of expected, 0 to 1, null when nothing is expected yet;
        ``largest_gap_minutes``, the longest run of missing minutes whatever its causes;
        ``data_types``, those seen in the session, null when none is known;
        ``judged_until``, where judging stopped.
        ``gaps``: a row per run of missing minutes with one cause, ``[starts_at, ends_at)``.

    A minute of ``bars`` is received when it has its bar. A minute of ``snapshots`` is
    received when a snapshot lies in it, or when the snapshots before and after it are less
    than two intervals apart: rounds drift by milliseconds, so that now and then a minute
    falls between two rounds though none was missed. The open and the end of what is judged
    stand in for a snapshot before the first and after the last one.

    A missing minute has the first cause, in the order of ``Cause``, of the events that touch
    it, else ``unknown``. For snapshots an event reaches one interval further on both sides,
    because the rounds next to it lie up to that far away.
    """
    spans = _judged(expected, until)
    minutes = _received(spans, rows, timedelta(seconds=snapshot_interval_seconds))
    reach = {BARS: timedelta(), SNAPSHOTS: timedelta(seconds=snapshot_interval_seconds)}
    missing = minutes.filter(~pl.col("is_received"))
    named = pl.concat(
        with_cause(missing.filter(stream=stream), rows.events, wide)
        for stream, wide in reach.items()
    )
    gaps = _gaps(named.sort("span", "minute"))
    return Coverage(_streams(spans, minutes, gaps, rows), gaps)


def _judged(expected: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Add ``judged_until`` and the number ``span``; ascending by stream and time."""
    last = pl.lit(until, UTC_TIME).dt.truncate(MINUTE)
    return (
        expected.with_columns(
            judged_until=pl.max_horizontal("opens_at", pl.min_horizontal("closes_at", last))
        )
        .sort(*STREAM, "opens_at")
        .with_row_index("span")
    )


def _received(spans: pl.DataFrame, rows: Rows, interval: timedelta) -> pl.DataFrame:
    """Return every judged ``minute`` (its start) with ``is_received``."""
    begun = spans.filter(pl.col("judged_until") > pl.col("opens_at"))
    minutes = begun.with_columns(
        minute=pl.datetime_ranges("opens_at", "judged_until", MINUTE, closed="left")
    ).explode("minute", empty_as_null=False)
    seen = pl.concat(
        frame.select("contract", stream=pl.lit(stream), minute=pl.col(at).dt.truncate(MINUTE))
        for stream, frame, at in (
            (BARS, rows.bars, "ts_start"),
            (SNAPSHOTS, rows.snapshots, "timestamp"),
        )
    ).unique()
    marked = minutes.join(
        seen.with_columns(is_received=True), on=["contract", "stream", "minute"], how="left"
    )
    between = _between_rounds(
        marked.filter(pl.col("is_received").is_null(), stream=SNAPSHOTS), rows.snapshots, interval
    )
    return marked.join(between, on=["span", "minute"], how="left").select(
        pl.exclude("is_received", "is_between"),
        pl.coalesce("is_received", "is_between", False).alias("is_received"),
    )


def _between_rounds(
    minutes: pl.DataFrame, snapshots: pl.DataFrame, interval: timedelta
) -> pl.DataFrame:
    """Return ``span``, ``minute`` and ``is_between``: no round is missing around the minute."""
    at = snapshots.select("contract", pl.col("timestamp").alias("at")).sort("at")
    around = (
        minutes.select("span", "contract", "minute", "opens_at", "judged_until")
        .with_columns(ends_at=pl.col("minute") + pl.duration(minutes=1))
        .sort("minute")
        .join_asof(
            at.rename({"at": "before"}),
            left_on="minute",
            right_on="before",
            by="contract",
            check_sortedness=False,  # polars cannot check it within groups; sorted above
        )
        .join_asof(
            at.rename({"at": "after"}),
            left_on="ends_at",
            right_on="after",
            by="contract",
            strategy="forward",
            check_sortedness=False,
        )
    )
    has_one = (pl.col("before") >= pl.col("opens_at")).fill_null(False) | (
        pl.col("after") <= pl.col("judged_until")
    ).fill_null(False)
    first, last = (
        pl.max_horizontal("before", "opens_at"),
        pl.min_horizontal("after", "judged_until"),
    )
    return around.select("span", "minute", is_between=has_one & (last - first < 2 * interval))


def _gaps(named: pl.DataFrame) -> pl.DataFrame:
    """Return runs of missing minutes with one cause; ``named`` ascends by span and minute."""
    runs = named.with_columns(run=_run(pl.col("cause") != pl.col("cause").shift()))
    detail = pl.concat_str(
        pl.col("text").fill_null(""), pl.format(" ({})", "code").fill_null("")
    ).str.strip_chars()
    words = pl.col("cause").replace_strict(_WORDS, return_dtype=pl.String)
    return (
        runs.group_by("run", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in (*STREAM, "cause", "code", "text")),
            pl.col("minute").min().alias("starts_at"),
            pl.len().alias("minutes"),
        )
        .with_columns(
            ends_at=pl.col("starts_at") + pl.duration(minutes=pl.col("minutes")),
            says=pl.when(detail == "").then(words).otherwise(pl.format("{}: {}", words, detail)),
            is_explained=pl.col("cause").is_in(_EXPLAINED),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in GAP_SCHEMA.items())
    )


def _run(cut: pl.Expr) -> pl.Expr:
    """Number runs of minutes that follow each other in one span, also cut where ``cut``."""
    follows = (pl.col("minute") - pl.col("minute").shift()) == pl.duration(minutes=1)
    same = (pl.col("span") == pl.col("span").shift()) & follows & ~cut
    return (~same).fill_null(True).cum_sum()


def _streams(
    spans: pl.DataFrame, minutes: pl.DataFrame, gaps: pl.DataFrame, rows: Rows
) -> pl.DataFrame:
    counted = minutes.group_by(STREAM).agg(
        expected_minutes=pl.len(), received_minutes=pl.col("is_received").sum()
    )
    lost = gaps.group_by(STREAM).agg(
        explained_minutes=pl.col("minutes").filter("is_explained").sum(),
        unexplained_minutes=pl.col("minutes").filter(~pl.col("is_explained")).sum(),
    )
    missing = minutes.filter(~pl.col("is_received")).sort("span", "minute")
    runs = missing.group_by(*STREAM, _run(pl.lit(False)).alias("run")).len("minutes")
    largest = runs.group_by(STREAM).agg(largest_gap_minutes=pl.col("minutes").max())
    ledger = spans.group_by(STREAM).agg(pl.col("judged_until").max())
    for part in (counted, lost, largest):
        ledger = ledger.join(part, on=STREAM, how="left")
    counts = pl.col("^.*_minutes$").fill_null(0)
    return (
        ledger.with_columns(counts)
        .join(_data_types(rows), on=["session_date", "contract", "stream"], how="left")
        .with_columns(share=pl.col("received_minutes") / pl.col("expected_minutes"))
        .with_columns(
            pl.when(pl.col("expected_minutes") > 0)
            .then(pl.col("share", "judged_until"))
            .name.keep()
        )
        .sort(STREAM)
        .select(pl.col(name).cast(dtype) for name, dtype in COVERAGE_SCHEMA.items())
    )


def _data_types(rows: Rows) -> pl.DataFrame:
    both = [
        frame.select("session_date", "contract", "data_type", stream=pl.lit(stream))
        for stream, frame in ((BARS, rows.bars), (SNAPSHOTS, rows.snapshots))
    ]
    known = pl.concat(both).drop_nulls("data_type").unique()
    of_stream = known.group_by("session_date", "contract", "stream")
    return of_stream.agg(data_types=pl.col("data_type").sort().str.join(", "))
