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
    place = asked = 0
    for run in range(len(seen_ends)):
        end, latest = seen_ends[run], NOWHERE
        while asked < asked_ends[run]:
            while place < end and seen_at[place] <= asked_at[asked]:
                if not np.isnan(values[place]):
                    latest = place
                place += 1
            places[asked] = latest
            asked += 1
        place = end
