"""The sum of products of overlapping price changes, for two series that tick at their own times."""

import numpy as np

from futures_pipeline.analytics.kernels.compiled import Floats, Integers, compiled


def overlap_sums(x_at: Integers, x: Floats, y_at: Integers, y: Floats, shifts: Integers) -> Floats:
    """Return the Hayashi-Yoshida sum for ``y`` moved earlier by each of ``shifts``.

    Times are integers of one unit, strictly ascending. A change of ``x`` meets those changes
    of ``y`` whose half-open interval overlaps its own; they telescope to one difference, so
    the work is linear in the ticks.
    """
    out = np.zeros(len(shifts))
    if len(x) > 1 and len(y) > 1:
        _sweep(x_at, x, y_at, y, shifts, out)
    return out


@compiled
def _advance(times: Integers, place: int, until: int) -> int:
    """Return the first place from ``place`` on whose time is not before ``until``."""
    last = len(times) - 1
    while place + 3 <= last and times[place + 3] < until:
        place += 4
    if place + 3 <= last:
        # At most three more: counted, as the processor cannot foresee where it will stop.
        return (
            place
            + int(times[place] < until)
            + int(times[place + 1] < until)
            + int(times[place + 2] < until)
        )
    while place <= last and times[place] < until:
        place += 1
    return place


@compiled
def _sweep(
    x_at: Integers, x: Floats, y_at: Integers, y: Floats, shifts: Integers, out: Floats
) -> None:
    last = len(y_at) - 1
    for number in range(len(shifts)):
        total = 0.0
        # The first y at or after a moment, and the one that its first change begins at.
        place = since = 0
        for i in range(len(x_at)):
            moment = x_at[i] + shifts[number]
            place = _advance(y_at, place, moment)
            met = min(place, last)
            if i > 0:
                total += (x[i] - x[i - 1]) * (y[max(met, since)] - y[since])
            is_tie = int(y_at[met] == moment)
            since = max(min(place + is_tie, last + 1), 1) - 1
        out[number] = total
