"""The futures signal: the worked example, each bound, and what missing data does."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.decisions.signals.market_signal import (
    FuturesMarketSignal,
    Horizon,
    Momentum,
    confidence,
    horizons,
    market_signal,
    momentum,
    sentiment_of,
    signal_of,
)
from futures_pipeline.decisions.signals.volatility import Volatility
from futures_pipeline.decisions.signals.words import Signal, Unavailable
from futures_pipeline_tests.decisions.builders import reading, signal


def test_the_worked_example_digit_for_digit() -> None:
    """QUANT_SPEC 6.3."""
    parts = horizons(reading())
    assert [round(part.change, 8) for part in parts.values()] == [
        0.00052323,
        0.00172874,
        0.00256908,
    ]
    scaled = [part.change * math.sqrt(23 / part.hours) for part in parts.values()]
    assert [round(value, 8) for value in scaled] == [0.00250933, 0.00414538, 0.00256908]
    found = signal()
    assert round(found.momentum, 7) == 0.0035029
    assert f"{found.momentum:+.4f}" == "+0.0035"
    assert (found.sentiment, found.signal) == ("bullish", "buy")
    assert round(found.z, 4) == 0.6759
    assert round(found.confidence, 5) == 0.75046
    assert found.reasoning == (
        "ES 4780.50, +2.50 (1h), +8.25 (4h), +12.25 (daily) points: momentum +0.0035 a session, "
        "+0.68 of its usual size; bullish sentiment, buy, confidence 0.75 "
        "(30 observations in 24 hours)"
    )


@pytest.mark.parametrize(("annual", "sure"), [(0.12, 0.71), (0.08, 0.80)])
def test_the_example_is_less_sure_in_a_livelier_market(annual: float, sure: float) -> None:
    found = market_signal(reading(volatility=Volatility(annual / math.sqrt(252), "history", 20)))
    assert isinstance(found, FuturesMarketSignal)
    assert round(found.confidence, 2) == sure


def test_overlap_of_the_horizons_is_that_of_a_random_walk() -> None:
    """Weights .2, .6, .2 over 1, 4 and 23 hours: the momentum varies by .82266 of a session."""
    whole = momentum([Horizon(1.0, 1, 0.2), Horizon(1.0, 4, 0.6), Horizon(1.0, 23, 0.2)], 1.0)
    assert round(whole.value / whole.z, 5) == 0.82266


@pytest.mark.parametrize(
    ("z", "said"),
    [
        (1.5, "strong_buy"),
        (1.4999, "buy"),
        (0.5, "buy"),
        (0.4999, "hold"),
        (-0.4999, "hold"),
        (-0.5, "sell"),
        (-1.4999, "sell"),
        (-1.5, "strong_sell"),
    ],
)
def test_signal_bounds(z: float, said: str) -> None:
    assert signal_of(z) == said


@pytest.mark.parametrize(
    ("votes", "said"),
    [(3, "bullish"), (2, "bullish"), (1, "neutral"), (-1, "neutral"), (-2, "bearish")],
)
def test_two_votes_make_a_sentiment(votes: int, said: str) -> None:
    assert sentiment_of(votes) == said


def test_a_vote_takes_a_quarter_of_the_usual_move() -> None:
    usual = 0.01
    for size, votes in ((0.2501, 1), (0.2499, 0), (-0.2501, -1)):
        assert momentum([Horizon(size * usual, 23.0, 1.0)], usual).votes == votes


def test_few_observations_lower_confidence_in_proportion() -> None:
    sure = [confidence(Momentum(0.0, 1.0, 3), 3, n) for n in (0, 15, 30, 300)]
    assert sure[0] == 0.0
    assert sure[1] == pytest.approx(sure[2] / 2)
    assert sure[2] == sure[3]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"price": None}, "no_price"),
        ({"change_1h": None, "change_4h": None}, "no_change_1h_or_4h"),
        ({"volatility": Volatility(None, None, 3, "3_of_20")}, "3_of_20"),
    ],
)
def test_no_signal_without_its_inputs(changed: dict[str, Any], reason: str) -> None:
    found = market_signal(reading(**changed))
    assert isinstance(found, Unavailable)
    assert found.reason == reason


def test_a_missing_horizon_leaves_its_weight_to_the_others() -> None:
    found = market_signal(reading(change_4h=None))
    assert isinstance(found, FuturesMarketSignal)
    hour, daily = 2.5 / 4_778, 12.25 / 4_768.25
    assert found.momentum == pytest.approx(0.5 * hour * math.sqrt(23) + 0.5 * daily)
    assert "change_4h" in found.degraded
    assert found.change_4h is None


def test_just_after_the_anchor_the_day_counts_as_an_hour() -> None:
    early = horizons(reading(elapsed_hours=0.25))
    assert early["daily"].hours == 1.0


changes = st.floats(-400, 400) | st.none()


@given(
    one=changes,
    four=changes,
    day=changes,
    hours=st.floats(0, 96),
    sigma=st.floats(1e-4, 0.2),
    observations=st.integers(0, 2_000),
)
def test_bounds_and_nothing_invented(
    one: float | None,
    four: float | None,
    day: float | None,
    hours: float,
    sigma: float,
    observations: int,
) -> None:
    found = market_signal(
        reading(
            change_1h=one,
            change_4h=four,
            change_daily=day,
            elapsed_hours=hours,
            volatility=Volatility(sigma, "history", 20),
            observations=observations,
        )
    )
    if one is None and four is None:
        assert isinstance(found, Unavailable)
        return
    assert isinstance(found, FuturesMarketSignal)
    assert 0.0 <= found.confidence <= 1.0
    assert (found.change_1h, found.change_4h, found.change_daily) == (one, four, day)
    assert found.signal.sign * found.z >= 0


@given(one=st.floats(-300, 300), four=st.floats(-300, 300), day=st.floats(-300, 300))
def test_opposite_changes_say_the_opposite(one: float, four: float, day: float) -> None:
    """Mirrored in fractions, which is where the arithmetic is done."""

    def of(sign: int) -> Momentum:
        parts = [(one, 1.0, 0.2), (four, 4.0, 0.6), (day, 23.0, 0.2)]
        return momentum([Horizon(sign * c / 5_000, h, w) for c, h, w in parts], 0.01)

    up, down = of(1), of(-1)
    assert (down.value, down.z, down.votes) == (-up.value, -up.z, -up.votes)
    mirror = {"buy": "sell", "strong_buy": "strong_sell", "hold": "hold"}
    mirror |= {sell: buy for buy, sell in mirror.items()}
    assert signal_of(down.z) == Signal(mirror[signal_of(up.z)])
