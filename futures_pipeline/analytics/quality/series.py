"""Series that stand still though their market is open, and bars named by the wrong minute."""

from datetime import timedelta

import polars as pl

from futures_pipeline.analytics.quality.findings import as_findings, within

MINUTE = timedelta(minutes=1)
FLAT_MINUTES = 30
FROZEN = timedelta(minutes=15)
QUOTE = ("bid", "ask", "bid_size", "ask_size", "last", "volume")


def flat_series(bars: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """Return the contracts whose price did not move for 30 bars in regular hours.

    ``bars``: ``session_date``, ``contract``, ``ts_end`` (UTC), ``high``, ``low``, ``close``.
    Such a series has no variance, so no correlation and no volatility.
    """
    moved = (pl.col("close") != pl.col("close").shift()) | (pl.col("high") != pl.col("low"))
    runs = _runs(within(bars, "ts_end", hours), "ts_end", moved)
    flat = runs.filter(pl.col("rows") >= FLAT_MINUTES)
    says = pl.format("one price for {} bars from {}", "rows", _clock("begins_at"))
    return as_findings(
        flat.with_columns(subject=pl.col("contract"), measured=pl.col("rows"), says=says)
    )


def frozen_quotes(snapshots: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """Return the contracts whose whole quote stood still for 15 minutes in regular hours.

    ``snapshots``: ``session_date``, ``contract``, ``timestamp`` (UTC), and bid, ask, their
    sizes, last and volume. One change of any of them ends the run.
    """
    same = [pl.col(name).eq_missing(pl.col(name).shift()) for name in QUOTE]
    runs = _runs(within(snapshots, "timestamp", hours), "timestamp", ~pl.all_horizontal(same))
    lasted = pl.col("ends_at") - pl.col("begins_at")
    frozen = runs.filter(lasted >= FROZEN).with_columns(measured=lasted.dt.total_minutes())
    says = pl.format("nothing changed for {} min from {}", "measured", _clock("begins_at"))
    return as_findings(frozen.with_columns(subject=pl.col("contract"), says=says))


def end_labelled(bars: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """Return the contracts whose bars run from a minute after the open to the close.

    ``bars``: ``session_date``, ``contract``, ``ts_start`` (UTC). A bar is named by its start,
    so a series of regular hours alone has one at 09:30 New York and none at 16:00. A series
    with bars outside regular hours cannot be told this way; see ``misaligned_pairs``.
    """
    joined = bars.join(hours, on="session_date")
    at = pl.col("ts_start")
    edges = joined.group_by("session_date", "contract").agg(
        shifted=(at.min() == pl.col("opens_at").first() + MINUTE)
        & (at.max() == pl.col("closes_at").first())
    )
    says = pl.lit("the first bar is a minute after the open and the last at the close")
    wrong = edges.filter("shifted").with_columns(says=says, measured=pl.lit(1.0))
    return as_findings(wrong.with_columns(subject=pl.col("contract")))


def _runs(rows: pl.DataFrame, at: str, changed: pl.Expr) -> pl.DataFrame:
    """Return ``rows``, ``begins_at`` and ``ends_at`` of each run without a change."""
    of_contract = ["session_date", "contract"]
    ordered = rows.sort(*of_contract, at)
    begins = changed.over(of_contract, order_by=at).fill_null(True)
    return (
        ordered.with_columns(run=begins.cum_sum().over(of_contract, order_by=at))
        .group_by(*of_contract, "run")
        .agg(rows=pl.len(), begins_at=pl.col(at).min(), ends_at=pl.col(at).max())
    )


def _clock(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone("America/New_York").dt.strftime("%H:%M New York")
