"""The latest observation at or before many moments, in one pass over both."""

import numpy as np
from numpy.typing import NDArray

from futures_pipeline.analytics.kernels.compiled import Floats, Integers, compiled

Places = NDArray[np.int32]
NOWHERE = -1


def latest_known(
    seen_at: Integers, values: Floats, seen_ends: Integers, asked_at: Integers, asked_ends: Integers
) -> Places:
    """Return where the latest known value at or before each asked moment stands.

    Both sides are cut into as many runs, one contract a run; ``..._ends`` are the places after
    the last of each. Within a run times are integers of one unit, ascending. A value of NaN
    is unknown and passed over. ``NOWHERE`` where a run has none so early.
    """
    places = np.empty(len(asked_at), dtype=np.int32)
    _walk(seen_at, values, seen_ends, asked_at, asked_ends, places)
    return places


@compiled
def _walk(
    seen_at: Integers,
    values: Floats,
    seen_ends: Integers,
    asked_at: Integers,
    asked_ends: Integers,
    places: Places,
) -> None:
    begin = first = 0
    for run in range(len(seen_ends)):
        seen, known = seen_at[begin : seen_ends[run]], values[begin : seen_ends[run]]
        moments, found = asked_at[first : asked_ends[run]], places[first : asked_ends[run]]
        latest, place, end = NOWHERE, np.uint64(0), np.uint64(len(seen))
        for asked in range(len(moments)):
            while place < end and seen[place] <= moments[asked]:
                if not np.isnan(known[place]):
                    latest = begin + int(place)
                place += np.uint64(1)  # one without a sign is no place from the end
            found[asked] = latest
        begin, first = seen_ends[run], asked_ends[run]
