"""Wrong, repeated and missing updates of the ticks and bars of a symbol.

A plant changes the messages of the next updates. Adding one is adding a line to ``EDITS``, or
a kind of its own where the number of messages changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from futures_pipeline.simulator.faults.counting import ANY, Charge, concerns
from futures_pipeline.simulator.protocol.messages import Fields, text

PRICE_TICK, SIZE_TICK, BAR = "1", "2", "50"
BID, LAST, VOLUME = "1", "4", "8"
CROSSED_BY = 1.01
DUPLICATE, MISSING, OUT_OF_ORDER = "duplicate", "missing", "out_of_order"


@dataclass
class Plant:
    """What happens to the next updates of some symbols' ticks or bars."""

    kind: str
    stream: str
    charge: Charge
    symbols: str = ANY
    value: float = 1.0

    def takes(self, symbol: str, stream: str) -> bool:
        """Return whether this update is concerned, and use up one of the count if so."""
        return stream == self.stream and concerns(self.symbols, symbol) and self.charge.take()


def _with(message: Fields, position: int, value: str) -> Fields:
    return (*message[:position], value, *message[position + 1 :])


def _is_tick(message: Fields, message_id: str, *kinds: str) -> bool:
    return message[0] == message_id and message[3] in kinds


def _crossed(message: Fields, _value: float) -> Fields:
    """Bid above the ask; in a bar, the high below the low."""
    if message[0] == BAR:
        return _with(message, 5, text(float(message[6]) / CROSSED_BY))
    if _is_tick(message, PRICE_TICK, BID):
        return _with(message, 4, text(float(message[4]) * CROSSED_BY))
    return message


def _nan(message: Fields, _value: float) -> Fields:
    if message[0] == BAR:
        return _with(message, 7, "nan")
    return _with(message, 4, "nan") if _is_tick(message, PRICE_TICK, BID, LAST) else message


def _negative_volume(message: Fields, _value: float) -> Fields:
    if message[0] == BAR:
        return _with(message, 8, "-5")
    return _with(message, 4, "-5") if _is_tick(message, SIZE_TICK, VOLUME) else message


def _price(message: Fields, value: float) -> Fields:
    """Another last price; in a bar, another close."""
    if message[0] == BAR:
        return _with(message, 7, text(value))
    return _with(message, 4, text(value)) if _is_tick(message, PRICE_TICK, LAST) else message


EDITS: Mapping[str, Callable[[Fields, float], Fields]] = {
    "crossed": _crossed,
    "nan": _nan,
    "negative_volume": _negative_volume,
    "price": _price,
}


def planted(plant: Plant, message: Fields) -> list[Fields]:
    """Return what is sent in place of a message."""
    if plant.kind == DUPLICATE:
        return [message, message]
    if plant.kind == MISSING:
        return []
    edit = EDITS.get(plant.kind)
    return [edit(message, plant.value) if edit else message]
