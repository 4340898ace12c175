"""A pair's trades in the order of their ids, each once, whatever the streams do. Pure."""

from collections.abc import Iterable

from futures_pipeline.collection.binance.messages import Trade

# More than this is not asked for trade by trade, four weight a thousand: bars tell of it.
MOST_REPAIRED = 100_000
# So many are held back at most while something before them is asked for.
MOST_HELD = 100_000


class Sequence:
    """Holds trades back until those before them have come; the first one seen begins."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._held: dict[int, Trade] = {}
        self.delivered = 0
        self.repeated = 0
        self.skipped = 0

    def take(self, trades: Iterable[Trade]) -> list[Trade]:
        """Return what is next in order, after these have come."""
        for trade in trades:
            if self._next is None:
                self._next = trade.id
            if trade.id < self._next or trade.id in self._held:
                self.repeated += 1
            else:
                self._held[trade.id] = trade
        return self._released()

    @property
    def missing(self) -> range:
        """The ids that have to come before those held; empty when nothing is held."""
        if self._next is None or not self._held:
            return range(0)
        return range(self._next, min(self._held))

    @property
    def is_hopeless(self) -> bool:
        """Whether what is missing is too much to ask for, or was asked for too long."""
        return len(self.missing) > MOST_REPAIRED or len(self._held) > MOST_HELD

    def skip(self) -> list[Trade]:
        """Give up what is missing and return what follows."""
        self.skipped += len(self.missing)
        if self._held:
            self._next = min(self._held)
        return self._released()

    def _released(self) -> list[Trade]:
        released = []
        while self._next is not None and self._next in self._held:
            released.append(self._held.pop(self._next))
            self._next += 1
        self.delivered += len(released)
        return released
