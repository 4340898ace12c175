"""Readings, signals and contexts of one ordinary moment; a test names only what it asserts."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from futures_pipeline.analytics.regimes import Outlook, Regime
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.engine import Decision
from futures_pipeline.decisions.signals.market_signal import (
    FuturesMarketSignal,
    FuturesReading,
    market_signal,
)
from futures_pipeline.decisions.signals.premarket import (
    PremarketReading,
    PremarketSignal,
    Surroundings,
    premarket_signal,
)
from futures_pipeline.decisions.signals.volatility import Volatility
from futures_pipeline.decisions.trace import RuleTrace

# A Wednesday, 14:00 New York; the NYSE open of that day; and the final pre-market signal's time.
NOON = datetime(2025, 1, 15, 19, 0, tzinfo=UTC)
OPEN = datetime(2025, 1, 15, 14, 30, tzinfo=UTC)
FINAL = datetime(2025, 1, 15, 14, 25, tzinfo=UTC)
TEN_PERCENT_A_YEAR = Volatility(0.10 / math.sqrt(252), "history", 20)


def reading(**changed: Any) -> FuturesReading:
    """The worked example of the specification: ES at 4780.50."""
    example = FuturesReading(
        symbol="SPY",
        futures_symbol="ES",
        timestamp=NOON,
        price=4_780.50,
        change_1h=2.50,
        change_4h=8.25,
        change_daily=12.25,
        elapsed_hours=23.0,
        volatility=TEN_PERCENT_A_YEAR,
        observations=30,
        spot_price=478.0,
        basis=None,
        predictive_value=0.0,
    )
    return replace(example, **changed)


def signal(**changed: Any) -> FuturesMarketSignal:
    """The worked example's signal: bullish, buy, confidence 0.75, momentum 0.0035."""
    found = market_signal(reading())
    assert isinstance(found, FuturesMarketSignal)
    return replace(found, **changed)


def night(**changed: Any) -> PremarketReading:
    """A rise of 1 % by 09:25, 1.8 of a usual night, which kept 0.7 of its range."""
    example = PremarketReading(
        symbol="SPY",
        futures_symbol="ES",
        timestamp=FINAL,
        session_date=date(2025, 1, 15),
        price=4_800.0 * math.exp(0.01),
        anchor_price=4_800.0,
        high=4_850.0,
        low=4_850.0 * math.exp(-0.01 / 0.7),
        volume=1_200.0,
        usual_volume=1_000.0,
        volatility=Volatility(0.01 / 1.8, "history", 20),
        surroundings=Surroundings(vix=17.0, vix3m=19.0, regime=Regime.RANGE_BOUND),
    )
    return replace(example, **changed)


def premarket(**changed: Any) -> PremarketSignal:
    found = premarket_signal(night())
    assert isinstance(found, PremarketSignal)
    return replace(found, **changed)


def context(**changed: Any) -> DecisionContext:
    """A bullish outlook without anything else."""
    return replace(DecisionContext("SPY", NOON, Outlook.BULLISH), **changed)


def options(**changed: Any) -> DecisionContext:
    """The worked example of the enhanced rules: bullish, options dear, conviction 0.924375."""
    dear = context(
        iv_rank=60.0,
        iv_rank_30d=65.0,
        iv_rank_60d=60.0,
        iv_rank_90d=58.0,
        iv_percentile_1y=70.0,
        volatility_20d=0.16,
        trend_20d=1.4,
        put_call_ratio=1.6,
        term_structure_slope=0.06,
        derived_regime=Regime.TRENDING_UP,
        put_call_pctile_60=85.0,
        iv_atm_30d=0.20,
    )
    return replace(dear, **changed)


def line(decision: Decision, rule: str) -> RuleTrace:
    (found,) = (trace for trace in decision.trace if trace.rule == rule)
    return found
