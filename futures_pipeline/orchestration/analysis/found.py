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

Days = Sequence[date]


@dataclass(frozen=True, slots=True)
class Found:
    """Rows by table, what is said of each session first, and faults that stop what follows."""

    tables: Mapping[str, pl.DataFrame]
    sentences: Mapping[date, Sequence[str]] = field(default_factory=dict)
    faults: Sequence[str] = ()
