"""Which minutes of which contract have a bar, and which must be asked from history.

A page is one contract's session: a byte for each minute since the open, which says that the
bar is there, that none is wanted (the market is shut), or how often history has answered
without it. A minute that history lacks as often as ``MOST_ASKED`` had no trade.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from futures_pipeline.domain.sessions import Session, Timetable

MINUTE = timedelta(minutes=1)
RECEIVED, NOT_WANTED = 255, 254
MOST_ASKED = 3
# A minute that history did not have is asked again each so many cycles: at once, then rarer.
CYCLES_BETWEEN = (1, 2, 6)
LONGEST_REQUEST = timedelta(days=1)

Span = tuple[datetime, datetime]


@dataclass(slots=True)
class Page:
    """One contract's minutes of one session; ``states`` as in the module's description."""

    symbol: str
    contract: str
    session: Session
    states: bytearray

    @classmethod
    def blank(cls, symbol: str, contract: str, session: Session, hours: Timetable) -> "Page":
        """Return a page on which nothing has come; only minutes within ``hours`` are wanted."""
        starts = (session.opens_at + MINUTE * index for index in range(session.minutes))
        states = bytearray(0 if hours.is_open(start) else NOT_WANTED for start in starts)
        return cls(symbol, contract, session, states)

    def receive(self, starts: Iterable[datetime]) -> None:
        """Note bars by the start of their minute; those outside the session are passed over."""
        for start in starts:
            index = self._index(start)
            if 0 <= index < len(self.states):
                self.states[index] = RECEIVED

    def answered(self, window: Span) -> list[Span]:
        """Note that history has answered for a window; return spans given up with this."""
        given_up = []
        for index in self._indexes(window):
            state = self.states[index]
            if state < MOST_ASKED:
                self.states[index] = state + 1
                if state + 1 == MOST_ASKED:
                    given_up.append(self._start(index))
        return spans(given_up)

    def missing(self, until: datetime, cycle: int) -> list[Span]:
        """Return the spans to ask for now: wanted minutes before ``until`` without a bar."""
        due = {state for state, every in enumerate(CYCLES_BETWEEN) if cycle % every == 0}
        if not any(state in self.states for state in due):
            return []
        window = self._indexes((self.session.opens_at, until))
        return spans([self._start(index) for index in window if self.states[index] in due])

    def lacks(self, until: datetime) -> int:
        """Return how many wanted minutes before ``until`` have no bar and are not given up."""
        window = self._indexes((self.session.opens_at, until))
        return sum(self.states[index] < MOST_ASKED for index in window)

    def _indexes(self, window: Span) -> range:
        first, last = (self._index(at) for at in window)
        return range(max(first, 0), max(0, min(last, len(self.states))))

    def _index(self, at: datetime) -> int:
        return (at - self.session.opens_at) // MINUTE

    def _start(self, index: int) -> datetime:
        return self.session.opens_at + MINUTE * index


def spans(starts: Sequence[datetime]) -> list[Span]:
    """Return runs of minutes (ascending starts) as spans [from, to)."""
    runs: list[Span] = []
    for start in starts:
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + MINUTE)
        else:
            runs.append((start, start + MINUTE))
    return runs


def requests_for(missing: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return the windows to ask for: near spans together, none that is being asked already.

    ``missing`` ascends; ``taken`` are windows of requests that have not ended well or ill, in
    any order. What is asked for overlaps none of them; what they leave of a span is asked for.
    """
    windows: list[Span] = []
    for start, end in _without(missing, taken):
        joined = (windows[-1][0], end) if windows else (start, end)
        if windows and end - joined[0] <= LONGEST_REQUEST and not _touches(joined, taken):
            windows[-1] = joined
        else:
            windows.append((start, end))
    return windows


def _without(missing: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return the parts of ``missing`` that lie in no window of ``taken``."""
    free = list(missing)
    for start, end in taken:
        parts = [it for a, b in free for it in ((a, min(b, start)), (max(a, end), b))]
        free = [part for part in parts if part[0] < part[1]]
    return free


def _touches(window: Span, taken: Sequence[Span]) -> bool:
    return any(start < window[1] and window[0] < end for start, end in taken)


class Ledger:
    """The pages of the sessions that are watched, and which of them changed."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, date], Page] = {}
        self._changed: set[tuple[str, date]] = set()

    def page(self, contract: str, session_date: date) -> Page | None:
        """Return a contract's page of a session, None when it has not been put here."""
        return self._pages.get((contract, session_date))

    def put(self, page: Page) -> None:
        """Take a page."""
        self._pages[page.contract, page.session.session_date] = page

    def changed(self, page: Page) -> None:
        """Note that a page has to be written."""
        self._changed.add((page.contract, page.session.session_date))

    def take_changed(self) -> list[Page]:
        """Return the pages changed since the last call."""
        changed, self._changed = self._changed, set()
        return [self._pages[key] for key in sorted(changed)]

    def forget_before(self, session_date: date) -> None:
        """Let go of older sessions; they stay in the database."""
        self._pages = {key: page for key, page in self._pages.items() if key[1] >= session_date}
        self._changed = {key for key in self._changed if key[1] >= session_date}
