"""The outbox: conditions and messages in a database of their own, and what was delivered.

A message and the state it tells are written in one transaction. It is marked as delivered
after the target took it, so a crash between the two repeats one message and loses none.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from futures_pipeline.alerting.conditions import (
    Condition,
    Message,
    Severity,
    State,
    due,
    observed,
    told,
)
from futures_pipeline.domain.errors import PipelineError

FILE = "alerts.sqlite"
FORGET = timedelta(days=90)
BUSY_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS conditions (
    key TEXT PRIMARY KEY, severity INTEGER NOT NULL, title TEXT NOT NULL, says TEXT NOT NULL,
    is_open INTEGER NOT NULL, since REAL NOT NULL, changes INTEGER NOT NULL,
    told INTEGER NOT NULL, told_at REAL, loudest INTEGER NOT NULL, untold INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, severity INTEGER NOT NULL, title TEXT NOT NULL,
    body TEXT NOT NULL, made_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE, target TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, sent_at REAL,
    PRIMARY KEY (message_id, target)
);
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that a target has not taken yet, after ``attempts`` vain ones."""

    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Told:
    """A message with how many targets have it, and how many wait for it."""

    message: Message
    delivered: int
    waiting: int
    attempts: int


class Outbox:
    """The outbox of one data directory; made when it is first used."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE

    def update(self, found: Iterable[Condition], targets: Sequence[str], now: datetime) -> int:
        """Take in everything that is wrong now; return how many messages that makes.

        Args:
            found: all conditions that hold; one that is not among them is over.
            targets: the ids of those who are to be told.
            now: the machine's time, UTC.
        """
        wrong = {condition.key: condition for condition in found}
        made = 0
        with closing(self._open()) as database, database:
            database.execute("BEGIN IMMEDIATE")
            known = _states(database)
            for key in sorted({*known, *wrong}):
                before = known.get(key)
                after = observed(before, wrong.get(key), now)
                if after is None:
                    continue
                message = due(after, now)
                if message is not None:
                    _keep(database, message, targets)
                    after = told(after, message)
                    made += 1
                if after != before:
                    _remember(database, after)
            _forget(database, now - FORGET)
        return made

    def add(self, message: Message, targets: Sequence[str]) -> None:
        """Put a message that is about no condition into the outbox."""
        with closing(self._open()) as database, database:
            _keep(database, message, targets)

    def waiting(self, target: str, now: datetime) -> list[Waiting]:
        """Return what a target has not taken, oldest first; nothing while it is given a rest."""
        with closing(self._open()) as database:
            rows = database.execute(
                "SELECT m.*, d.attempts, d.not_before FROM deliveries d JOIN messages m"
                " ON m.id = d.message_id WHERE d.target = ? AND d.sent_at IS NULL"
                " ORDER BY m.made_at, m.id",
                [target],
            ).fetchall()
        if any(row[-1] > now.timestamp() for row in rows):
            return []
        return [Waiting(_message(row[:6]), row[6]) for row in rows]

    def delivered(self, target: str, ids: Sequence[str], now: datetime) -> None:
        """Mark messages as taken by a target."""
        with closing(self._open()) as database, database:
            database.executemany(
                "UPDATE deliveries SET sent_at = ? WHERE target = ? AND message_id = ?",
                [(now.timestamp(), target, each) for each in ids],
            )

    def failed(self, target: str, ids: Sequence[str], not_before: datetime) -> None:
        """Mark an attempt as vain; the target is left alone until ``not_before``."""
        with closing(self._open()) as database, database:
            database.executemany(
                "UPDATE deliveries SET attempts = attempts + 1, not_before = ?"
                " WHERE target = ? AND message_id = ?",
                [(not_before.timestamp(), target, each) for each in ids],
            )

    def states(self) -> list[State]:
        """Return every remembered condition, by key."""
        with closing(self._open()) as database:
            return list(_states(database).values())

    def messages(self, limit: int) -> list[Told]:
        """Return the newest messages, newest first."""
        with closing(self._open()) as database:
            rows = database.execute(
                "SELECT m.*, COUNT(d.sent_at), COUNT(d.target) - COUNT(d.sent_at),"
                " COALESCE(MAX(d.attempts), 0) FROM messages m LEFT JOIN deliveries d"
                " ON m.id = d.message_id GROUP BY m.id ORDER BY m.made_at DESC, m.id LIMIT ?",
                [limit],
            ).fetchall()
        return [Told(_message(row[:6]), *row[6:]) for row in rows]

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level="IMMEDIATE")
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            database.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            database.close()
            raise PipelineError(
                f"alerts: {self._path} cannot be used ({error}); check the disk, or move the file "
                "away: what is wrong now is found again, what was told is forgotten"
            ) from error
        return database


def _states(database: sqlite3.Connection) -> dict[str, State]:
    rows = database.execute("SELECT * FROM conditions ORDER BY key").fetchall()
    return {row[0]: _state(row) for row in rows}


def _state(row: Sequence[Any]) -> State:
    key, severity, title, says, is_open, since, changes, was_told, told_at, loudest, untold = row
    return State(
        Condition(key, Severity(severity), title, says),
        bool(is_open),
        _time(since),
        changes,
        Severity(was_told),
        None if told_at is None else _time(told_at),
        Severity(loudest),
        untold,
    )


def _remember(database: sqlite3.Connection, state: State) -> None:
    condition, told_at = state.condition, state.told_at
    database.execute(
        "INSERT OR REPLACE INTO conditions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            condition.key,
            condition.severity,
            condition.title,
            condition.says,
            state.is_open,
            state.since.timestamp(),
            state.changes,
            state.told,
            None if told_at is None else told_at.timestamp(),
            state.loudest,
            state.untold,
        ],
    )


def _keep(database: sqlite3.Connection, message: Message, targets: Sequence[str]) -> None:
    database.execute(
        "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)",
        [
            message.id,
            message.key,
            message.severity,
            message.title,
            message.body,
            message.made_at.timestamp(),
        ],
    )
    database.executemany(
        "INSERT OR IGNORE INTO deliveries (message_id, target) VALUES (?, ?)",
        [(message.id, target) for target in targets],
    )


def _forget(database: sqlite3.Connection, before: datetime) -> None:
    at = before.timestamp()
    database.execute("DELETE FROM messages WHERE made_at < ?", [at])
    database.execute(
        "DELETE FROM conditions WHERE NOT is_open AND told = ? AND since < ?", [Severity.NONE, at]
    )


def _message(row: Sequence[Any]) -> Message:
    ident, key, severity, title, body, made_at = row
    return Message(ident, key, Severity(severity), title, body, _time(made_at))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
