"""Which sessions of the lake are behind the spool, by committed positions alone.

A raw table is at the last spool ``seq`` it has committed for a session, and has to be where
the spool is. A derived table is at a number made of the raw positions it was computed from,
and has to be where the raw tables of the lake are: ``change_metrics`` at their sum over its
own session and the few before it, ``coverage`` at twice their sum over its own session, and
one more once the session is over. A sum grows whenever one of its parts does, so no late
batch goes unnoticed once it is committed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock

from futures_pipeline.domain.sessions import Session, Timetable
from futures_pipeline.orchestration.ingestion.session_coverage import COVERAGE_INPUTS, SNAPSHOTS
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import Lake, LakeDamaged, OpenTable
from futures_pipeline.storage.lake.commit_log import commit_name
from futures_pipeline.storage.spool import Partition
from futures_pipeline.storage.tables import (
    BARS_1M,
    CHANGE_METRICS,
    COVERAGE,
    RAW_TABLES,
)

# What change metrics read; news of the connection or of options do not change them.
CHANGE_INPUTS = (*SNAPSHOTS, BARS_1M)
# Change metrics look back over these: the previous close across a long weekend, and the
# earlier prices of a session's first hours.
SESSIONS_BEFORE = 5

# The spool position of a table and session.
Positions = Mapping[tuple[str, date], int]


def input_sessions(session_date: date, globex: Timetable) -> list[date]:
    """Return the sessions whose rows the metrics of ``session_date`` are made from."""
    before = globex.before(session_date, SESSIONS_BEFORE)
    return [*(session.session_date for session in before), session_date]


def last_input(session_date: date, globex: Timetable, positions: Positions) -> int:
    """Return the last ``seq`` that any table of a session depends on; 0 for no rows."""
    days = input_sessions(session_date, globex)
    return max(positions.get((table.name, day), 0) for table in RAW_TABLES for day in days)


def spool_positions(spooled: Iterable[Partition], session_dates: Collection[date]) -> Positions:
    """Return the last ``seq`` of the raw tables in the spool, for some sessions."""
    raw = {table.name for table in RAW_TABLES}
    return {
        (part.table, part.session_date): part.last_seq
        for part in spooled
        if part.table in raw and part.session_date in session_dates
    }


def change_position(session_date: date, globex: Timetable, committed: Positions) -> int:
    """Return where ``change_metrics`` has to be, given what the lake has of the raw tables.

    What the spool holds does not count: a raw session that cannot be ingested would keep the
    sessions after it behind for ever.
    """
    days = input_sessions(session_date, globex)
    return sum(committed.get((table.name, day), 0) for table in CHANGE_INPUTS for day in days)


def coverage_position(session: Session, committed: Positions, until: datetime) -> int:
    """Return where ``coverage`` has to be when rows up to ``until`` can be in the lake.

    The one more judges a session's last minutes although no row follows them, and a session
    of which no row ever came.
    """
    day = session.session_date
    total = sum(committed.get((table.name, day), 0) for table in COVERAGE_INPUTS)
    return 2 * total + (until >= session.closes_at)


def derived_positions(
    days: Collection[date], globex: Timetable, committed: Positions, until: datetime
) -> Positions:
    """Return where the derived tables have to be for the sessions ``days`` of the spool.

    Coverage is judged for the sessions between them as well: a session without any row is
    the largest gap of all.
    """
    if not days:
        return {}
    changes = {(CHANGE_METRICS.name, day): change_position(day, globex, committed) for day in days}
    judged = {
        (COVERAGE.name, session.session_date): coverage_position(session, committed, until)
        for session in globex.between(min(days), max(days))
    }
    return changes | judged


@dataclass
class CommittedPositions:
    """Reads committed positions, and remembers them: they only grow.

    Except those of a table whose log is damaged, was repaired or made anew: what was known
    of it is forgotten, so that its sessions are behind and a writer comes, who repairs it.
    Sensors share it, and each is evaluated in a thread of its own.
    """

    lake: Lake
    _one_at_a_time: Lock = field(default_factory=Lock)
    _known: dict[tuple[str, date], int] = field(default_factory=dict)
    # The newest commit of each table at the last look: its version and digest.
    _seen: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def raw_behind(self, raw: Positions) -> set[date]:
        """Return the sessions of which a raw table has to reach ``raw``, the spool's positions."""
        with self._one_at_a_time:
            return self._behind(raw)

    def derived_behind(self, raw: Positions, globex: Timetable, until: datetime) -> set[date]:
        """Return the sessions of which a derived table has to follow the lake's raw tables.

        ``raw``: the spool's positions. ``until``: see :func:`coverage_position`.
        """
        with self._one_at_a_time:
            self._behind(raw)
            days = {session_date for _, session_date in raw}
            return self._behind(derived_positions(days, globex, self._known, until))

    def _behind(self, wanted: Positions) -> set[date]:
        tables = {name: self._compared(name) for name in {name for name, _ in wanted}}
        for key in self._late(wanted):
            table = tables[key[0]]
            if table is not None:
                self._known[key] = table.committed_seq(source_id(*key))
        return {session_date for _, session_date in self._late(wanted)}

    def _late(self, wanted: Positions) -> list[tuple[str, date]]:
        return [key for key, seq in wanted.items() if self._known.get(key, 0) < seq]

    def _compared(self, name: str) -> OpenTable | None:
        """Return a table to read positions from; forget what was known of another past of it."""
        try:
            table = self.lake.newest(name)
        except LakeDamaged:
            table = None
        seen = self._seen.pop(name, None)
        if table is None or seen is None or seen != _commit(table, seen[0]):
            self._known = {key: seq for key, seq in self._known.items() if key[0] != name}
        if table is not None:
            self._seen[name] = _commit(table, table.version)
        return table


def _commit(table: OpenTable, version: int) -> tuple[int, str | None]:
    """Return a version with the digest of its commit as it is in the log now."""
    return version, table.log.digest_of(commit_name(version))
