"""Option structures as data: legs by delta and days to expiry. Source: QUANT_SPEC 8.2."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from futures_pipeline.decisions.signals.words import Direction

RICH_IV_RANK = 50.0


class Side(StrEnum):
    """What is done with a leg."""

    BUY = "buy"
    SELL = "sell"


class Right(StrEnum):
    """What kind of option a leg is."""

    CALL = "call"
    PUT = "put"


class Leg(NamedTuple):
    """One option: its absolute delta, and the range of calendar days to expiry to look in."""

    side: Side
    right: Right
    delta: float
    days_from: int
    days_to: int


@dataclass(frozen=True, slots=True)
class Strategy:
    """A structure by its name and legs."""

    strategy_type: str
    legs: tuple[Leg, ...]

    @property
    def is_short_put(self) -> bool:
        """Whether a fall hurts it: a put is sold dearer than one is bought."""
        puts = {side: 0.0 for side in Side}
        for leg in self.legs:
            if leg.right is Right.PUT:
                puts[leg.side] += leg.delta
        return puts[Side.SELL] > puts[Side.BUY]


def _pair(
    name: str, right: Right, sold_delta: float, bought_delta: float, days: tuple[int, int]
) -> Strategy:
    legs = (Leg(Side.SELL, right, sold_delta, *days), Leg(Side.BUY, right, bought_delta, *days))
    return Strategy(name, legs)


MONTH, QUARTER = (30, 45), (45, 60)
BULL_PUT_SPREAD = _pair("bull_put_spread", Right.PUT, 0.30, 0.15, MONTH)
BEAR_CALL_SPREAD = _pair("bear_call_spread", Right.CALL, 0.30, 0.15, MONTH)
LONG_CALL_SPREAD = _pair("long_call_spread", Right.CALL, 0.30, 0.55, QUARTER)
LONG_PUT_SPREAD = _pair("long_put_spread", Right.PUT, 0.30, 0.55, QUARTER)
IRON_CONDOR = Strategy(
    "iron_condor",
    (
        *_pair("puts", Right.PUT, 0.16, 0.05, MONTH).legs,
        *_pair("calls", Right.CALL, 0.16, 0.05, MONTH).legs,
    ),
)
CALENDAR_SPREAD = Strategy(
    "calendar_spread",
    (Leg(Side.SELL, Right.CALL, 0.50, 30, 30), Leg(Side.BUY, Right.CALL, 0.50, 60, 60)),
)


def vertical_spread(direction: Direction, iv_rank: float | None) -> Strategy:
    """Return the futures rules' spread: sold where options are dear, else bought.

    Dear is an IV rank of 50 or more; an unknown rank is not dear.
    """
    is_rich = iv_rank is not None and iv_rank >= RICH_IV_RANK
    if direction is Direction.BULLISH:
        chosen = BULL_PUT_SPREAD if is_rich else LONG_CALL_SPREAD
    else:
        chosen = BEAR_CALL_SPREAD if is_rich else LONG_PUT_SPREAD
    return Strategy("vertical_spread", chosen.legs)
