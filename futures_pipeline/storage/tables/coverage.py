"""What each session owes and what is missing of it, with the cause."""

import polars as pl

from futures_pipeline.domain.causes import Cause
from futures_pipeline.storage.tables.table import UTC_TIME, Column, Rule, Table, not_negative

STREAMS = ("bars", "snapshots")
CAUSES = tuple(cause.value for cause in Cause)
EXPLAINED = tuple(cause.value for cause in Cause if cause.is_explained)

_SUBJECT = (
    Column("session_date", pl.Date, False, "trade date of the Globex session"),
    Column("symbol", pl.String, False, "root symbol, such as ES"),
    Column("contract", pl.String, False, "local symbol of the contract; the symbol for others"),
    Column("stream", pl.String, False, "bars (one a minute) or snapshots (one a round)"),
)
_STREAM_KNOWN = Rule("stream_known", pl.col("stream").is_in(STREAMS), "stream is bars or snapshots")
_COUNTS = ("expected_minutes", "received_minutes", "explained_minutes", "unexplained_minutes")

COVERAGE = Table(
    name="coverage",
    description="How many of the minutes that a session owes were received, by contract and "
    "stream, and how many of the others have a cause.",
    columns=(
        *_SUBJECT,
        Column(_COUNTS[0], pl.Int64, False, "minutes the market was open, as far as judged"),
        Column(_COUNTS[1], pl.Int64, False, "of these, minutes with a bar or within rounds"),
        Column(_COUNTS[2], pl.Int64, False, "missing minutes whose cause needs no alert"),
        Column(_COUNTS[3], pl.Int64, False, "missing minutes that nothing explains"),
        Column("share", pl.Float64, True, "received of expected, 0 to 1; null for none expected"),
        Column(
            "largest_gap_minutes", pl.Int64, False, "longest run of missing minutes, any causes"
        ),
        Column("data_types", pl.String, True, "what the broker sent, by comma; null: not known"),
        Column("judged_until", UTC_TIME, True, "end of the last minute judged, UTC; null for none"),
    ),
    key=("session_date", "contract", "stream"),
    order=("session_date", "symbol", "contract", "stream"),
    rules=(
        _STREAM_KNOWN,
        Rule(
            "minutes_add_up",
            not_negative(*_COUNTS)
            & (pl.col(_COUNTS[0]) == pl.sum_horizontal(pl.col(name) for name in _COUNTS[1:])),
            "expected minutes are the received, the explained and the unexplained ones",
        ),
        Rule(
            "share_is_received_of_expected",
            pl.col("share").fill_null(-1.0)
            == pl.when(pl.col(_COUNTS[0]) > 0)
            .then(pl.col(_COUNTS[1]) / pl.col(_COUNTS[0]))
            .otherwise(-1.0),
            "share is received / expected, and null when nothing is expected",
        ),
        Rule(
            "largest_gap_is_missing",
            pl.col("largest_gap_minutes").is_between(0, pl.col(_COUNTS[0]) - pl.col(_COUNTS[1])),
            "the largest gap is no longer than all missing minutes",
        ),
    ),
)

GAPS = Table(
    name="coverage_gaps",
    description="Every run of missing minutes of a stream, with one cause each.",
    columns=(
        *_SUBJECT,
        Column("starts_at", UTC_TIME, False, "start of the first missing minute, UTC"),
        Column("ends_at", UTC_TIME, False, "end of the last missing minute, UTC"),
        Column("minutes", pl.Int64, False, "missing minutes"),
        Column("cause", pl.String, False, f"one of {', '.join(CAUSES)}"),
        Column("says", pl.String, False, "the cause in words, with the broker's text and code"),
        Column("is_explained", pl.Boolean, False, "whether the cause needs no alert"),
    ),
    key=("contract", "stream", "starts_at"),
    order=("session_date", "starts_at", "contract", "stream"),
    rules=(
        _STREAM_KNOWN,
        Rule("cause_known", pl.col("cause").is_in(CAUSES), "the cause is one that is defined"),
        Rule(
            "lasts_its_minutes",
            (pl.col("minutes") > 0)
            & (pl.col("ends_at") == pl.col("starts_at") + pl.duration(minutes="minutes")),
            "it lasts as long as it has minutes, at least one",
        ),
        Rule(
            "explained_by_its_cause",
            pl.col("is_explained") == pl.col("cause").is_in(EXPLAINED),
            "it is explained when its cause is one that needs no alert",
        ),
    ),
)
