"""Which sessions of the analysis are behind the stored bars, by committed positions alone.

A session is at the sum of what ``bars_1m`` had committed for it and the sessions before it, as
far back as its analysis looks. The sum grows with each new or revised bar, so none goes
unnoticed.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from futures_pipeline.domain.sessions import Timetable
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import Lake, OpenTable
from futures_pipeline.storage.tables import BARS_1M, Table


def bar_positions(
    bars: OpenTable, days: Sequence[date], globex: Timetable, sessions: int
) -> dict[date, int]:
    """Return where the analysis of some sessions has to be.

    ``sessions``: how many it looks at, the session itself counted.
    """
    back = {day: [s.session_date for s in globex.before(day, sessions - 1)] + [day] for day in days}
    wanted = {day for needed in back.values() for day in needed}
    committed = {day: bars.committed_seq(source_id(BARS_1M.name, day)) for day in wanted}
    return {day: sum(committed[earlier] for earlier in needed) for day, needed in back.items()}


def behind(wanted: Mapping[date, int], tables: Sequence[Table], lake: Lake) -> dict[date, int]:
    """Return the sessions of which one of the tables has not reached its position."""
    opened = [(table.name, lake.open(table.name)) for table in tables]
    return {
        day: position
        for day, position in wanted.items()
        if any(
            held is None or held.committed_seq(source_id(name, day)) < position
            for name, held in opened
        )
    }


def newest_over(
    days: Sequence[date], globex: Timetable, until: datetime, count: int
) -> Sequence[date]:
    """Return the newest sessions whose rows are all there, given when rows can have come until."""
    sessions = (globex.on(day) for day in days)
    return [s.session_date for s in sessions if s is not None and s.closes_at <= until][-count:]
