"""Market time for whole columns: open time as a number, and the session of each row.

The column form of ``domain.sessions``, which stays the definition; tests compare the two.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from futures_pipeline.domain.errors import CalendarError
from futures_pipeline.domain.instruments import Kind
from futures_pipeline.domain.sessions import Session, Timetable, TradingCalendar

UTC_TIME = pl.Datetime("us", "UTC")
Microseconds = NDArray[np.int64]

SESSION_SCHEMA = {
    "session_date": pl.Date(),
    "belongs_from": UTC_TIME,
    "belongs_until": UTC_TIME,
    "anchor_at": UTC_TIME,
    "regular_open": UTC_TIME,
}


def market_hours(kind: Kind, calendar: TradingCalendar) -> Timetable:
    """Return the hours in which prices of a kind of instrument count as continuous.

    Futures: Globex. ETFs: NYSE 04:00 to 20:00 New York. Indexes: NYSE 09:30 to 16:00.
    Pairs of currencies: always, as Globex sessions without pauses between them.
    """
    if kind is Kind.CRYPTO:
        return without_pauses(calendar.globex)
    hours = {
        Kind.FUTURE: calendar.globex,
        Kind.ETF: calendar.extended,
        Kind.INDEX: calendar.regular,
    }
    return hours[kind]


@lru_cache(maxsize=8)
def without_pauses(market: Timetable) -> Timetable:
    """Return sessions that begin where the one before ended, with the dates they had.

    A moment keeps its session date: a pause belongs to the session after it.
    """
    sessions = market.sessions
    joined = [
        Session(session.session_date, before.closes_at, session.closes_at)
        for before, session in pairwise(sessions)
    ]
    return Timetable(f"{market.name} without pauses", [*sessions[:1], *joined])


def utc_microseconds(column: str) -> pl.Expr:
    """Return an aware time column, of any zone and precision, as UTC in microseconds."""
    return pl.col(column).cast(UTC_TIME)


def microseconds(moments: pl.Series) -> Microseconds:
    """Return a column of UTC_TIME without nulls as microseconds since 1970."""
    return moments.to_physical().to_numpy().astype(np.int64, copy=False)


def require_aware(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame whose time columns carry no time zone.

    Raises:
        ValueError: a column is no time, or is naive. A column of type Null passes.
    """
    for column in columns:
        dtype = frame.schema[column]
        aware = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        if not (aware or dtype == pl.Null):
            raise ValueError(f"column {column!r}: have {dtype}, need an aware Datetime (UTC)")


class OpenTime:
    """How long one market has been open, as a number that grows only while it is open."""

    def __init__(self, market: Timetable) -> None:
        edges = [edge for it in market.sessions for edge in (it.opens_at, it.closes_at)]
        self._edges = microseconds(pl.Series(edges, dtype=UTC_TIME))
        lengths = np.diff(self._edges)
        lengths[1::2] = 0  # closed
        self._open_for = np.concatenate([[0], np.cumsum(lengths)])

    def at(self, moments: Microseconds) -> Microseconds:
        """Return the microseconds of open time from the first session to each moment.

        The difference of two readings is the open time between them, as in
        ``Timetable.open_seconds``. ``moments``: microseconds since 1970, UTC, in any order;
        quickest in ascending order. Flat before the first and after the last loaded session.
        """
        # Exact: microseconds of these centuries fit a double, and every slope is 0 or 1.
        readings: Microseconds = np.interp(moments, self._edges, self._open_for).astype(np.int64)
        return readings


def session_table(calendar: TradingCalendar, session_dates: Sequence[date]) -> pl.DataFrame:
    """Return the Globex sessions of some dates, ascending; dates without one are left out.

    Columns (UTC): ``session_date``; ``belongs_from`` and ``belongs_until``, from the close
    before to its own close: observations after the first and up to the second carry this
    date (the closure before a session is part of it);
    ``anchor_at``, see ``TradingCalendar.anchor``; ``regular_open``, the NYSE open of the
    date, null when NYSE stays shut.

    Raises:
        CalendarError: a date lies outside the calendar, or no NYSE session before it is
            loaded.
    """
    rows = []
    for day in sorted(set(session_dates)):
        _require_loaded(day, calendar.globex)
        session = calendar.globex.on(day)
        if session is None:
            continue
        earlier = calendar.globex.before(day, 1)
        regular = calendar.regular.on(day)
        rows.append(
            (
                day,
                earlier[-1].closes_at if earlier else session.opens_at,
                session.closes_at,
                calendar.anchor(session.opens_at),
                regular.opens_at if regular else None,
            )
        )
    return pl.DataFrame(rows, schema=SESSION_SCHEMA, orient="row")


def with_session(rows: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose ``timestamp`` belongs to one of ``sessions``, with its columns.

    An observation at a session's close is its last, not the first of the next: the bar that
    ends there is all inside it. This differs from ``TradingCalendar.session_date``, which
    labels what begins at a moment. ``sessions`` is a ``session_table``. The result is
    ascending by ``timestamp``.
    """
    labelled = rows.sort("timestamp").join_asof(
        sessions,
        left_on="timestamp",
        right_on="belongs_from",
        strategy="backward",
        allow_exact_matches=False,
    )
    return labelled.filter(pl.col("timestamp") <= pl.col("belongs_until"))


def _require_loaded(day: date, globex: Timetable) -> None:
    first, last = globex.sessions[0].session_date, globex.sessions[-1].session_date
    if not first <= day <= last:
        raise CalendarError(
            f"session {day}: the loaded {globex.name} calendar has {first}..{last}; "
            "load a wider calendar"
        )
