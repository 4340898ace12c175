"""The collector's account of what kept data away: spans with a cause, for ``gateway_events``.

A span that lasts is written again and again with a later end, so that a killed collector
leaves at most one interval untold.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from futures_pipeline.collection.normalize import to_batches
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.instruments import ALL_SYMBOLS
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import GATEWAY_EVENTS

# A span that lasts is written again so often, with a later end.
TELL_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about; ``*`` is everything."""

    symbol: str = ALL_SYMBOLS
    contract: str = ALL_SYMBOLS


EVERYTHING = Subject()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened from ``starts_at`` to ``ends_at`` (UTC; None: it lasts)."""

    event: str
    subject: Subject
    starts_at: datetime
    ends_at: datetime | None = None
    code: int | None = None
    text: str | None = None


class Outages:
    """The spans that last, and those that ended since rows were last taken."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self._open: dict[tuple[Cause, Subject], Event] = {}
        self._ended: list[Event] = []
        self._told_at: datetime | None = None

    def begin(self, cause: Cause, subject: Subject, since: datetime, **words: Any) -> bool:
        """Open a span; return False when it was open. ``words``: ``code`` and ``text``."""
        key = (cause, subject)
        if key in self._open:
            return False
        self._open[key] = Event(cause.value, subject, since, **words)
        return True

    def end(self, cause: Cause, subject: Subject, at: datetime) -> Event | None:
        """Close a span and return it; None when it was not open."""
        event = self._open.pop((cause, subject), None)
        if event is None:
            return None
        closed = replace(event, ends_at=max(at, event.starts_at))
        self._ended.append(closed)
        return closed

    def end_all(self, at: datetime) -> list[Event]:
        """Close every span and return them."""
        closed = [self.end(cause, subject, at) for cause, subject in list(self._open)]
        return [event for event in closed if event is not None]

    def note(self, event: Event) -> None:
        """Add something that is over, or that happened at one moment."""
        self._ended.append(event)

    @property
    def lasting(self) -> list[Event]:
        """The spans that are open, oldest first."""
        return sorted(self._open.values(), key=lambda event: event.starts_at)

    def take_batches(self, now: datetime) -> list[NewBatch]:
        """Return the rows since the last call; now and then those of spans that last."""
        told, self._ended = self._ended, []
        if self._told_at is None or now - self._told_at >= TELL_EVERY:
            told += [replace(it, ends_at=max(now, it.starts_at)) for it in self.lasting]
            self._told_at = now
        rows = [row for event in told for row in event_rows(event, self._calendar, now)]
        return to_batches(GATEWAY_EVENTS.name, rows, self._calendar, GATEWAY_EVENTS.moment)


def event_rows(
    event: Event, calendar: TradingCalendar, received_at: datetime
) -> Iterable[dict[str, Any]]:
    """Return an event as rows, one for each session that it touches."""
    start, end = event.starts_at, event.ends_at or event.starts_at
    while True:
        closes_at = calendar.globex.at(start).closes_at
        yield {
            "symbol": event.subject.symbol,
            "contract": event.subject.contract,
            "event": event.event,
            "starts_at": start,
            "ends_at": min(end, closes_at),
            "code": event.code,
            "text": event.text,
            "received_at": received_at,
        }
        if end <= closes_at:
            return
        start = closes_at
