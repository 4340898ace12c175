"""The four entries that follow the futures signal; all bounds are strict. QUANT_SPEC 8.3."""

from collections.abc import Callable

from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.rules.conditions import (
    Condition,
    Quantity,
    above,
    is_true,
    one_of,
)
from futures_pipeline.decisions.rules.quantities import (
    FRESH_FUTURES,
    FUTURES_CONFIDENCE,
    FUTURES_SIGNAL,
    MOMENTUM_SIZE,
    OUTLOOK,
    SENTIMENT,
)
from futures_pipeline.decisions.rules.rule import Entry, Family, Rule
from futures_pipeline.decisions.rules.strategies import vertical_spread
from futures_pipeline.decisions.signals.market_signal import FuturesMarketSignal
from futures_pipeline.decisions.signals.words import Direction, Signal, direction_of

AGREEING, CONTRARIAN, MOVING = 0.5, 0.7, 0.6
LARGE_MOMENTUM = 0.003
LARGEST_SIZE = 1.5


def confident_size(confidence: float) -> float:
    """Return the multiplier of a futures entry: 0.8 to 1.2.

    >>> round(confident_size(0.75), 2)
    1.1
    """
    return 0.8 + 0.4 * confidence


def _signal(context: DecisionContext) -> FuturesMarketSignal:
    if context.futures_signal is None:
        raise ValueError("a futures entry needs the futures signal")
    return context.futures_signal


def _by_confidence(signal: FuturesMarketSignal) -> float:
    return confident_size(signal.confidence)


def _unchanged(_: FuturesMarketSignal) -> float:
    return 1.0


def _by_momentum(signal: FuturesMarketSignal) -> float:
    return min(LARGEST_SIZE, 1.0 + 10.0 * abs(signal.momentum))


def _of_signal(signal: FuturesMarketSignal) -> Direction:
    return direction_of(signal.signal.sign)


def _of_momentum(signal: FuturesMarketSignal) -> Direction:
    return direction_of(signal.momentum)


def _enters(
    direction: Callable[[FuturesMarketSignal], Direction],
    size: Callable[[FuturesMarketSignal], float],
) -> Callable[[DecisionContext], Entry]:
    def entry(context: DecisionContext) -> Entry:
        signal = _signal(context)
        way = direction(signal)
        return Entry(
            direction=way,
            strategy=vertical_spread(way, context.iv_rank),
            multiplier=size(signal),
            confidence=signal.confidence,
            reason=signal.reasoning,
        )

    return entry


def _agreeing(direction: Direction, *signals: Signal) -> tuple[Condition, ...]:
    return (
        *FRESH_FUTURES,
        one_of(OUTLOOK, direction),
        one_of(SENTIMENT, direction, Direction.NEUTRAL),
        one_of(FUTURES_SIGNAL, *signals),
        above(FUTURES_CONFIDENCE, AGREEING),
    )


def _is_against_outlook(context: DecisionContext) -> bool | None:
    if context.futures_signal is None:
        return None
    return Direction(context.outlook).sign * context.futures_signal.signal.sign <= 0


RULES = (
    Rule(
        name="FuturesBullishEntry",
        priority=1,
        family=Family.FUTURES,
        conditions=_agreeing(Direction.BULLISH, Signal.BUY, Signal.STRONG_BUY),
        entry=_enters(_of_signal, _by_confidence),
    ),
    Rule(
        name="FuturesBearishEntry",
        priority=2,
        family=Family.FUTURES,
        conditions=_agreeing(Direction.BEARISH, Signal.SELL, Signal.STRONG_SELL),
        entry=_enters(_of_signal, _by_confidence),
    ),
    Rule(
        name="FuturesContrarianEntry",
        priority=3,
        family=Family.FUTURES,
        conditions=(
            *FRESH_FUTURES,
            one_of(FUTURES_SIGNAL, Signal.STRONG_BUY, Signal.STRONG_SELL),
            above(FUTURES_CONFIDENCE, CONTRARIAN),
            above(MOMENTUM_SIZE, LARGE_MOMENTUM),
            is_true(Quantity("outlook is neutral or against the signal", _is_against_outlook)),
        ),
        entry=_enters(_of_signal, _unchanged),
    ),
    Rule(
        name="FuturesMomentumEntry",
        priority=4,
        family=Family.FUTURES,
        conditions=(
            *FRESH_FUTURES,
            above(MOMENTUM_SIZE, LARGE_MOMENTUM),
            above(FUTURES_CONFIDENCE, MOVING),
        ),
        entry=_enters(_of_momentum, _by_momentum),
    ),
)
