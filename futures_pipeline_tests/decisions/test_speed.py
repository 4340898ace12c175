"""A signal and a decision each take less than a millisecond, half of the time at least."""

import time
from collections.abc import Callable
from statistics import median

from futures_pipeline.decisions.engine import DecisionEngine
from futures_pipeline.decisions.signals.market_signal import market_signal
from futures_pipeline.decisions.signals.premarket import premarket_signal
from futures_pipeline_tests.decisions.builders import night, options, reading, signal

CALLS = 200


def median_seconds(call: Callable[[], object]) -> float:
    took = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return median(took)


def test_a_signal_takes_less_than_a_millisecond() -> None:
    example, dark = reading(), night()
    assert median_seconds(lambda: market_signal(example)) < 0.001
    assert median_seconds(lambda: premarket_signal(dark)) < 0.001


def test_a_decision_takes_less_than_a_millisecond() -> None:
    engine, seen = DecisionEngine(), options(futures_signal=signal())
    assert median_seconds(lambda: engine.evaluate(seen)) < 0.001
