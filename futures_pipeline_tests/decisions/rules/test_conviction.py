"""Conviction of the enhanced rules. Vector of QUANT_SPEC 8.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.regimes import outlook
from futures_pipeline.decisions.rules.conviction import (
    LEAST_CONFIDENCE,
    View,
    conviction,
    outlook_score,
    position_multiplier,
)
from futures_pipeline.decisions.signals.words import Direction
from futures_pipeline_tests.decisions.builders import context, options

BULLISH_HIGH = View(Direction.BULLISH, is_high=True)


def test_the_vector_of_the_specification() -> None:
    assert outlook_score(options()) == pytest.approx(0.74)
    found = conviction(options(), BULLISH_HIGH)
    assert found.confidence == pytest.approx(0.924375)
    assert found.weight == pytest.approx(1.0)
    assert found.parts == pytest.approx(
        {"direction": 1.0, "iv": 0.83125, "variance_premium": 5 / 6, "term": 1.0, "put_call": 1.0}
    )
    assert found.confidence is not None
    assert round(position_multiplier(found.confidence, None), 5) == 1.10820
    assert round(position_multiplier(found.confidence, 28.0), 5) == 0.79157


def test_unknown_parts_leave_their_weight_to_the_others() -> None:
    found = conviction(options(iv_atm_30d=None), BULLISH_HIGH)
    assert found.weight == pytest.approx(0.85)
    assert found.confidence == pytest.approx((0.924375 - 0.125) / 0.85)


def test_outlook_and_rank_alone_are_too_little() -> None:
    """QUANT_SPEC 8.4: without the derived row at most 0.60 of the weight is known."""
    found = conviction(context(iv_rank=60.0), BULLISH_HIGH)
    assert (found.weight, found.confidence) == (0.30, 0.75)
    assert conviction(context(), BULLISH_HIGH) == (None, 0.0, {})


def test_an_outlook_against_the_trend_finds_no_support_in_it() -> None:
    parts = conviction(options(), View(Direction.BEARISH, is_high=True)).parts
    assert (parts["direction"], parts["put_call"]) == (0.0, 0.0)


numbers = st.floats(-3, 3) | st.none()
percentiles = st.floats(0, 100) | st.none()
views = st.builds(View, st.sampled_from(Direction), st.booleans())


@given(numbers, numbers, percentiles, percentiles, views)
def test_it_is_a_share_and_unknown_parts_are_no_parts(
    trend: float | None,
    slope: float | None,
    puts: float | None,
    rank: float | None,
    view: View,
) -> None:
    seen = options(
        trend_20d=trend,
        term_structure_slope=slope,
        put_call_pctile_60=puts,
        iv_rank=rank,
        iv_rank_30d=None,
        iv_rank_60d=rank,
        iv_rank_90d=None,
        iv_percentile_1y=None,
    )
    found = conviction(seen, view)
    assert found.confidence is not None
    assert 0.0 <= found.confidence <= 1.0 + 1e-12
    unknown = {
        name
        for name, value in (("direction", trend), ("iv", rank), ("term", slope), ("put_call", puts))
        if value is None
    }
    assert unknown.isdisjoint(found.parts)


@given(st.floats(LEAST_CONFIDENCE, 1.0), st.floats(5, 90) | st.none())
def test_the_size_is_bounded(confidence: float, vix: float | None) -> None:
    assert 0.0 < position_multiplier(confidence, vix) <= 1.25 + 1e-12


@given(st.floats(-3, 3), numbers, percentiles)
def test_the_score_is_the_one_that_the_outlook_is_read_from(
    trend: float, slope: float | None, puts: float | None
) -> None:
    score = outlook_score(
        options(trend_20d=trend, term_structure_slope=slope, put_call_pctile_60=puts)
    )
    assert score is not None
    expected = "bullish" if score >= 0.25 else "bearish" if score <= -0.25 else "neutral"
    assert outlook(trend, slope, puts) == expected
