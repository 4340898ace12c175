"""One contract's values by time, to be asked for as of a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.domain.sessions import Timetable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Seen(NamedTuple):
    """A value and when it was observed, UTC."""

    value: float
    at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values by time, ascending; ``times`` in microseconds since 1970, UTC."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def as_of(self, moment: datetime) -> Seen | None:
        """Return the newest value at or before a moment."""
        place = int(np.searchsorted(self.times, microseconds(moment), side="right")) - 1
        if place < 0:
            return None
        return Seen(float(self.values[place]), EPOCH + int(self.times[place]) * MICROSECOND)

    def fresh(self, moment: datetime, market: Timetable, most_seconds: float) -> Seen | None:
        """Return the newest value at or before a moment, if it is not too old.

        Only time that the market was open makes it older.
        """
        seen = self.as_of(moment)
        if seen is None or market.open_seconds(seen.at, moment) > most_seconds:
            return None
        return seen

    def within(self, start: datetime, end: datetime) -> NDArray[np.float64]:
        """Return the values of ``(start, end]``, ascending by time."""
        bounds = [microseconds(start), microseconds(end)]
        first, last = np.searchsorted(self.times, bounds, side="right")
        return self.values[first:last]


NOTHING = Series(np.empty(0, np.int64), np.empty(0, np.float64))


def microseconds(moment: datetime) -> int:
    """Return a moment in microseconds since 1970, UTC."""
    return (moment - EPOCH) // MICROSECOND


def series_by_contract(rows: pl.DataFrame, at: str, value: str) -> Mapping[str, Series]:
    """Return a series for each contract; rows whose value is null are left out.

    Args:
        rows: ``contract``, and the columns named; unique by contract and time, in any order.
        at: a time column, Datetime("us", "UTC").
        value: a column of numbers.
    """
    known = rows.select("contract", at, value).drop_nulls(value).sort("contract", at)
    return {
        str(contract): Series(part[at].to_physical().to_numpy(), part[value].to_numpy())
        for (contract,), part in known.partition_by("contract", as_dict=True).items()
    }
