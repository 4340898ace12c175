"""When option rounds are due: every interval of NYSE's regular hours, from the open on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from futures_pipeline.domain.sessions import Timetable


def due_round(now: datetime, regular: Timetable, interval: timedelta) -> datetime | None:
    """Return the round that ``now`` lies in, named by the moment it was due.

    None while the market is closed. ``interval`` is above zero.
    """
    session = regular.at(now)
    if now < session.opens_at:
        return None
    return session.opens_at + (now - session.opens_at) // interval * interval


def next_round(now: datetime, regular: Timetable, interval: timedelta) -> datetime:
    """Return the moment after ``now`` at which a round becomes due."""
    current = due_round(now, regular, interval)
    session = regular.at(now)
    if current is None:
        return session.opens_at
    if current + interval < session.closes_at:
        return current + interval
    return regular.at(session.closes_at).opens_at


def round_ends(
    round_at: datetime, interval: timedelta, regular: Timetable, at_least: datetime
) -> datetime:
    """Return when a round has to end: before the next, but not before ``at_least``.

    Never after the market's close.
    """
    close = regular.at(round_at).closes_at
    return min(close, max(round_at + interval, at_least))


def turn_of(symbols: Sequence[str], round_at: datetime, interval: timedelta) -> list[str]:
    """Return the symbols in a round's order: each comes first in its turn.

    So where rounds are cut, the last ones are not always the same.
    """
    if not symbols:
        return []
    first = int(round_at.timestamp() // interval.total_seconds()) % len(symbols)
    return [*symbols[first:], *symbols[:first]]
