"""A change is measured within one contract: its earlier price is one that contract had."""

from collections.abc import Collection
from datetime import date, timedelta

import polars as pl

from futures_pipeline.analytics.quality.findings import as_findings

HORIZONS = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}
TOLERANCE = 1e-9
# A stored price older than this is not the one that the change was taken from: the row
# between may not have been computed yet.
FRESH = timedelta(minutes=2)


def changes_of_other_prices(changes: pl.DataFrame, session_dates: Collection[date]) -> pl.DataFrame:
    """Return the contracts that have a change from a price they did not have then.

    Args:
        changes: rows of ``change_metrics`` of some sessions and the few before them.
        session_dates: the sessions to judge.

    Returns:
        ``FINDINGS`` by session, contract and horizon; ``measured`` counts the rows. The
        earlier price, price less change (or the anchor's price), must be the newest one of
        this contract at that moment, if that is fresh. When the contract has none, and another
        of its symbol has, the price came from that one. Otherwise nothing is known against it.
    """
    own = changes.drop_nulls("price").sort("timestamp")
    judged = changes.filter(pl.col("session_date").is_in(list(session_dates))).drop_nulls("price")
    parts = [
        _wrong(
            judged.drop_nulls(f"change_{name}").with_columns(
                earlier=pl.col("price") - pl.col(f"change_{name}"), at=pl.col("timestamp") - ago
            ),
            own,
            name,
        )
        for name, ago in HORIZONS.items()
    ]
    anchored = judged.drop_nulls(["change_daily", "anchor_price"]).with_columns(
        earlier=pl.col("anchor_price"), at=pl.col("anchor_at")
    )
    return as_findings(pl.concat([*parts, _wrong(anchored, own, "daily")]))


def _wrong(asked: pl.DataFrame, own: pl.DataFrame, name: str) -> pl.DataFrame:
    had = own.select("symbol", "contract", had="price", had_at="timestamp")
    of_symbol = had.group_by("symbol").agg(begins_at=pl.col("had_at").min())
    met = (
        asked.sort("at")
        .join_asof(
            had.drop("symbol"),
            left_on="at",
            right_on="had_at",
            by="contract",
            check_sortedness=False,
        )
        .join(of_symbol, on="symbol", how="left")
    )
    is_fresh = pl.col("at") - pl.col("had_at") <= FRESH
    differs = is_fresh & (
        (pl.col("earlier") - pl.col("had")).abs() > TOLERANCE * pl.col("earlier").abs()
    )
    of_another = pl.col("had").is_null() & (pl.col("begins_at") <= pl.col("at"))
    wrong = met.filter(differs | of_another)
    says = pl.format(
        "change_{} from a price of another series in {} rows", pl.lit(name), "measured"
    )
    return (
        wrong.group_by("session_date", "contract")
        .agg(measured=pl.len().cast(pl.Float64))
        .select("session_date", subject="contract", measured="measured", says=says)
    )
