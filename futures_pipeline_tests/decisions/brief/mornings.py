"""A morning in which everything is known; a test changes what it asserts."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from futures_pipeline.decisions.brief.grade import NightMinutes
from futures_pipeline.decisions.brief.morning import Market, Morning, Vix
from futures_pipeline.decisions.scorecard.nights import Night
from futures_pipeline.domain.sessions import new_york

DAY = date(2026, 11, 20)
AS_OF, OPEN = new_york(DAY, 9, 25), new_york(DAY, 9, 30)


def premarket(**changed: Any) -> dict[str, Any]:
    return {
        "bias": "bullish",
        "surge": "surge",
        "confidence": 0.78907,
        "contract": "ESZ6",
        "futures_price": 4_848.24,
        "anchor_price": 4_800.0,
        "change_points": 48.24,
        "range_points": 68.75,
        "move": 0.01,
        "z": 1.8,
        "persistence": 0.7,
        "participation": 0.6,
        "vix": 17.25,
        "degraded": None,
        "reasoning": "ES +48.24 points since the last close, +1.80 of a usual night",
        "reason": None,
        "timestamp": AS_OF,
    } | changed


def futures_signal(**changed: Any) -> dict[str, Any]:
    return {
        "signal": "strong_buy",
        "confidence": 0.75,
        "momentum": 0.0035,
        "basis": 17.72,
        "basis_fair": 17.64,
        "basis_deviation_bp": 0.17,
        "basis_reason": None,
        "spot_price": 484.05,
        "reasoning": "ES momentum +0.35 % a session",
        "reason": None,
        "timestamp": AS_OF,
    } | changed


def decision(**changed: Any) -> dict[str, Any]:
    return {
        "action": "enter",
        "rule": "EnhancedBullishHighIVEntry",
        "direction": "bullish",
        "strategy_type": "bull_put_spread",
        "position_multiplier": 1.1082,
        "contracts": 2,
        "confidence": 0.924,
        "shadow_rule": "PremarketSurgeEntry",
        "shadow_direction": "bullish",
        "reason": "EnhancedBullishHighIVEntry: IV rank 60 is high",
        "degraded": None,
        "errors": None,
        "timestamp": AS_OF,
        "trace": "[]",
        "metadata": '{"gate":"on","verdict":null}',
    } | changed


REGIME = {
    "derived_regime": "trending_up",
    "outlook": "bullish",
    "term_structure_slope": 0.0622,
    "iv_rank_60d": 62.4,
    "iv_percentile_1y": 71.0,
    "volatility_20d": 0.1375,
    "session_date": DAY - timedelta(days=1),
}
WARNING = {"level": "watch", "drawdown": 2.13, "cusum": 3.4}


def nights(count: int = 40) -> list[Night]:
    """Nights of which every second rose by 1 % in half an hour and fell by 2 % to the close."""
    return [
        Night(DAY - timedelta(days=n + 1), 1.8 - n / 10, 0.7, 17.0, (0.01, -0.01)[n % 2], -0.02)
        for n in range(count)
    ]


def market(**changed: Any) -> Market:
    whole = Market(
        symbol="SPY",
        futures_symbol="ES",
        premarket=premarket(),
        signal=futures_signal(),
        decision=decision(),
        warning=WARNING,
        regime=REGIME,
        usefulness="ES-SPY INCONCLUSIVE: 12 of 15 sessions",
        standing=["Bias for the open, first 30 minutes: not yet: 55% of 40 right."],
        path=[4_800.0, 4_810.5, 4_848.25],
        nights=nights(),
    )
    return replace(whole, **changed)


def morning(*markets: Market, **changed: Any) -> Morning:
    whole = Morning(
        session_date=DAY,
        as_of=AS_OF,
        made_at=AS_OF + timedelta(minutes=1),
        opens_at=OPEN,
        markets=markets or (market(),),
        vix=Vix(17.25, AS_OF - timedelta(minutes=1), 16.75),
        minutes=[NightMinutes("ESZ6", 925, 925, AS_OF)],
        gaps=[],
        alerts=[],
        provenance=["Read as of 2026-11-20 14:25 UTC."],
    )
    return replace(whole, **changed)


def at(hour: int, minute: int = 0) -> datetime:
    return new_york(DAY, hour, minute)
