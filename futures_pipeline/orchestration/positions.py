"""Which sessions of the lake are behind the spool, by committed positions alone.

A raw table is at the last spool ``seq`` it has committed for a session, and has to be where
the spool is. ``change_metrics`` is at the sum of the raw positions it was computed from, its
own session and the few before it, and has to be where the raw tables of the lake are. A sum
grows whenever one of its parts does, so no late batch goes unnoticed once it is committed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from futures_pipeline.domain.sessions import Timetable
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Partition
from futures_pipeline.storage.tables import CHANGE_METRICS, RAW_TABLES

# Change metrics look back over these: the previous close across a long weekend, and the
# earlier prices of a session's first hours.
SESSIONS_BEFORE = 5

# The spool position of a table and session.
Positions = Mapping[tuple[str, date], int]


def input_sessions(session_date: date, globex: Timetable) -> list[date]:
    """Return the sessions whose rows the metrics of ``session_date`` are made from."""
    before = globex.before(session_date, SESSIONS_BEFORE)
    return [*(session.session_date for session in before), session_date]


def input_positions(session_date: date, globex: Timetable, positions: Positions) -> list[int]:
    """Return the raw positions that the metrics of a session depend on; 0 for no rows."""
    return [
        positions.get((table.name, day), 0)
        for table in RAW_TABLES
        for day in input_sessions(session_date, globex)
    ]


def spool_positions(spooled: Iterable[Partition], session_dates: Collection[date]) -> Positions:
    """Return the last ``seq`` of the raw tables in the spool, for some sessions."""
    raw = {table.name for table in RAW_TABLES}
    return {
        (part.table, part.session_date): part.last_seq
        for part in spooled
        if part.table in raw and part.session_date in session_dates
    }


def derived_positions(days: Collection[date], globex: Timetable, committed: Positions) -> Positions:
    """Return where ``change_metrics`` has to be, given what the lake has of the raw tables.

    What the spool holds does not count: a raw session that cannot be ingested would keep the
    sessions after it behind for ever.
    """
    return {
        (CHANGE_METRICS.name, day): sum(input_positions(day, globex, committed)) for day in days
    }


@dataclass
class CommittedPositions:
    """Reads committed positions, and remembers them: they only grow.

    A table whose version has gone back was made anew; what was known of it is forgotten.
    """

    lake: Lake
    _known: dict[tuple[str, date], int] = field(default_factory=dict)
    _versions: dict[str, int] = field(default_factory=dict)

    def behind(self, raw: Positions, globex: Timetable) -> set[date]:
        """Return the sessions of ``raw`` of which a table has to catch up.

        A raw table has to reach ``raw``, the positions of the spool; ``change_metrics`` what
        the lake has of the raw tables.
        """
        late = self._behind(raw)
        days = {session_date for _, session_date in raw}
        return late | self._behind(derived_positions(days, globex, self._known))

    def _behind(self, wanted: Positions) -> set[date]:
        late = self._late(wanted)
        for name in {name for name, _ in late}:
            self._look_at(name, {key: seq for key, seq in wanted.items() if key[0] == name})
        return {session_date for _, session_date in self._late(wanted)}

    def _late(self, wanted: Positions) -> list[tuple[str, date]]:
        return [key for key, seq in wanted.items() if self._known.get(key, 0) < seq]

    def _look_at(self, name: str, wanted: Positions) -> None:
        table = self.lake.open(name)
        version = -1 if table is None else table.version
        if version < self._versions.get(name, -1):
            self._known = {key: seq for key, seq in self._known.items() if key[0] != name}
        self._versions[name] = version
        if table is not None:
            for key in self._late(wanted):
                self._known[key] = table.committed_seq(source_id(*key))
