"""What the spool's batches add up to, worked out without the lake; and the comparison."""

from dataclasses import dataclass

import polars as pl

from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.merge import merge_rows
from futures_pipeline.storage.spool import Spool, from_payload
from futures_pipeline.storage.tables import BARS_1M, QUARANTINE
from futures_pipeline_tests.storage.rows import AT, SESSION

SHOWN = [*BARS_1M.key, *BARS_1M.values]
BAD_ROW = 3  # of every batch of killed_ingester


def expected_bars(spool: Spool) -> pl.DataFrame:
    """Return the bars the spool's batches add up to: key and values."""
    batches = spool.read_after(BARS_1M.name, SESSION, 0)
    rows = pl.concat([from_payload(batch.payload) for batch in batches])
    good = rows.filter(pl.col("close").is_not_nan()).with_columns(
        ingested_at=pl.lit(AT).dt.cast_time_unit("us"), spool_seq=pl.lit(1, pl.Int64)
    )
    nothing = pl.DataFrame(schema=BARS_1M.schema)
    return merge_rows(nothing, good.select(BARS_1M.names), BARS_1M).added.select(SHOWN)


@dataclass(frozen=True)
class Account:
    """Rows of the lake against those acknowledged by the spool."""

    acknowledged: int
    lost: int
    twice: int
    wrong: int

    @property
    def is_even(self) -> bool:
        return self.lost == self.twice == self.wrong == 0

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.acknowledged + other.acknowledged,
            self.lost + other.lost,
            self.twice + other.twice,
            self.wrong + other.wrong,
        )


def account(lake: Lake, spool: Spool) -> Account:
    """Compare bars and refused rows, by key and values."""
    expected = expected_bars(spool)
    stored = lake.read(BARS_1M.name).select(SHOWN)
    keys = list(BARS_1M.key)
    once = stored.unique(keys)
    wrong = once.join(expected, on=SHOWN, how="anti", nulls_equal=True)
    wanted = pl.DataFrame(
        [(batch.seq, BAD_ROW) for batch in spool.read_after(BARS_1M.name, SESSION, 0)],
        schema={"spool_seq": pl.Int64, "row_index": pl.Int64},
        orient="row",
    )
    refused = lake.read(QUARANTINE.name).select(wanted.columns)
    return Account(
        acknowledged=expected.height + wanted.height,
        lost=expected.join(once, on=keys, how="anti").height
        + wanted.join(refused, on=wanted.columns, how="anti").height,
        twice=stored.height - once.height + refused.height - refused.unique().height,
        wrong=wrong.height + refused.join(wanted, on=wanted.columns, how="anti").height,
    )
