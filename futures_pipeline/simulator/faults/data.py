"""Faults of the data: wrong, repeated, missing, late, revised, or from another clock."""

from collections.abc import Mapping
from functools import partial

from futures_pipeline.simulator.faults.counting import Charge
from futures_pipeline.simulator.faults.plants import (
    DUPLICATE,
    EDITS,
    MISSING,
    OUT_OF_ORDER,
    Plant,
)
from futures_pipeline.simulator.faults.state import HistoryChange
from futures_pipeline.simulator.faults.table import Fault, Lasting, lasting
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.gateway.streams import BARS, TICKS
from futures_pipeline.simulator.protocol import messages


async def plant(
    gateway: Gateway, kind: str, stream: str, symbol: str, count: int, value: float = 1.0
) -> Lasting:
    if stream not in (TICKS, BARS):
        raise ValueError(f"stream is {stream!r}, it must be {TICKS} or {BARS}")
    faults = gateway.broker.faults
    planted = Plant(kind, stream, Charge.of(count), symbol, value)
    faults.plants.append(planted)
    yield planted.charge
    faults.plants = [other for other in faults.plants if other is not planted]


async def change_history(
    gateway: Gateway, kind: str, symbol: str, count: int, points: float = 0.0
) -> Lasting:
    faults = gateway.broker.faults
    change = HistoryChange(kind, symbol, Charge.of(count), points)
    faults.history.append(change)
    yield change.charge
    faults.history = [other for other in faults.history if other is not change]


async def silence(gateway: Gateway, symbol: str) -> Lasting:
    silenced, symbols = gateway.broker.faults.silenced, set(symbol.split(","))
    silenced |= symbols
    yield None
    silenced -= symbols


async def slow_history(gateway: Gateway, delay: float) -> Lasting:
    gateway.broker.faults.history_delay_seconds = delay
    yield None
    gateway.broker.faults.history_delay_seconds = 0.0


async def clock_skew(gateway: Gateway, by: float) -> Lasting:
    """Let the broker live ``by`` seconds ahead of the market clock (negative: behind)."""
    gateway.broker.faults.skew_seconds = by
    yield None
    gateway.broker.faults.skew_seconds = 0.0


async def unknown_tick(gateway: Gateway, tick_type: int) -> None:
    """Send ticks of a type nobody knows on every quote line."""
    for session in gateway.sessions.values():
        for number, stream in session.streams.items():
            if stream.kind == TICKS:
                session.send(messages.tick_price(number, tick_type, 1.0, 1, 0))
                session.send(messages.tick_size(number, tick_type, 1))
                session.send(messages.tick_generic(number, tick_type, 1.0))
                session.send(messages.tick_string(number, tick_type, "1"))


def _planted(description: str, kind: str, stream: str) -> Fault:
    return lasting(description, partial(plant, kind=kind, stream=stream), symbol="", count=1)


def _history(description: str, kind: str) -> Fault:
    return lasting(description, partial(change_history, kind=kind), symbol="", count=1)


DATA_FAULTS: Mapping[str, Fault] = {
    "duplicate_ticks": _planted("an update's ticks come twice", DUPLICATE, TICKS),
    "out_of_order_ticks": _planted("an older update comes after a newer", OUT_OF_ORDER, TICKS),
    "missing_ticks": _planted("an update's ticks are lost", MISSING, TICKS),
    "duplicate_bars": _planted("a five-second bar comes twice", DUPLICATE, BARS),
    "missing_bar": _planted("a five-second bar is missing", MISSING, BARS),
    **{
        f"planted_{kind}": lasting(
            f"ticks or five-second bars: {kind.replace('_', ' ')}",
            partial(plant, kind=kind),
            **{"stream": TICKS, "symbol": "", "count": 1, "value": 1.0},
        )
        for kind in EDITS
    },
    "unknown_tick": Fault("ticks of a type nobody knows", unknown_tick, {"tick_type": 9999}),
    "silence": lasting("a symbol's streams say nothing", silence, symbol="ES"),
    "162_no_data": _history("history: query returned no data", "no_data"),
    "empty_history": _history("history: an answer without bars and without error", "empty"),
    "missing_history_bar": _history("history: the middle bar is missing", "missing"),
    "revised_history": lasting(
        "history: one bar has other values from now on",
        partial(change_history, kind="revised", count=0),
        symbol="",
        points=1.0,
    ),
    "slow_history": lasting("history is answered late", slow_history, delay=30.0),
    "clock_skew": lasting("the broker's time is off", clock_skew, by=90.0),
}
