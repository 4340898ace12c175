"""The quantities that rules ask about, by the names that a trace shows."""

from collections.abc import Callable
from datetime import time

from futures_pipeline.analytics.regimes import Regime
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.rules.conditions import (
    Condition,
    Quantity,
    Value,
    at_least,
    at_most,
    is_true,
)
from futures_pipeline.decisions.signals.market_signal import FuturesMarketSignal
from futures_pipeline.decisions.signals.premarket import PremarketSignal
from futures_pipeline.decisions.signals.timing import MOST_FUTURES_AGE_MINUTES, new_york_date
from futures_pipeline.domain.sessions import NEW_YORK

ENTRY_WINDOW = (time(9, 30), time(10))


def _of_futures(name: str, read: Callable[[FuturesMarketSignal], Value]) -> Quantity:
    def found(context: DecisionContext) -> Value:
        return None if context.futures_signal is None else read(context.futures_signal)

    return Quantity(name, found)


def _of_premarket(name: str, read: Callable[[PremarketSignal], Value]) -> Quantity:
    def found(context: DecisionContext) -> Value:
        return None if context.premarket is None else read(context.premarket)

    return Quantity(name, found)


def _is_entry_window(context: DecisionContext) -> bool:
    start, end = ENTRY_WINDOW
    return start <= context.timestamp.astimezone(NEW_YORK).time() < end


def _is_premarket_final(context: DecisionContext) -> bool | None:
    signal = context.premarket
    if signal is None:
        return None
    is_earlier = signal.timestamp <= context.timestamp
    is_of_today = signal.session_date == new_york_date(context.timestamp)
    return is_earlier and is_of_today and signal.is_final


OUTLOOK = Quantity("outlook", lambda context: context.outlook.value)
IV_RANK = Quantity("IV rank", lambda context: context.iv_rank)
REGIME = Quantity(
    "regime",
    lambda context: (
        None if context.derived_regime in (None, Regime.UNKNOWN) else str(context.derived_regime)
    ),
)
SLOPE = Quantity("term structure slope", lambda context: context.term_structure_slope)
TREND_SIZE = Quantity(
    "size of the trend",
    lambda context: None if context.trend_20d is None else abs(context.trend_20d),
)

SENTIMENT = _of_futures("futures sentiment", lambda signal: signal.sentiment.value)
FUTURES_SIGNAL = _of_futures("futures signal", lambda signal: signal.signal.value)
FUTURES_CONFIDENCE = _of_futures("futures confidence", lambda signal: signal.confidence)
MOMENTUM_SIZE = _of_futures("size of the momentum", lambda signal: abs(signal.momentum))
FUTURES_AGE = Quantity(
    "open minutes since the futures signal", lambda context: context.futures_age_minutes
)

BIAS = _of_premarket("pre-market bias", lambda signal: signal.bias.value)
PREMARKET_CONFIDENCE = _of_premarket("pre-market confidence", lambda signal: signal.confidence)
IN_ENTRY_WINDOW = Quantity("time is from 09:30 to 10:00 New York", _is_entry_window)
PREMARKET_FINAL = Quantity("pre-market signal is today's final one", _is_premarket_final)
# A warning stops; not knowing does not, and is listed as degraded.
NO_WARNING = Quantity(
    "no early warning",
    lambda context: context.early_warning is None or not context.early_warning.is_warning,
)

FRESH_FUTURES: tuple[Condition, ...] = (
    at_most(FUTURES_AGE, MOST_FUTURES_AGE_MINUTES),
    at_least(FUTURES_AGE, 0.0),
)
ENTRY_TIME = is_true(IN_ENTRY_WINDOW)
