"""Stored tables as frames, and what was told: for pages that show rows as they are."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from futures_pipeline.alerting.outbox import FILE, Outbox
from futures_pipeline.api.store import open_store
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.storage.tables import TABLES

MOST_TABLE_SESSIONS = 520
CONDITION_SCHEMA = {
    "key": pl.String(),
    "severity": pl.String(),
    "title": pl.String(),
    "says": pl.String(),
    "is_open": pl.Boolean(),
    "since": pl.Datetime("us", "UTC"),
}
MESSAGE_SCHEMA = {
    "made_at": pl.Datetime("us", "UTC"),
    "severity": pl.String(),
    "title": pl.String(),
    "body": pl.String(),
    "delivered": pl.Int64(),
    "waiting": pl.Int64(),
}


def get_table(
    name: str,
    sessions: int = 1,
    *,
    where: Mapping[str, str | int | datetime] | None = None,
    as_of: int | datetime | None = None,
    data: Path | str | None = None,
) -> pl.DataFrame:
    """Return the rows of a table's newest stored sessions, in the table's order.

    Args:
        name: of a table, as ``futures-pipeline lake`` lists them.
        sessions: how many of the newest stored sessions.
        where: columns and the value that they must have.
        as_of: a version, or a time; None for the newest.
        data: the data directory.

    Raises:
        ConfigurationError: no such table, or ``sessions`` is not 1 to 520.
    """
    if name not in TABLES:
        raise ConfigurationError("table", name, f"one of {', '.join(TABLES)}")
    if not 1 <= sessions <= MOST_TABLE_SESSIONS:
        raise ConfigurationError("sessions", sessions, f"1 to {MOST_TABLE_SESSIONS}")
    opened = open_store(data).lake.open(name, as_of)
    if opened is None:
        return pl.DataFrame(schema=TABLES[name].schema)
    newest = opened.session_dates()[-sessions:]
    chosen = [pl.col(column) == value for column, value in (where or {}).items()]
    rows = opened.scan().filter(pl.col("session_date").is_in(newest), *chosen).collect()
    return rows.sort(TABLES[name].order)


def get_tables(*, data: Path | str | None = None) -> pl.DataFrame:
    """Return the tables that are stored: name, version, sessions, newest session, meaning."""
    store = open_store(data)
    opened = [(table, store.open(table.name)) for table in TABLES.values()]
    rows = [
        (table.name, found.version, days, table.description)
        for table, found in opened
        if found is not None
        for days in [found.session_dates()]
    ]
    return pl.DataFrame(
        [
            (name, version, len(days), days[-1] if days else None, says)
            for name, version, days, says in rows
        ],
        schema={
            "table": pl.String(),
            "version": pl.Int64(),
            "sessions": pl.Int64(),
            "newest_session": pl.Date(),
            "description": pl.String(),
        },
        orient="row",
    )


def get_alert_conditions(*, data: Path | str | None = None) -> pl.DataFrame:
    """Return what is wrong now and was lately: open ones first, then the newest.

    ``since``: when it began, or ended where ``is_open`` is false; machine time, UTC.
    """
    outbox = _outbox(data)
    states = outbox.states() if outbox else []
    rows = [
        (
            state.condition.key,
            state.condition.severity.name.lower(),
            state.condition.title,
            state.condition.says,
            state.is_open,
            state.since,
        )
        for state in states
    ]
    found = pl.DataFrame(rows, schema=CONDITION_SCHEMA, orient="row")
    return found.sort("is_open", "since", descending=True)


def get_alert_messages(limit: int = 100, *, data: Path | str | None = None) -> pl.DataFrame:
    """Return the newest messages, newest first, and how many targets have or await each."""
    outbox = _outbox(data)
    rows = [
        (
            told.message.made_at,
            told.message.severity.name.lower(),
            told.message.title,
            told.message.body,
            told.delivered,
            told.waiting,
        )
        for told in (outbox.messages(limit) if outbox else [])
    ]
    return pl.DataFrame(rows, schema=MESSAGE_SCHEMA, orient="row")


def _outbox(data: Path | str | None) -> Outbox | None:
    """Return the outbox, None where nothing was ever told: a reader makes no file."""
    directory = open_store(data).settings.data
    return Outbox(directory) if (directory / FILE).exists() else None
