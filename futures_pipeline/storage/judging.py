"""One batch, judged: rows to store, and rows for the quarantine as they came.

Nothing a payload can hold raises from here. What cannot be judged row by row is filed whole,
so that a broken batch never holds up its neighbours.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from futures_pipeline.domain.errors import CalendarError, SpoolError
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.schemas import Split, conform, missing_columns, split
from futures_pipeline.storage.spool import Batch
from futures_pipeline.storage.tables import UTC_TIME, Rule, Table

UNREADABLE = "unreadable_batch"
# What a payload has been seen to raise, from its decoding to its rows' text. A panic of
# polars is no Exception.
BROKEN_PAYLOAD = (
    SpoolError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    TypeError,
    ValueError,  # UnicodeError is one
    OverflowError,
)
VERDICT = {
    "session_date": pl.Date,
    "rule": pl.String,
    "says": pl.String,
    "symbol": pl.String,
    "contract": pl.String,
    "row_json": pl.String,
    "spool_seq": pl.Int64,
    "row_index": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class Court:
    """What the batches of one table and session are judged by."""

    table: Table
    session_date: date
    symbols: Collection[str]
    calendar: TradingCalendar


def judge(batches: Sequence[Batch], court: Court) -> Split:
    """Return the rows that keep the rules, and quarantine rows; ``ingested_at`` still open."""
    parts = [judge_batch(batch, court) for batch in batches]
    return Split(
        good=pl.concat([_nothing(court.table), *(part.good for part in parts)]),
        refused=pl.concat([pl.DataFrame(schema=VERDICT), *(part.refused for part in parts)]),
    )


def judge_batch(batch: Batch, court: Court) -> Split:
    """Return one batch's part of :func:`judge`."""
    try:
        return _judged_rows(batch.rows(), batch.seq, court)
    except BROKEN_PAYLOAD as error:
        says = "the batch is readable as Arrow IPC, cell by cell"
        whole = {"payload_hex": batch.payload.hex(), "error": f"{type(error).__name__}: {error}"}
        row = (court.session_date, UNREADABLE, says, None, None, row_text(whole), batch.seq, 0)
        return Split(_nothing(court.table), pl.DataFrame([row], schema=VERDICT, orient="row"))


def _judged_rows(rows: pl.DataFrame, seq: int, court: Court) -> Split:
    missing = missing_columns(rows, court.table)
    if missing:
        says = f"the batch has the columns {', '.join(missing)}"
        verdict = pl.DataFrame({"row_index": range(rows.height)}).with_columns(
            rule=pl.lit("columns_present"), says=pl.lit(says)
        )
        return Split(_nothing(court.table), _quarantine_rows(rows, verdict, seq, court))
    shaped, misfit = conform(rows, court.table)
    numbered = shaped.with_columns(
        session_date=pl.lit(court.session_date),
        spool_seq=pl.lit(seq, pl.Int64),
        row_index=pl.int_range(pl.len(), dtype=pl.Int64),
        misfit=misfit,
    )
    fitting = numbered.filter(pl.col("misfit").is_null()).drop("misfit")
    rules = (in_its_session(fitting, court),)
    parts = split(fitting, court.table, court.symbols, rules)
    typeless = numbered.filter(pl.col("misfit").is_not_null()).select(
        "row_index", rule=pl.lit("values_have_their_type"), says=pl.col("misfit")
    )
    verdict = pl.concat([typeless, parts.refused.select("row_index", "rule", "says")])
    stored = parts.good.select(_nothing(court.table).columns)
    return Split(stored, _quarantine_rows(rows, verdict.sort("row_index"), seq, court))


def in_its_session(rows: pl.DataFrame, court: Court) -> Rule:
    """Return the rule that a row's moment lies in the session its batch was filed under."""
    column = court.table.moment
    own = [
        moment
        for moment in rows[column].drop_nulls().unique()
        if _session_of(moment, court.calendar) == court.session_date
    ]
    return Rule(
        "in_its_session",
        pl.col(column).is_in(pl.Series(own, dtype=UTC_TIME).implode()),
        f"{column} lies in the session the batch is filed under",
    )


def _session_of(moment: datetime, calendar: TradingCalendar) -> date | None:
    try:
        return calendar.session_date(moment)
    except CalendarError:
        return None


def _quarantine_rows(
    rows: pl.DataFrame, verdict: pl.DataFrame, seq: int, court: Court
) -> pl.DataFrame:
    """Return the quarantine rows of a verdict: ``row_index``, ``rule`` and ``says``."""
    refused = _whole_rows(rows[verdict["row_index"].to_list()])
    return pl.DataFrame(
        [
            (
                court.session_date,
                rule,
                says,
                _text(row.get("symbol")),
                _text(row.get("contract")),
                row_text(row),
                seq,
                index,
            )
            for row, (index, rule, says) in zip(refused, verdict.iter_rows(), strict=True)
        ],
        schema=VERDICT,
        orient="row",
    )


def _whole_rows(rows: pl.DataFrame) -> list[dict[str, object]]:
    """Return rows as they came; of times that Python cannot hold, the number behind them."""
    try:
        return rows.rows(named=True)
    except (ValueError, OverflowError, pl.exceptions.PanicException):
        return rows.select(pl.all().to_physical()).rows(named=True)


def row_text(row: Mapping[str, object]) -> str:
    """Return a row as JSON; NaN and infinities keep their names, times are ISO 8601."""
    return json.dumps(row, default=str, ensure_ascii=False)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _nothing(table: Table) -> pl.DataFrame:
    """Return no rows, with the columns a judged row has."""
    schema = {name: table.schema[name] for name in table.names if name != "ingested_at"}
    return pl.DataFrame(schema=schema)
