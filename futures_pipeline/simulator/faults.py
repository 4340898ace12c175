"""What can be made to go wrong in the data: planted values and silenced symbols.

Adding a fault to the data is adding a line to ``PLANTS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from futures_pipeline.simulator.messages import Fields, text

PRICE_TICK, SIZE_TICK, BAR = "1", "2", "50"
BID, LAST, VOLUME = "1", "4", "8"
CROSSED_BY = 1.01


@dataclass
class Plant:
    """A wrong value for the next ``left`` updates of a symbol's ticks or bars."""

    kind: str
    stream: str
    left: int
    value: float


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


PLANTS: Mapping[str, Callable[[Fields, float], Fields]] = {
    "crossed": _crossed,
    "nan": _nan,
    "negative_volume": _negative_volume,
    "price": _price,
}


@dataclass
class Faults:
    """The faults in force, by symbol."""

    silenced: set[str] = field(default_factory=set)
    plants: dict[str, Plant] = field(default_factory=dict)

    def take(self, symbol: str, stream: str) -> Plant | None:
        """Return the plant for this update and use up one of its count."""
        plant = self.plants.get(symbol)
        if plant is None or plant.stream != stream:
            return None
        plant.left -= 1
        if plant.left == 0:
            del self.plants[symbol]
        return plant


def planted(plant: Plant, message: Fields) -> Fields:
    """Return a message as the plant wants it."""
    return PLANTS[plant.kind](message, plant.value)
