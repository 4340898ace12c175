"""Which sessions of the scorecard are behind what it grades, by committed positions alone."""

from collections.abc import Sequence
from datetime import date

from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    PREMARKET_SIGNALS,
    SCORECARD,
)

GRADED = (PREMARKET_SIGNALS, FUTURES_SIGNALS, ENTRY_DECISIONS)


def score_positions(lake: Lake, days: Sequence[date]) -> dict[date, int]:
    """Return where the scorecard of some sessions has to be: the sum of what its inputs are at."""
    opened = [(table.name, lake.open(table.name)) for table in (*GRADED, BARS_1M)]
    return {
        day: sum(held.committed_seq(source_id(name, day)) for name, held in opened if held)
        for day in days
    }


def score_behind(lake: Lake, days: Sequence[date]) -> dict[date, int]:
    """Return the sessions with calls whose scorecard is not where it has to be."""
    held = lake.open(SCORECARD.name)
    called = {day for table in GRADED if (opened := lake.open(table.name))
              for day in opened.session_dates()}  # fmt: skip
    wanted = score_positions(lake, sorted(called.intersection(days)))
    return {
        day: position
        for day, position in wanted.items()
        if held is None or held.committed_seq(source_id(SCORECARD.name, day)) < position
    }
