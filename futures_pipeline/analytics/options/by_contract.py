"""Rows of contracts in any order: what each contract's largest value is, and its last row."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.analytics.kernels.compiled import Floats, Integers, compiled

Keys = NDArray[np.uint64]
Places = NDArray[np.int32]
# Of the table of contracts; a power of two, doubled until at most half are taken.
FEWEST_SLOTS = 1 << 16


def numbered(names: pl.Series) -> tuple[Places, Integers]:
    """Return the number of each row's contract, and the first row of each number.

    A contract is known by the hash of its name.
    """
    keys, slots = names.hash().to_numpy(), FEWEST_SLOTS
    numbers = np.empty(len(keys), np.int32)
    while True:
        first = np.empty(slots // 2, np.int64)
        count = _number(keys, np.full(slots, -1, np.int32), first, numbers)
        if count >= 0:
            return numbers, first[:count]
        slots *= 2


def largest(numbers: Places, count: int, values: Floats) -> Floats:
    """Return each number's largest value; NaN where all its values are."""
    found = np.full(count, np.nan)
    _raise(numbers, values, found)
    return found


def last(numbers: Places, first: Integers, order: Floats) -> Integers:
    """Return each number's last row: that of the largest ``order``, compared column by column.

    ``order``: a line a row, without NaN.
    """
    found = first.copy()
    _advance(numbers, order, found)
    return found


@compiled
def _number(keys: Keys, table: Places, first: Integers, numbers: Places) -> int:
    """Write the number of each row's key; -1 when there are more keys than ``first`` holds.

    ``table``: -1 in each of its slots, a power of two and twice as many.
    """
    count, mask = 0, np.uint64(len(table) - 1)
    for row in range(len(keys)):
        at = keys[row] & mask
        while table[at] >= 0 and keys[first[table[at]]] != keys[row]:
            at = (at + np.uint64(1)) & mask
        if table[at] < 0:
            if count == len(first):
                return -1
            table[at], first[count] = count, row
            count += 1
        numbers[row] = table[at]
    return count


@compiled
def _raise(numbers: Places, values: Floats, found: Floats) -> None:
    for row in range(len(numbers)):
        if not values[row] <= found[numbers[row]] and not np.isnan(values[row]):
            found[numbers[row]] = values[row]


@compiled
def _advance(numbers: Places, order: Floats, found: Integers) -> None:
    for row in range(len(numbers)):
        before = found[numbers[row]]
        for column in range(order.shape[1]):
            if order[row, column] != order[before, column]:
                if order[row, column] > order[before, column]:
                    found[numbers[row]] = row
                break
