"""What is known live of every symbol, and who is told of it. Never waits for anyone."""

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from futures_pipeline.collection.feed.doors import MOST_MINUTES, Asked
from futures_pipeline.collection.feed.updates import (
    BarRow,
    BarUpdate,
    HistoryUpdate,
    QuoteUpdate,
    TradeUpdate,
    Update,
)
from futures_pipeline.domain.instruments import Instrument, Kind


@dataclass(eq=False, slots=True)
class Listener:
    """What waits for one listener: of each kind and contract the newest, merged.

    So what waits is bounded however long nobody takes it.
    """

    asked: Asked
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    _updates: dict[Hashable, Update] = field(default_factory=dict)

    def put(self, update: Update) -> None:
        """Let an update wait, merged with the one of its key that does already."""
        earlier = self._updates.get(update.key)
        self._updates[update.key] = update if earlier is None else update.after(earlier)
        self.waiting.set()

    def take(self) -> list[Update]:
        """Return what waits, in the order of arrival of each key's first."""
        updates, self._updates = self._updates, {}
        self.waiting.clear()
        return list(updates.values())


class Tape:
    """The last minutes of every contract, who leads for a symbol, and the listeners."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.listeners: set[Listener] = set()
        # Only a future has to be told which contract stands for it.
        self._fronts = {it.symbol: it.symbol for it in instruments if it.kind is not Kind.FUTURE}
        self._bars: dict[str, dict[int, BarRow]] = {}

    def listen(self, asked: Asked) -> Listener:
        """Return a new listener, for whom the history of its symbols waits."""
        listener = Listener(asked)
        for symbol in asked.symbols:
            listener.put(self._history(symbol, asked.minutes))
        self.listeners.add(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        """Tell a listener nothing more."""
        self.listeners.discard(listener)

    def lead(self, fronts: Mapping[str, str]) -> None:
        """Take the contracts that stand for their symbols."""
        changed = [symbol for symbol, name in fronts.items() if self._fronts.get(symbol) != name]
        self._fronts.update(fronts)
        for symbol in changed:
            self._tell_history(symbol)

    def tell(self, update: TradeUpdate | QuoteUpdate) -> None:
        """Tell the listeners of a symbol's front month."""
        symbol, contract = update.origin.symbol, update.origin.contract
        if self._fronts.get(symbol) == contract:
            self._put(symbol, update)

    def tell_all(self, update: Update) -> None:
        """Tell every listener."""
        for listener in self.listeners:
            listener.put(update)

    def keep_bars(self, rows: pl.DataFrame) -> None:
        """Take finished minutes: rows of ``bars_1m``, of any contracts, in any order."""
        start = pl.col("ts_start").dt.epoch("ms")
        columns = ("open", "high", "low", "close", "volume")
        for (symbol, contract), own in rows.group_by("symbol", "contract"):
            newest = own.sort("ts_start").tail(MOST_MINUTES)
            bars = newest.select(start, *columns).rows()
            if symbol in self.instruments:
                self._keep(str(symbol), str(contract), bars)

    def _keep(self, symbol: str, contract: str, bars: Sequence[BarRow]) -> None:
        kept = self._bars.setdefault(contract, {})
        last = max(kept, default=0)
        kept.update((bar[0], bar) for bar in bars)
        if len(kept) > MOST_MINUTES:
            self._bars[contract] = {start: kept[start] for start in sorted(kept)[-MOST_MINUTES:]}
        if self._fronts.get(symbol) != contract:
            return
        if len(bars) == 1 and bars[0][0] > last:
            self._put(symbol, BarUpdate(symbol, contract, bars[0]))
        else:
            self._tell_history(symbol)

    def _put(self, symbol: str, update: Update) -> None:
        for listener in self._listening_to(symbol):
            listener.put(update)

    def _tell_history(self, symbol: str) -> None:
        for listener in self._listening_to(symbol):
            listener.put(self._history(symbol, listener.asked.minutes))

    def _history(self, symbol: str, minutes: int) -> HistoryUpdate:
        contract = self._fronts.get(symbol)
        kept = self._bars.get(contract or "", {})
        newest = sorted(kept)[-minutes:] if minutes else []
        return HistoryUpdate(symbol, contract, [kept[start] for start in newest])

    def _listening_to(self, symbol: str) -> Iterable[Listener]:
        return [it for it in self.listeners if symbol in it.asked.symbols]
