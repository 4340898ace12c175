"""A pair whose one leg is old while the other is fresh: the fresh one would seem to lead."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from futures_pipeline.analytics.quality.findings import as_findings, most_traded, within
from futures_pipeline.analytics.quality.pairs import INDEX_PAIRS

OLD = timedelta(minutes=5)


def stale_legs(
    snapshots: pl.DataFrame,
    hours: pl.DataFrame,
    pairs: Sequence[tuple[str, str]] = INDEX_PAIRS,
) -> pl.DataFrame:
    """Return the legs that were old at some snapshot of the other leg in regular hours.

    Args:
        snapshots: ``session_date``, ``symbol``, ``contract``, ``timestamp`` (UTC), ``bid``,
            ``ask``, ``last_at`` (UTC) and ``volume``, of all symbols.
        hours: ``regular_hours``; the first five minutes after the open are left out.
        pairs: futures symbol and ETF symbol.

    Returns:
        ``FINDINGS``; ``measured`` is the number of such snapshots. A leg is old when it has
        no snapshot of the five minutes before, or no quote of both sides and no trade of
        these five minutes. A pair of which one leg has no snapshot in a session is left to
        coverage.
    """
    of_symbol = most_traded(within(snapshots, "timestamp", hours))
    found = [
        _old(of_symbol, fresh, leg).with_columns(subject=pl.lit(f"{'-'.join(pair)}: {leg}"))
        for pair in pairs
        for fresh, leg in (pair, pair[::-1])
    ]
    return as_findings(pl.concat(found, how="diagonal"))


def _old(rows: pl.DataFrame, fresh: str, leg: str) -> pl.DataFrame:
    has_quote = pl.col("bid").is_not_null() & pl.col("ask").is_not_null()
    of_leg = rows.filter(symbol=leg).sort("timestamp")
    seen = of_leg.select("session_date", "last_at", has_quote=has_quote, seen_at="timestamp")
    judged = rows.filter(pl.col("timestamp") >= pl.col("opens_at") + OLD, symbol=fresh)
    met = (
        judged.sort("timestamp")
        .join(of_leg.select("session_date").unique(), on="session_date", how="semi")
        .select("session_date", "timestamp")
        .join_asof(
            seen,
            left_on="timestamp",
            right_on="seen_at",
            by="session_date",
            check_sortedness=False,  # polars cannot check it within groups; sorted above
        )
    )
    unseen = (pl.col("timestamp") - pl.col("seen_at") > OLD).fill_null(True)
    untraded = (pl.col("timestamp") - pl.col("last_at") > OLD).fill_null(True)
    old = met.filter(unseen | (untraded & ~pl.col("has_quote").fill_null(False)))
    says = pl.format("was more than 5 min old at {} snapshots", "measured")
    counted = old.group_by("session_date").agg(measured=pl.len())
    return counted.with_columns(pl.col("measured").cast(pl.Float64), says=says)
