"""What an analysis hands over to the lake and to a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

# A rolling reading is judged by the 20 sessions before its own, and the first of these by
# windows that reach into one more.
USUAL_SESSIONS = 20
ROLLING_SESSIONS = USUAL_SESSIONS + 2
POOLED_SESSIONS = 20
# Sessions that a cell of the heat-map pools, by the minutes of a return. A cell needs 30 pairs,
# and from an hour on a session gives it one at most.
HEATMAP_SESSIONS: Mapping[int, int] = {1: 20, 5: 20, 15: 20, 60: 60, 240: 60}
# Sessions among which two kinds are looked for.
COMPARED_DAYS = 60

Days = Sequence[date]


@dataclass(frozen=True, slots=True)
class Found:
    """Rows by table, what is said of each session first, and faults that stop what follows."""

    tables: Mapping[str, pl.DataFrame]
    sentences: Mapping[date, Sequence[str]] = field(default_factory=dict)
    faults: Sequence[str] = ()
