"""What the feed tells: values that know their JSON, and how two of a kind become one."""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, Self

MILLISECONDS = 1000
# Start (epoch milliseconds), open, high, low, close, volume.
BarRow = tuple[int, float, float, float, float, float | None]


class Update(Protocol):
    """Something to tell. Of two with one ``key``, the earlier can be merged into the later."""

    @property
    def key(self) -> Hashable: ...

    def after(self, earlier: Self) -> Self:
        """Return what tells of both."""
        ...

    def as_json(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What an update is about; ``at`` is market time, ``machine_ms`` when we had it."""

    symbol: str
    contract: str
    at: datetime
    machine_ms: int

    @classmethod
    def heard(cls, symbol: str, contract: str, at: datetime) -> Self:
        """Return the origin of what the machine has just been told."""
        return cls(symbol, contract, at, machine_ms())

    def as_json(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "contract": self.contract,
            "time": milliseconds(self.at),
            "machine": self.machine_ms,
        }


@dataclass(frozen=True, slots=True)
class TradeUpdate:
    """Trades of one contract; ``volume`` of all ``count``, None where it is not known."""

    origin: Origin
    price: float
    high: float
    low: float
    volume: float | None
    count: int = 1

    @property
    def key(self) -> Hashable:
        return "trade", self.origin.contract

    def after(self, earlier: Self) -> Self:
        known = self.volume is not None and earlier.volume is not None
        return replace(
            self,
            high=max(self.high, earlier.high),
            low=min(self.low, earlier.low),
            volume=(self.volume or 0.0) + (earlier.volume or 0.0) if known else None,
            count=self.count + earlier.count,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "type": "trade",
            **self.origin.as_json(),
            "price": self.price,
            "high": self.high,
            "low": self.low,
            "volume": self.volume,
            "trades": self.count,
        }


@dataclass(frozen=True, slots=True)
class QuoteUpdate:
    """Bid, ask and their sizes, None where a side is empty."""

    origin: Origin
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    count: int = 1

    @property
    def key(self) -> Hashable:
        return "quote", self.origin.contract

    def after(self, earlier: Self) -> Self:
        return replace(self, count=self.count + earlier.count)

    def as_json(self) -> dict[str, Any]:
        return {
            "type": "quote",
            **self.origin.as_json(),
            "bid": self.bid,
            "ask": self.ask,
            "bid_size": self.bid_size,
            "ask_size": self.ask_size,
            "quotes": self.count,
        }


@dataclass(frozen=True, slots=True)
class BarUpdate:
    """A minute that has finished."""

    symbol: str
    contract: str
    bar: BarRow

    @property
    def key(self) -> Hashable:
        return "bar", self.contract, self.bar[0]

    def after(self, earlier: Self) -> Self:
        del earlier
        return self

    def as_json(self) -> dict[str, Any]:
        identity = {"symbol": self.symbol, "contract": self.contract}
        return {"type": "bar", **identity, "bar": self.bar}


@dataclass(frozen=True, slots=True)
class HistoryUpdate:
    """All bars of a symbol's contract, ascending."""

    symbol: str
    contract: str | None
    bars: Sequence[BarRow]

    @property
    def key(self) -> Hashable:
        return "history", self.symbol

    def after(self, earlier: Self) -> Self:
        del earlier
        return self

    def as_json(self) -> dict[str, Any]:
        identity = {"symbol": self.symbol, "contract": self.contract}
        return {"type": "history", **identity, "bars": self.bars}


@dataclass(frozen=True, slots=True)
class Whole:
    """A message that is told as it is; a later one of its type replaces it."""

    content: Mapping[str, Any]

    @property
    def key(self) -> Hashable:
        return str(self.content["type"])

    def after(self, earlier: Self) -> Self:
        del earlier
        return self

    def as_json(self) -> Mapping[str, Any]:
        return self.content


def milliseconds(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970, UTC."""
    return round(moment.timestamp() * MILLISECONDS)


def machine_ms() -> int:
    """Return the machine's time as whole milliseconds since 1970, UTC."""
    return round(time.time() * MILLISECONDS)
