"""How often signals speak of nothing: shares on a random walk. Source: QUANT_SPEC 6.4."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from futures_pipeline.decisions.signals.market_signal import (
    FuturesMarketSignal,
    market_signal,
)
from futures_pipeline.decisions.signals.volatility import Volatility
from futures_pipeline_tests.decisions.builders import reading

WALKS = 4_000
SIGMA = 0.16 / math.sqrt(252)
Says = Callable[[FuturesMarketSignal], bool]


@pytest.fixture(scope="module")
def signals() -> list[FuturesMarketSignal]:
    """Signals of random walks of 23 hours at 16 % a year, read at their end."""
    steps = np.random.default_rng(30).normal(0, SIGMA / math.sqrt(23), (WALKS, 23))
    found = []
    for walk in steps:
        price = 5_000.0
        earlier = {hours: price * math.exp(-walk[-hours:].sum()) for hours in (1, 4, 23)}
        signal = market_signal(
            reading(
                price=price,
                change_1h=price - earlier[1],
                change_4h=price - earlier[4],
                change_daily=price - earlier[23],
                volatility=Volatility(SIGMA, "history", 20),
            )
        )
        assert isinstance(signal, FuturesMarketSignal)
        found.append(signal)
    return found


@pytest.mark.parametrize(
    ("says", "share"),
    [
        (lambda s: s.signal != "hold", 0.62),
        (lambda s: s.signal.startswith("strong"), 0.13),
        (lambda s: s.confidence > 0.5, 0.52),
        (lambda s: s.confidence > 0.6, 0.41),
        (lambda s: s.confidence > 0.7, 0.33),
        (lambda s: abs(s.momentum) > 0.003, 0.72),
        (lambda s: abs(s.momentum) > 0.003 and s.confidence > 0.6, 0.41),
        (lambda s: s.sentiment == "neutral" and "buy" in s.signal, 0.08),
    ],
    ids=["signal", "strong", "0.5", "0.6", "0.7", "momentum", "momentum_rule", "neutral_buy"],
)
def test_shares_on_a_random_walk(
    signals: list[FuturesMarketSignal], says: Says, share: float
) -> None:
    found = sum(map(says, signals)) / WALKS
    error = math.sqrt(share * (1 - share) / WALKS)
    assert found == pytest.approx(share, abs=4 * error + 0.005)


def test_z_has_unit_variance_on_a_random_walk(signals: list[FuturesMarketSignal]) -> None:
    assert np.std([s.z for s in signals]) == pytest.approx(1.0, abs=0.04)
