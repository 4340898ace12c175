"""What happened between the collector and the gateway, as spans with a cause."""

import polars as pl

from futures_pipeline.domain.causes import Cause
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table

CONNECTED, DATA_TYPE_CHANGED = "connected", "data_type_changed"
EVENTS = (*(cause.value for cause in Cause), CONNECTED, DATA_TYPE_CHANGED)

GATEWAY_EVENTS = Table(
    name="gateway_events",
    description="What kept data away and for how long, and other news of the connection.",
    columns=(
        Column("symbol", pl.String, False, "root symbol, * for all"),
        Column("contract", pl.String, False, "local symbol of the contract, * for all"),
        Column("session_date", pl.Date, False, "trade date of the Globex session it began in"),
        Column("event", pl.String, False, f"one of {', '.join(EVENTS)}"),
        Column("starts_at", UTC_TIME, False, "first moment without data, UTC"),
        Column("ends_at", UTC_TIME, False, "when data came again, or was last missed, UTC"),
        Column("code", pl.Int64, True, "the broker's message code; null without one"),
        Column("text", pl.String, True, "the broker's words, or the collector's"),
        Column("received_at", UTC_TIME, False, "when the collector had the row, UTC"),
        Column("ingested_at", UTC_TIME, False, "when the row was committed to the lake, UTC"),
        Column("spool_seq", pl.Int64, False, "the spool batch the row came in"),
    ),
    key=("event", "contract", "starts_at"),
    order=("starts_at", "event", "contract"),
    rules=(
        Rule("event_known", pl.col("event").is_in(EVENTS), "the event is one that is defined"),
        Rule(
            "ends_after_it_starts",
            pl.col("ends_at") >= pl.col("starts_at"),
            "it does not end before it starts",
        ),
    ),
    values=("ends_at", "code", "text"),
    precedence=(pl.col("ends_at"), pl.col("received_at")),
    has_rows_of_all=True,
)
