"""The six enhanced rules fired from rows in a lake, and not fired just outside each bound."""

from typing import Any, NamedTuple

import pytest

from futures_pipeline.storage.lake import Lake
from futures_pipeline_tests.api.deciding.conftest import store_on
from futures_pipeline_tests.api.deciding.planted import decision, failing, line, regime

Row = dict[str, Any]
BEARISH: Row = {"outlook": "bearish", "trend_20d": -1.4, "put_call_pctile_60": 15.0}
NEUTRAL: Row = {"outlook": "neutral", "trend_20d": 0.0, "derived_regime": "range_bound",
                "put_call_pctile_60": 50.0}  # fmt: skip
CHEAP: Row = {"iv_rank_30d": 5.0, "iv_rank_60d": 10.0, "iv_rank_90d": 5.0,
              "iv_percentile_1y": 5.0, "iv_atm_30d": 0.14, "term_structure_slope": 0.0}  # fmt: skip
# Dear enough that the conviction holds where the direction gives nothing to it.
VERY_DEAR: Row = {"iv_rank_30d": 80.0, "iv_rank_60d": 80.0, "iv_rank_90d": 80.0,
                  "iv_percentile_1y": 80.0, "iv_atm_30d": 0.24}  # fmt: skip
# Of which the last part of the implied volatility, the percentile, makes a conviction of 0.6.
JUST_DEAR: Row = {"iv_rank_30d": 50.0, "iv_rank_60d": 50.0, "iv_rank_90d": 50.0,
                  "iv_atm_30d": 0.16}  # fmt: skip
JUST_CHEAP: Row = CHEAP | {"iv_rank_30d": 30.0, "iv_rank_60d": 30.0, "iv_rank_90d": 30.0,
                           "iv_atm_30d": 0.176}  # fmt: skip

BULL_HIGH, BEAR_HIGH = "EnhancedBullishHighIVEntry", "EnhancedBearishHighIVEntry"
NEUTRAL_HIGH = "EnhancedNeutralHighIVEntry"
BULL_LOW, BEAR_LOW = "EnhancedBullishLowIVEntry", "EnhancedBearishLowIVEntry"
NEUTRAL_LOW = "EnhancedNeutralLowIVEntry"
DEAR_AT, CHEAP_AT = "IV rank >= 50", "IV rank <= 30"
SURE, KNOWN = "conviction >= 0.6", "known share of the conviction >= 0.65"
CRISIS = "regime is not crisis"
CALM = "regime is not crisis nor trending_up nor trending_down"


class Bound(NamedTuple):
    """One bound of a rule: a row at which all else holds, and values just inside and outside."""

    rule: str
    bound: str
    row: Row
    column: str
    inside: float | str | None
    outside: float | str | None


# Trend, at-the-money volatility and slope weigh 0.75 where a rule asks for trend and slope:
# of the neutral high one the known share is never below its bound.
BOUNDS = [
    Bound(BULL_HIGH, "outlook is bullish", {}, "outlook", "bullish", "neutral"),
    Bound(BULL_HIGH, DEAR_AT, {}, "iv_rank_60d", 50.0, 49.99),
    Bound(BULL_HIGH, CRISIS, {}, "derived_regime", "high_volatility", "crisis"),
    Bound(BULL_HIGH, CRISIS, {}, "derived_regime", "trending_down", None),
    Bound(BULL_HIGH, "term structure slope > -0.1", {}, "term_structure_slope", -0.0999, -0.1),
    Bound(BULL_HIGH, KNOWN, {"trend_20d": None}, "put_call_pctile_60", 85.0, None),
    Bound(BULL_HIGH, SURE, JUST_DEAR | {"trend_20d": 0.5}, "iv_percentile_1y", 31.34, 31.33),
    Bound(BEAR_HIGH, "outlook is bearish", BEARISH, "outlook", "bearish", "bullish"),
    Bound(BEAR_HIGH, DEAR_AT, BEARISH, "iv_rank_60d", 50.0, 49.99),
    Bound(BEAR_HIGH, CRISIS, BEARISH, "derived_regime", "trending_down", "crisis"),
    Bound(BEAR_HIGH, KNOWN, BEARISH | {"trend_20d": None}, "put_call_pctile_60", 15.0, None),
    Bound(BEAR_HIGH, SURE, BEARISH | JUST_DEAR | {"trend_20d": -1.0, "term_structure_slope": 0.0},
          "iv_percentile_1y", 63.34, 63.33),
    Bound(NEUTRAL_HIGH, "outlook is neutral", NEUTRAL, "outlook", "neutral", "bearish"),
    Bound(NEUTRAL_HIGH, DEAR_AT, NEUTRAL, "iv_rank_60d", 50.0, 49.99),
    Bound(NEUTRAL_HIGH, "size of the trend < 1", NEUTRAL | VERY_DEAR, "trend_20d", 0.99, 1.0),
    Bound(NEUTRAL_HIGH, "size of the trend < 1", NEUTRAL | VERY_DEAR, "trend_20d", -0.99, -1.0),
    Bound(NEUTRAL_HIGH, CALM, NEUTRAL, "derived_regime", "high_volatility", "crisis"),
    Bound(NEUTRAL_HIGH, CALM, NEUTRAL, "derived_regime", "low_volatility", "trending_up"),
    Bound(NEUTRAL_HIGH, CALM, NEUTRAL, "derived_regime", "range_bound", "trending_down"),
    Bound(NEUTRAL_HIGH, "term structure slope > -0.05", NEUTRAL | VERY_DEAR,
          "term_structure_slope", -0.0499, -0.05),
    Bound(NEUTRAL_HIGH, SURE, NEUTRAL | JUST_DEAR | {"trend_20d": 0.1, "iv_atm_30d": 0.19,
          "term_structure_slope": 0.04}, "iv_percentile_1y", 51.74, 51.73),
    Bound(BULL_LOW, "outlook is bullish", CHEAP, "outlook", "bullish", "neutral"),
    Bound(BULL_LOW, CHEAP_AT, CHEAP, "iv_rank_60d", 30.0, 30.01),
    Bound(BULL_LOW, KNOWN, CHEAP | {"trend_20d": None}, "put_call_pctile_60", 85.0, None),
    Bound(BULL_LOW, SURE, JUST_CHEAP | {"trend_20d": 0.8}, "iv_percentile_1y", 13.99, 14.01),
    Bound(BEAR_LOW, "outlook is bearish", CHEAP | BEARISH, "outlook", "bearish", "neutral"),
    Bound(BEAR_LOW, CHEAP_AT, CHEAP | BEARISH, "iv_rank_60d", 30.0, 30.01),
    Bound(BEAR_LOW, KNOWN, CHEAP | BEARISH | {"trend_20d": None}, "put_call_pctile_60", 15.0, None),
    Bound(BEAR_LOW, SURE, JUST_CHEAP | BEARISH | {"trend_20d": -0.8},
          "iv_percentile_1y", 13.99, 14.01),
    Bound(NEUTRAL_LOW, "outlook is neutral", CHEAP | NEUTRAL, "outlook", "neutral", "bullish"),
    Bound(NEUTRAL_LOW, CHEAP_AT, CHEAP | NEUTRAL, "iv_rank_60d", 30.0, 30.01),
    Bound(NEUTRAL_LOW, "term structure slope >= 0", CHEAP | NEUTRAL,
          "term_structure_slope", 0.0, -0.0001),
    Bound(NEUTRAL_LOW, KNOWN, CHEAP | NEUTRAL | {"trend_20d": None},
          "put_call_pctile_60", 50.0, None),
    Bound(NEUTRAL_LOW, SURE, JUST_CHEAP | NEUTRAL | {"trend_20d": 0.1},
          "iv_percentile_1y", 10.79, 10.81),
]  # fmt: skip


@pytest.mark.parametrize("case", BOUNDS, ids=lambda case: f"{case.rule} {case.bound}")
def test_enhanced_rules_at_and_beyond_each_bound(lake: Lake, case: Bound) -> None:
    """With the gate shut they are the only ones that may act."""
    regime(lake, case.row | {case.column: case.inside})
    said = decision(store_on(lake))
    assert said["rule"] == case.rule, said["reason"]

    regime(lake, case.row | {case.column: case.outside})
    said = decision(store_on(lake))
    assert failing(said, case.rule) == [case.bound]
    assert said["rule"] != case.rule


def test_every_bound_of_the_enhanced_rules_is_in_the_table(lake: Lake) -> None:
    regime(lake, {})
    said = decision(store_on(lake))
    rules = {case.rule for case in BOUNDS}
    assert len(rules) == 6
    bounds = {
        (rule, told["condition"]) for rule in rules for told in line(said, rule)["conditions"]
    }
    assert bounds - {(case.rule, case.bound) for case in BOUNDS} == {(NEUTRAL_HIGH, KNOWN)}


def test_the_worked_example_from_rows(lake: Lake) -> None:
    """Conviction 0.924375 and a multiplier of 1.10820, VIX being 17."""
    regime(lake, {})
    said = decision(store_on(lake))
    assert (said["strategy_type"], said["contracts"]) == ("bull_put_spread", 1)
    assert said["confidence"] == pytest.approx(0.924375, abs=1e-12)
    assert said["position_multiplier"] == pytest.approx(1.10820, abs=5e-6)
