"""Correlation by hour of the day, by part of the session and by pair, pooled over sessions.

Source: QUANT_SPEC 3.6.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.estimate import LEAST_PAIRS, pooled_correlation
from futures_pipeline.analytics.correlation.rolling import ESTIMATE_SCHEMA, estimate_columns
from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.analytics.returns.pairs import paired_returns
from futures_pipeline.domain.sessions import NEW_YORK, Segment

POOLED_SESSIONS = 20
LEAST_CELL_PAIRS = 30
HOURS_A_DAY = 24
MINUTES_A_DAY = 1440
# The minute of the New York day at which each part of a session ends.
SEGMENT_ENDS: Mapping[Segment, int] = {
    Segment.ASIA: 180,
    Segment.EUROPE: 570,
    Segment.US: 960,
    Segment.LATE: 1020,
}

SPAN_SCHEMA: Mapping[str, pl.DataType] = {
    "first_session": pl.Date(),
    "session_date": pl.Date(),
    "sessions": pl.Int64(),
}


def correlation_by_hour(
    pairs: pl.DataFrame, until: date, sessions: int = POOLED_SESSIONS
) -> pl.DataFrame:
    """Return the correlation of a pair's returns by the New York hour they end in.

    Args:
        pairs: ``paired_returns`` of one length of return.
        until: the last of the sessions that are pooled.
        sessions: how many are. A cell needs 30 pairs, and returns of an hour or more give it
            one a session.

    Returns:
        ``SPAN_SCHEMA``, ``hour`` (0 to 23; a return that ends on the hour belongs to the hour
        before) and ``ESTIMATE_SCHEMA``: 24 rows. A cell below 30 pairs is null with the
        reason. Nothing after session ``until`` counts.
    """
    ended = _minute_of_day() // 60
    cells = pl.DataFrame({"hour": range(HOURS_A_DAY)}, schema={"hour": pl.Int64()})
    recent = last_sessions(pairs, until, sessions)
    return _pooled(recent, until, ended.alias("hour"), cells, LEAST_CELL_PAIRS)


def correlation_by_segment(
    pairs: pl.DataFrame, until: date, sessions: int = POOLED_SESSIONS
) -> pl.DataFrame:
    """Return the correlation of a pair's returns by the part of the session they end in.

    As ``correlation_by_hour``, with ``segment`` (asia, europe, us, late) in place of the hour
    and at least 20 pairs.
    """
    minute = _minute_of_day()
    segment = (
        pl.when(minute < SEGMENT_ENDS[Segment.ASIA])
        .then(pl.lit(str(Segment.ASIA)))
        .when(minute < SEGMENT_ENDS[Segment.EUROPE])
        .then(pl.lit(str(Segment.EUROPE)))
        .when(minute < SEGMENT_ENDS[Segment.US])
        .then(pl.lit(str(Segment.US)))
        .when(minute < SEGMENT_ENDS[Segment.LATE])
        .then(pl.lit(str(Segment.LATE)))
        .otherwise(pl.lit(str(Segment.ASIA)))
    )
    cells = pl.DataFrame({"segment": [str(part) for part in Segment]})
    recent = last_sessions(pairs, until, sessions)
    return _pooled(recent, until, segment.alias("segment"), cells, LEAST_PAIRS)


def correlation_matrix(front: pl.DataFrame, symbols: Sequence[str], until: date) -> pl.DataFrame:
    """Return the correlation of every two symbols, pooled over 20 sessions.

    Args:
        front: ``front_returns`` of one length of return.
        symbols: the rows and columns of the matrix.
        until: the last of the 20 sessions that are pooled, for each pair those in which both
            were observed.

    Returns:
        ``SPAN_SCHEMA``, ``row_symbol``, ``column_symbol`` and ``ESTIMATE_SCHEMA``: one row for
        each two symbols, in the order given; the other half of the matrix is the same.
    """
    parts = []
    for row, column in combinations(symbols, 2):
        recent = last_sessions(paired_returns(front, row, column), until, POOLED_SESSIONS)
        names = pl.lit(row).alias("row_symbol"), pl.lit(column).alias("column_symbol")
        cells = pl.DataFrame({"cell": [0]}, schema={"cell": pl.Int64()})
        found = _pooled(recent, until, pl.lit(0, pl.Int64).alias("cell"), cells, LEAST_PAIRS)
        parts.append(found.select(*SPAN_SCHEMA, *names, *ESTIMATE_SCHEMA))
    return pl.concat(parts)


def last_sessions(pairs: pl.DataFrame, until: date, count: int) -> pl.DataFrame:
    """Return the rows of the last ``count`` sessions up to ``until``."""
    known = pairs.filter(pl.col("session_date") <= until)
    days = known["session_date"].unique().sort().tail(count)
    return known.filter(pl.col("session_date").is_in(days.to_list()))


def _pooled(
    recent: pl.DataFrame, until: date, cell: pl.Expr, cells: pl.DataFrame, least_pairs: int
) -> pl.DataFrame:
    key = cells.columns[0]
    legs = [pl.when(~pl.col("is_undone")).then(f"return_{leg}") for leg in ("futures", "spot")]
    known = (
        recent.filter("both_open")
        .select(pl.col("session_date").rle_id().cast(pl.Int64).alias("session"), *legs, cell)
    )  # fmt: skip
    groups = known.partition_by(key, as_dict=True, include_key=False)
    empty = known.clear()
    rows = [_estimate(groups.get((value,), empty), least_pairs) for value in cells[key]]
    days = recent["session_date"].unique().sort()
    return cells.hstack(pl.concat(rows)).select(
        pl.lit(days.min(), pl.Date).alias("first_session"),
        pl.lit(until, pl.Date).alias("session_date"),
        pl.lit(len(days), pl.Int64).alias("sessions"),
        key,
        *ESTIMATE_SCHEMA,
    )


def _estimate(rows: pl.DataFrame, least_pairs: int) -> pl.DataFrame:
    x, y = (
        rows[column].fill_null(float("nan")).to_numpy()
        for column in ("return_futures", "return_spot")
    )
    found = pooled_correlation(x, y, rows["session"].to_numpy().astype(np.int64))
    return pl.DataFrame(estimate_columns(found, least_pairs)).select(
        pl.col(name).cast(dtype) for name, dtype in ESTIMATE_SCHEMA.items()
    )


def _minute_of_day() -> pl.Expr:
    """Return the New York minute of the day in which a return ends; one at 10:00 in 09:59."""
    ended = (pl.col("at").cast(UTC_TIME) - pl.duration(microseconds=1)).dt.convert_time_zone(
        str(NEW_YORK)
    )
    return ended.dt.hour().cast(pl.Int64) * 60 + ended.dt.minute()
