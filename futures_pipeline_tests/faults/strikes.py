"""A random sequence of faults, the same for the same seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# How often a fault is drawn, relative to the others, and the longest it lasts in market
# seconds (0: it is over at once). Left out: ``revised_history``, after which the market has
# another truth than the seed's.
WEIGHTS: Mapping[str, tuple[float, float]] = {
    "fin": (6, 0),
    "rst": (6, 0),
    "stall": (3, 900),
    "half_open": (3, 900),
    "restart": (3, 600),
    "nightly_reset": (1, 900),
    "no_handshake": (2, 600),
    "silent_start": (2, 600),
    "326": (2, 600),
    "100": (2, 0),
    "lost_framing": (2, 0),
    "absurd_length": (2, 0),
    "short_message": (4, 0),
    "unknown_message": (4, 0),
    "1100": (2, 900),
    "1100_1102": (2, 900),
    "1100_1101": (2, 900),
    "2110": (2, 900),
    "2103_2104": (3, 900),
    "2103_2104_alive": (3, 900),
    "2105_2106": (3, 900),
    "10197": (2, 900),
    "mute": (2, 900),
    "no_positions": (2, 900),
    "200": (1, 300),
    "354": (1, 300),
    "10089": (1, 300),
    "10168": (1, 300),
    "101": (1, 300),
    "10190": (1, 900),
    "420": (1, 300),
    "321": (1, 300),
    "162_pacing": (3, 900),
    "162_cancelled": (3, 900),
    "162_no_permission": (1, 300),
    "10090": (1, 300),
    "10167": (1, 300),
    "duplicate_ticks": (4, 300),
    "out_of_order_ticks": (4, 300),
    "missing_ticks": (4, 300),
    "duplicate_bars": (4, 300),
    "missing_bar": (6, 300),
    "planted_crossed": (4, 300),
    "planted_nan": (4, 300),
    "planted_negative_volume": (4, 300),
    "planted_price": (4, 300),
    "unknown_tick": (3, 0),
    "silence": (4, 900),
    "162_no_data": (3, 900),
    "empty_history": (3, 900),
    "missing_history_bar": (3, 900),
    "slow_history": (3, 900),
    "clock_skew": (2, 600),
}
COUNTED = frozenset(
    {"duplicate_ticks", "out_of_order_ticks", "missing_ticks", "duplicate_bars", "missing_bar"}
    | {"162_pacing", "162_cancelled", "162_no_data", "empty_history", "missing_history_bar"}
)
STREAMS = ("ticks", "bars")
MOST_STRUCK = 20
SHORTEST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault to start at a market time, and with what."""

    at: datetime
    name: str
    parameters: Mapping[str, Any]


def strikes(
    seed: int, count: int, span: tuple[datetime, datetime], symbols: Sequence[str]
) -> list[Strike]:
    """Return ``count`` faults at random moments of a span, ascending."""
    chance = random.Random(seed)
    start, length = span[0], span[1] - span[0]
    moments = sorted(chance.random() for _ in range(count))
    names = chance.choices(list(WEIGHTS), [weight for weight, _ in WEIGHTS.values()], k=count)
    return [
        Strike(start + length * moment, name, _parameters(chance, name, symbols))
        for moment, name in zip(moments, names, strict=True)
    ]


def _parameters(chance: random.Random, name: str, symbols: Sequence[str]) -> dict[str, Any]:
    longest = timedelta(seconds=WEIGHTS[name][1])
    given: dict[str, Any] = {}
    if longest:
        seconds = chance.uniform(SHORTEST_SECONDS, longest.total_seconds())
        given["seconds"] = round(seconds, 1)
    if name in COUNTED or name.startswith("planted_"):
        given["count"] = chance.randint(1, MOST_STRUCK)
    if name.startswith("planted_"):
        given["stream"] = chance.choice(STREAMS)
    if name == "silence":
        given["symbol"] = chance.choice(symbols)
    if name == "clock_skew":
        given["by"] = chance.choice((-90.0, 90.0))
    return given
