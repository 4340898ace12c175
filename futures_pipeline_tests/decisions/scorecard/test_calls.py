"""Signals and decisions as calls of a direction."""

import polars as pl

from futures_pipeline.decisions.engine import DecisionEngine
from futures_pipeline.decisions.rows import (
    decision_rows,
    futures_signal_rows,
    premarket_signal_rows,
)
from futures_pipeline.decisions.scorecard.calls import (
    CALL_SCHEMA,
    decision_calls,
    futures_calls,
    premarket_calls,
)
from futures_pipeline.decisions.signals.market_signal import market_signal
from futures_pipeline.decisions.signals.premarket import premarket_signal
from futures_pipeline.decisions.signals.words import Direction, Signal
from futures_pipeline_tests.decisions.builders import (
    NOON,
    context,
    night,
    options,
    premarket,
    reading,
    signal,
)


def test_only_the_final_premarket_signal_is_a_call() -> None:
    rows = premarket_signal_rows(
        [
            premarket(),
            premarket(timestamp=NOON.replace(hour=13)),
            premarket(symbol="QQQ", bias=Direction.NEUTRAL),
            premarket_signal(night(price=None)),
        ]
    )
    found = premarket_calls(rows)
    assert found.schema == pl.Schema(CALL_SCHEMA)
    assert found.select("symbol", "direction").rows() == [("QQQ", 0), ("SPY", 1)]


def test_futures_signals_call_by_their_sign_and_a_hold_by_none() -> None:
    said = [Signal.STRONG_SELL, Signal.HOLD, Signal.BUY]
    rows = futures_signal_rows(
        [*(signal(signal=word) for word in said), market_signal(reading(price=None))]
    )
    assert futures_calls(rows)["direction"].to_list() == [-1, 0, 1]


def test_decisions_call_what_they_enter_and_shadows_what_they_would() -> None:
    engine = DecisionEngine()
    rows = decision_rows(
        [
            engine.evaluate(options(futures_signal=signal(signal=Signal.SELL))),
            engine.evaluate(context(symbol="QQQ", futures_signal=signal())),
            engine.evaluate(context(symbol="IWM")),
        ]
    )
    found = decision_calls(rows).sort("source", "symbol")
    names = ("source", "symbol", "rule", "direction", "futures_direction")
    assert found.select(names).rows() == [
        ("decision", "IWM", None, 0, None),
        ("decision", "QQQ", None, 0, 1),
        ("decision", "SPY", "EnhancedBullishHighIVEntry", 1, -1),
        ("shadow", "IWM", None, 0, None),
        ("shadow", "QQQ", "FuturesBullishEntry", 1, 1),
        ("shadow", "SPY", "FuturesMomentumEntry", 1, -1),
    ]
