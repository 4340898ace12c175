"""The pre-market signal: its vector, each bound, and what missing data does."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.regimes import Regime
from futures_pipeline.decisions.signals.premarket import (
    PremarketSignal,
    Surroundings,
    confidence,
    context_factor,
    persistence,
    premarket_signal,
    surge_of,
)
from futures_pipeline.decisions.signals.volatility import Volatility
from futures_pipeline.decisions.signals.words import Unavailable
from futures_pipeline_tests.decisions.builders import night, premarket


def around(
    vix: float | None, vix3m: float | None = None, regime: str | None = None
) -> Surroundings:
    return Surroundings(vix, vix3m, None if regime is None else Regime(regime))


def test_the_vector_of_the_specification() -> None:
    """z 1.8, persistence 0.7, participation 0.6, factor 1: 0.78907."""
    found = premarket()
    assert (round(found.z, 9), found.factor) == (1.8, 1.0)
    assert found.persistence == pytest.approx(0.7)
    assert found.participation == pytest.approx(0.6)
    assert round(found.confidence, 5) == 0.78907
    assert (found.bias, found.surge, found.degraded) == ("bullish", "surge", ())
    assert found.reasoning == (
        "ES +48.24 points (+1.01 %) since the last close, +1.80 of a usual night (surge): "
        "bullish for the open, confidence 0.79"
    )


@pytest.mark.parametrize(
    ("z", "surge"),
    [
        (0.9999, "none"),
        (1.0, "mild"),
        (-1.4999, "mild"),
        (-1.5, "surge"),
        (2.4999, "surge"),
        (2.5, "extreme"),
    ],
)
def test_surge_classes(z: float, surge: str) -> None:
    assert surge_of(z) == surge


@pytest.mark.parametrize(
    ("vix", "factor"),
    [
        (14.99, 1.05),
        (15.0, 1.0),
        (19.99, 1.0),
        (20.0, 0.9),
        (30.0, 0.9),
        (30.01, 0.75),
        (None, 0.8),
    ],
)
def test_vix_steps(vix: float | None, factor: float) -> None:
    assert context_factor(0.01, around(vix)) == factor


@pytest.mark.parametrize(
    ("surroundings", "up", "down"),
    [
        (around(18.0, 19.0, "range_bound"), 1.0, 1.0),
        (around(19.5, 19.4, "range_bound"), 0.7, 1.1),
        (around(18.0, 19.0, "crisis"), 0.7, 1.1),
        (around(18.0, 19.0, "high_volatility"), 0.7, 1.1),
        (around(None, 19.0, "crisis"), 0.8 * 0.7, 0.8 * 1.1),
        (around(18.0, None, None), 1.0, 1.0),
    ],
)
def test_stress_trusts_falls_more_than_rises(
    surroundings: Surroundings, up: float, down: float
) -> None:
    assert context_factor(0.01, surroundings) == pytest.approx(up)
    assert context_factor(-0.01, surroundings) == pytest.approx(down)


def test_no_bias_just_below_one_usual_night() -> None:
    for usual, bias in ((0.0099999, "bullish"), (0.0100001, "neutral")):
        found = premarket_signal(
            night(
                volatility=Volatility(usual, "history", 20),
                high=4_900.0,
                low=4_900.0 * math.exp(-0.01),
                volume=9_000.0,
            )
        )
        assert isinstance(found, PremarketSignal)
        assert found.confidence > 0.6
        assert found.bias == bias


def test_no_bias_below_a_confidence_of_six_tenths() -> None:
    """With z 1.8 and nothing else known: 0.92814 times the factor of VIX."""
    for vix, regime, bias in ((31.0, None, "bullish"), (31.0, "crisis", "neutral")):
        found = premarket_signal(
            night(high=None, low=None, volume=None, surroundings=around(vix, None, regime))
        )
        assert isinstance(found, PremarketSignal)
        assert (found.confidence >= 0.6) == (bias == "bullish")
        assert found.bias == bias


def test_a_fall_is_bearish() -> None:
    found = premarket_signal(night(price=4_800.0 * math.exp(-0.01)))
    assert isinstance(found, PremarketSignal)
    assert (found.bias, found.change_points < 0) == ("bearish", True)


def test_what_is_missing_is_named_and_its_weight_given_to_the_rest() -> None:
    found = premarket_signal(
        night(
            volume=None,
            high=None,
            surroundings=around(None),
            volatility=Volatility(0.005, "VIX", 4),
        )
    )
    assert isinstance(found, PremarketSignal)
    assert found.degraded == (
        "overnight_range",
        "volume",
        "vix",
        "vix3m",
        "regime",
        "volatility_history",
    )
    assert (found.persistence, found.participation, found.range_points) == (None, None, None)
    assert found.confidence == pytest.approx(0.8 * math.erf(2.0 / math.sqrt(2)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"price": None}, "no_price"),
        ({"anchor_price": None}, "no_anchor_price"),
        ({"volatility": Volatility(None, None, 2, "too_short")}, "too_short"),
    ],
)
def test_no_signal_without_its_inputs(changed: dict[str, Any], reason: str) -> None:
    found = premarket_signal(night(**changed))
    assert isinstance(found, Unavailable)
    assert found.reason == reason


def test_a_flat_night_has_no_range_to_keep() -> None:
    assert persistence(0.0, 4_800.0, 4_800.0) is None
    assert persistence(0.01, 4_801.0, 4_800.0) == 1.0


parts = st.floats(0, 1) | st.none()


@given(st.floats(-20, 20), parts, parts, st.sampled_from([0.525, 0.8, 1.0, 1.155]))
def test_confidence_is_a_share(
    z: float, kept: float | None, busy: float | None, factor: float
) -> None:
    assert 0.0 <= confidence(z, kept, busy, factor) <= 1.0
