"""Gaps as a person reads them: those of one outage together, in New York time and UTC."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from futures_pipeline.domain.sessions import NEW_YORK

NAMED = 4


def outages(gaps: pl.DataFrame) -> pl.DataFrame:
    """Return the gaps of all streams that share their span and cause as one row each.

    ``gaps``: a ``GAP_SCHEMA`` frame. Columns: ``session_date``, ``starts_at``, ``ends_at``,
    ``minutes`` (of the span), ``cause``, ``says``, ``is_explained``, ``contracts`` (list,
    ascending), ``streams`` (list) and ``lost_minutes``, summed over contracts and streams.
    What nothing explains comes first, then the longest.
    """
    key = ["session_date", "starts_at", "ends_at", "minutes", "cause", "says", "is_explained"]
    return (
        gaps.group_by(key)
        .agg(
            pl.col("contract").unique().sort().alias("contracts"),
            pl.col("stream").unique().sort().alias("streams"),
            pl.col("minutes").sum().alias("lost_minutes"),
        )
        .sort(
            "is_explained",
            "minutes",
            "lost_minutes",
            "starts_at",
            "cause",
            descending=[False, True, True, False, False],
        )
    )


def contracts_in_words(contracts: Sequence[str]) -> str:
    """Return the contracts as a list in a sentence.

    >>> contracts_in_words(["ESH5", "IWM", "NQH5", "QQQ", "SPY", "VIX"])
    'ESH5, IWM, NQH5, QQQ and 2 more'
    """
    named = ", ".join(contracts[:NAMED])
    return named + (f" and {len(contracts) - NAMED} more" if len(contracts) > NAMED else "")


def new_york_span(start: datetime, end: datetime) -> str:
    """Return a span in New York time, with its day.

    >>> from datetime import UTC
    >>> at = datetime(2025, 1, 15, 14, 12, tzinfo=UTC)
    >>> new_york_span(at, at.replace(minute=34))
    'Wed 09:12-09:34'
    """
    first, last = start.astimezone(NEW_YORK), end.astimezone(NEW_YORK)
    return f"{first:%a %H:%M}-{last:%H:%M}"


def utc_span(start: datetime, end: datetime) -> str:
    """Return a span in UTC, without its day."""
    return f"{start:%H:%M}-{end:%H:%M}"
