"""What is computed of each observation: price changes."""

from collections.abc import Mapping

import polars as pl

from futures_pipeline.storage.tables.market import IDENTITY
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table, finite

_POINTS = "price points; null when a leg is missing (see the reason column)"
_FRACTION = "fraction of the earlier price, 0.01 is one percent; null with the change"
REASONS = ("not_live", "no_price", "no_observation_before", "stale_observation")
_REASON = (
    "why the change is null: not_live (the row is delayed or frozen), no_price (it has none), "
    "no_observation_before or stale_observation (there is no live price of this contract, or "
    "too old a one, at the earlier moment)"
)
_HORIZONS: Mapping[str, str] = {
    "1h": "against one hour earlier",
    "4h": "against four hours earlier",
    "overnight": "from the previous NYSE close to now, frozen at 09:30 New York",
    "daily": "from the previous NYSE close (16:00 New York, 13:00 when shortened)",
}

CHANGE_METRICS = Table(
    name="change_metrics",
    description="Price changes of each contract at each observation; never across two contracts.",
    columns=(
        *(column for column in IDENTITY if column.name in ("symbol", "contract", "session_date")),
        Column("timestamp", UTC_TIME, False, "when the price was observed, UTC"),
        Column(
            "price",
            pl.Float64,
            True,
            "reference price, live only: fresh last, else mid, else bar close",
        ),
        Column("price_source", pl.String, True, "last, mid or bar_close"),
        *(
            Column(f"change_{h}", pl.Float64, True, f"{what}; {_POINTS}")
            for h, what in _HORIZONS.items()
        ),
        *(
            Column(f"return_{h}", pl.Float64, True, f"{what}; {_FRACTION}")
            for h, what in _HORIZONS.items()
        ),
        *(
            Column(
                f"spans_closure_{h}",
                pl.Boolean,
                False,
                f"the market was closed within the last {h}",
            )
            for h in ("1h", "4h")
        ),
        Column("anchor_at", UTC_TIME, False, "the NYSE close that daily changes start from, UTC"),
        Column("anchor_price", pl.Float64, True, "price as of the anchor, price units"),
        Column("elapsed_hours", pl.Float64, False, "Globex-open hours since the anchor"),
        *(Column(f"reason_{h}", pl.String, True, _REASON) for h in _HORIZONS),
    ),
    key=("contract", "timestamp"),
    order=("symbol", "contract", "timestamp"),
    rules=(
        Rule("price_finite", finite("price"), "the price is a finite number"),
        *(
            Rule(
                f"null_has_a_reason_{h}",
                pl.col(f"change_{h}").is_null() == pl.col(f"reason_{h}").is_not_null(),
                f"change_{h} is a number, or null with a reason",
            )
            for h in _HORIZONS
        ),
        *(
            Rule(
                f"reason_known_{h}",
                pl.col(f"reason_{h}").is_in(REASONS),
                f"reason_{h} is one of {', '.join(REASONS)}",
            )
            for h in _HORIZONS
        ),
        Rule(
            "not_live_has_no_price",
            (pl.col("reason_1h") != "not_live") | pl.col("price").is_null(),
            "a row that is not live has no price",
        ),
    ),
)
