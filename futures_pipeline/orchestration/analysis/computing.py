"""From stored bars to the rows of one analysis: which bars, and which function.

Loaded by a run and not with the definitions: the statistics take a second to import.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import combinations

from futures_pipeline.api.pairs import (
    Bars,
    Legs,
    held_sessions,
    last_shared,
    legs_of,
    stored_bars,
)
from futures_pipeline.api.store import Store
from futures_pipeline.config import AnalysisSettings
from futures_pipeline.orchestration.analysis.found import Days, Found
from futures_pipeline.orchestration.analysis.rows import heatmap_rows, matrix_rows, rolling_rows
from futures_pipeline.orchestration.analysis.verdicts import lead_lag_rows, predictive_rows
from futures_pipeline.storage.tables import (
    CORRELATION_HEATMAP,
    CORRELATION_MATRIX,
    CORRELATIONS,
    LEAD_LAG,
    PREDICTIVE_VALUE,
)

Compute = Callable[[Bars, Sequence[Legs], Days, AnalysisSettings], Found]

# By the first table that is written.
COMPUTE: Mapping[str, Compute] = {
    CORRELATIONS.name: lambda bars, pairs, days, _: rolling_rows(bars, pairs, days),
    CORRELATION_MATRIX.name: lambda bars, _pairs, days, _: matrix_rows(bars, days),
    CORRELATION_HEATMAP.name: lambda bars, pairs, days, _: heatmap_rows(bars, pairs, days),
    LEAD_LAG.name: lambda bars, pairs, days, asked: lead_lag_rows(
        bars, pairs, days, asked.sessions
    ),
    PREDICTIVE_VALUE.name: lambda bars, pairs, days, asked: predictive_rows(
        bars, pairs, days, asked.sessions
    ),
}


def computed(store: Store, name: str, days: Days, sessions: int) -> Found:
    """Return the rows of some sessions.

    ``name``: the first table. ``sessions``: how many of a pair are looked at, each session of
    ``days`` counted.
    """
    held, settings = held_sessions(store), store.settings.analysis
    pairs = legs_of(settings.pairs)
    if name == CORRELATION_MATRIX.name:
        pairs = list(combinations(sorted(held), 2))
    bars = stored_bars(store, sorted(set().union(*pairs)), _needed(held, pairs, days, sessions))
    return COMPUTE[name](bars, pairs, days, settings)


def _needed(
    held: Mapping[str, Sequence[date]], pairs: Sequence[Legs], days: Days, sessions: int
) -> list[date]:
    return sorted(
        {
            shared
            for legs in pairs
            for day in days
            for shared in last_shared(held, legs, day, sessions)
        }
    )
