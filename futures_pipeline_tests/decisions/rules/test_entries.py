"""Each of the eleven rules fires, and does not fire one step outside each of its bounds."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from futures_pipeline.analytics.regimes import Outlook, Regime
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.early_warning.machine import Level
from futures_pipeline.decisions.engine import Action, DecisionEngine, Policy
from futures_pipeline.decisions.rules.rule import Entry
from futures_pipeline.decisions.signals.words import Direction, Signal
from futures_pipeline.decisions.trace import Outcome
from futures_pipeline_tests.decisions.builders import (
    FINAL,
    NOON,
    OPEN,
    context,
    line,
    options,
    premarket,
    signal,
)

ENGINE = DecisionEngine(policy=Policy(gate=False))
BULLISH, BEARISH, NEUTRAL = Outlook.BULLISH, Outlook.BEARISH, Outlook.NEUTRAL
Build = Callable[..., DecisionContext]


def entry_of(rule: str, seen: DecisionContext) -> Entry | None:
    """Return what a rule would enter, by itself; None where it does not match."""
    found = line(ENGINE.evaluate(seen), rule)
    assert found.outcome is not Outcome.ERROR
    fired = found.outcome in (Outcome.CHOSEN, Outcome.LATER)
    assert fired == (found.entry is not None)
    return found.entry


def at_the_open(**changed: Any) -> DecisionContext:
    """09:30 with a bullish final pre-market signal and a futures signal of that minute."""
    base = {
        "timestamp": OPEN,
        "premarket": premarket(),
        "futures_signal": signal(timestamp=OPEN),
        "early_warning": Level.NORMAL,
        "iv_rank": 40.0,
    }
    return context(**base | changed)


def futures(**changed: Any) -> DecisionContext:
    """A bullish outlook and the worked example's signal; ``signal_`` changes the signal."""
    of_signal = {
        name.removeprefix("signal_"): changed.pop(name)
        for name in list(changed)
        if name.startswith("signal_")
    }
    return context(**{"futures_signal": signal(**of_signal)} | changed)


def falling(**changed: Any) -> DecisionContext:
    base = {
        "outlook": BEARISH,
        "signal_sentiment": Direction.BEARISH,
        "signal_signal": Signal.SELL,
        "signal_momentum": -0.0035,
    }
    return futures(**base | changed)


def contrarian(**changed: Any) -> DecisionContext:
    base = {"outlook": BEARISH, "signal_signal": Signal.STRONG_BUY, "signal_confidence": 0.71}
    return futures(**base | changed)


def bearish_options(**changed: Any) -> DecisionContext:
    base = {
        "outlook": BEARISH,
        "trend_20d": -1.4,
        "term_structure_slope": 0.0,
        "put_call_pctile_60": 10.0,
        "derived_regime": Regime.TRENDING_DOWN,
    }
    return options(**base | changed)


def neutral_options(**changed: Any) -> DecisionContext:
    base = {
        "outlook": NEUTRAL,
        "trend_20d": 0.0,
        "term_structure_slope": 0.02,
        "put_call_pctile_60": 50.0,
        "derived_regime": Regime.RANGE_BOUND,
    }
    return options(**base | changed)


def cheap(build: Build) -> Build:
    """The same with options cheap instead of dear."""
    low = {
        "iv_rank": 20.0,
        "iv_rank_30d": 15.0,
        "iv_rank_60d": 20.0,
        "iv_rank_90d": 20.0,
        "iv_percentile_1y": 15.0,
        "iv_atm_30d": 0.14,
        "term_structure_slope": 0.0,
    }
    return lambda **changed: build(**low | changed)


class Case(NamedTuple):
    """A rule, a context in which it fires, what it enters, and steps across its bounds."""

    rule: str
    build: Build
    direction: str
    strategy: str
    multiplier: float
    fires: tuple[dict[str, Any], ...]
    not_fires: tuple[dict[str, Any], ...]


STALE = {"futures_open_minutes": 15.01}
NO_FUTURES = {"futures_signal": None}
CASES = (
    Case(
        "PremarketSurgeEntry",
        at_the_open,
        "bullish",
        "vertical_spread",
        0.8 + 0.4 * 0.7890697,
        (
            {"timestamp": OPEN + timedelta(minutes=29, seconds=59), "futures_open_minutes": 1.0},
            {"outlook": NEUTRAL},
            {"premarket": premarket(confidence=0.6)},
            {"premarket": premarket(bias=Direction.BEARISH), "outlook": BEARISH},
            {"early_warning": Level.WATCH},
            {"early_warning": None},
            {"futures_open_minutes": 15.0},
        ),
        (
            {"timestamp": OPEN - timedelta(seconds=1), "futures_open_minutes": 1.0},
            {"timestamp": OPEN + timedelta(minutes=30), "futures_open_minutes": 1.0},
            {"outlook": BEARISH},
            {"premarket": premarket(bias=Direction.NEUTRAL)},
            {"premarket": premarket(confidence=0.5999)},
            {"premarket": premarket(timestamp=FINAL - timedelta(minutes=10))},
            {"premarket": premarket(session_date=date(2025, 1, 14))},
            {"premarket": None},
            {"early_warning": Level.WARNING},
            {"early_warning": Level.COLLAPSE},
            STALE,
            NO_FUTURES,
        ),
    ),
    Case(
        "FuturesBullishEntry",
        futures,
        "bullish",
        "vertical_spread",
        0.8 + 0.4 * 0.7504613,
        (
            {"signal_sentiment": Direction.NEUTRAL},
            {"signal_signal": Signal.STRONG_BUY},
            {"signal_confidence": 0.5001},
            {"futures_open_minutes": 15.0},
        ),
        (
            {"outlook": NEUTRAL},
            {"outlook": BEARISH},
            {"signal_sentiment": Direction.BEARISH},
            {"signal_signal": Signal.HOLD},
            {"signal_signal": Signal.SELL},
            {"signal_confidence": 0.5},
            {"signal_timestamp": NOON - timedelta(minutes=15, seconds=1)},
            {"signal_timestamp": NOON + timedelta(seconds=1)},
            {"early_warning": Level.WARNING},
            STALE,
            NO_FUTURES,
        ),
    ),
    Case(
        "FuturesBearishEntry",
        falling,
        "bearish",
        "vertical_spread",
        0.8 + 0.4 * 0.7504613,
        (
            {"signal_sentiment": Direction.NEUTRAL},
            {"signal_signal": Signal.STRONG_SELL},
            {"signal_confidence": 0.5001},
            {"early_warning": Level.WARNING},
            {"early_warning": Level.WARNING, "outlook": BULLISH},
        ),
        (
            {"outlook": NEUTRAL},
            {"outlook": BULLISH},
            {"signal_sentiment": Direction.BULLISH},
            {"signal_signal": Signal.HOLD},
            {"signal_signal": Signal.BUY},
            {"signal_confidence": 0.5},
            {"early_warning": Level.COLLAPSE},
            STALE,
            NO_FUTURES,
        ),
    ),
    Case(
        "FuturesContrarianEntry",
        contrarian,
        "bullish",
        "vertical_spread",
        1.0,
        (
            {"outlook": NEUTRAL},
            {"signal_momentum": 0.0030001},
            {"signal_momentum": -0.0030001},
        ),
        (
            {"outlook": BULLISH},
            {"signal_signal": Signal.BUY},
            {"signal_confidence": 0.7},
            {"signal_momentum": 0.003},
            {"signal_momentum": -0.003},
            {"early_warning": Level.WARNING},
            STALE,
            NO_FUTURES,
        ),
    ),
    Case(
        "FuturesMomentumEntry",
        futures,
        "bullish",
        "vertical_spread",
        1.0350291,
        (
            {"signal_momentum": 0.0030001},
            {"signal_momentum": -0.0030001},
            {"signal_confidence": 0.6001},
            {"outlook": BEARISH},
        ),
        (
            {"signal_momentum": 0.003},
            {"signal_momentum": -0.003},
            {"signal_confidence": 0.6},
            {"early_warning": Level.WARNING},
            STALE,
            NO_FUTURES,
        ),
    ),
    Case(
        "EnhancedBullishHighIVEntry",
        options,
        "bullish",
        "bull_put_spread",
        1.1082031,
        (
            {"iv_rank": 50.0},
            {"term_structure_slope": -0.0999, "trend_20d": 2.0},
            {"derived_regime": Regime.HIGH_VOLATILITY},
            {"early_warning": Level.WATCH},
        ),
        (
            {"outlook": NEUTRAL},
            {"outlook": BEARISH},
            {"iv_rank": 49.99},
            {"iv_rank": None},
            {"derived_regime": Regime.CRISIS},
            {"derived_regime": Regime.UNKNOWN},
            {"derived_regime": None},
            {"term_structure_slope": -0.10, "trend_20d": 2.0},
            {"term_structure_slope": None},
            {"early_warning": Level.WARNING},
        ),
    ),
    Case(
        "EnhancedBearishHighIVEntry",
        bearish_options,
        "bearish",
        "bear_call_spread",
        0.9675781,
        (
            {"iv_rank": 50.0},
            {"derived_regime": Regime.HIGH_VOLATILITY},
            {"early_warning": Level.WARNING},
        ),
        (
            {"outlook": NEUTRAL},
            {"outlook": BULLISH},
            {"iv_rank": 49.99},
            {"derived_regime": Regime.CRISIS},
            {"early_warning": Level.COLLAPSE},
        ),
    ),
    Case(
        "EnhancedNeutralHighIVEntry",
        neutral_options,
        "neutral",
        "iron_condor",
        0.840078125,
        (
            {"iv_rank": 50.0},
            {"trend_20d": 0.4},
            {"derived_regime": Regime.LOW_VOLATILITY},
            {"derived_regime": Regime.HIGH_VOLATILITY},
        ),
        (
            {"outlook": BULLISH},
            {"iv_rank": 49.99},
            {"trend_20d": 1.0},
            {"trend_20d": -1.0},
            {"trend_20d": None},
            {"derived_regime": Regime.CRISIS},
            {"derived_regime": Regime.TRENDING_UP},
            {"derived_regime": Regime.TRENDING_DOWN},
            {"term_structure_slope": -0.05},
            {"early_warning": Level.WARNING},
        ),
    ),
    Case(
        "EnhancedBullishLowIVEntry",
        cheap(options),
        "bullish",
        "long_call_spread",
        0.98046875,
        ({"iv_rank": 30.0}, {"derived_regime": Regime.CRISIS}, {"derived_regime": None}),
        (
            {"outlook": NEUTRAL},
            {"outlook": BEARISH},
            {"iv_rank": 30.01},
            {"early_warning": Level.WARNING},
        ),
    ),
    Case(
        "EnhancedBearishLowIVEntry",
        cheap(bearish_options),
        "bearish",
        "long_put_spread",
        0.98046875,
        ({"iv_rank": 30.0}, {"early_warning": Level.WARNING}),
        (
            {"outlook": NEUTRAL},
            {"outlook": BULLISH},
            {"iv_rank": 30.01},
            {"early_warning": Level.COLLAPSE},
        ),
    ),
    Case(
        "EnhancedNeutralLowIVEntry",
        cheap(neutral_options),
        "neutral",
        "calendar_spread",
        0.88671875,
        ({"iv_rank": 30.0}, {"term_structure_slope": 0.01}),
        (
            {"outlook": BULLISH},
            {"outlook": BEARISH},
            {"iv_rank": 30.01},
            {"term_structure_slope": -0.0001},
            {"term_structure_slope": None},
            {"early_warning": Level.WARNING},
        ),
    ),
)


def test_the_table_covers_every_rule() -> None:
    assert {case.rule for case in CASES} == {rule.name for rule in ENGINE.rules}
    assert len(CASES) == 11


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_fires_with_its_entry(case: Case) -> None:
    entry = entry_of(case.rule, case.build())
    assert entry is not None
    assert (entry.direction, entry.strategy.strategy_type) == (case.direction, case.strategy)
    assert entry.multiplier == pytest.approx(case.multiplier, abs=1e-7)
    assert entry.urgency == "medium"
    assert entry.strategy.legs


@pytest.mark.parametrize(
    ("case", "changed"),
    [(case, changed) for case in CASES for changed in case.fires],
    ids=lambda value: value.rule if isinstance(value, Case) else ",".join(value),
)
def test_it_still_fires_just_inside(case: Case, changed: dict[str, Any]) -> None:
    assert entry_of(case.rule, case.build(**changed)) is not None


@pytest.mark.parametrize(
    ("case", "changed"),
    [(case, changed) for case in CASES for changed in case.not_fires],
    ids=lambda value: value.rule if isinstance(value, Case) else ",".join(value),
)
def test_it_does_not_fire_one_step_outside(case: Case, changed: dict[str, Any]) -> None:
    decision = ENGINE.evaluate(case.build(**changed))
    found = line(decision, case.rule)
    assert found.outcome in (Outcome.NOT_MATCHED, Outcome.BLOCKED)
    assert found.note
    assert decision.rule != case.rule


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_can_be_the_decision(case: Case) -> None:
    """Alone in the book, a rule that fires is what is done."""
    alone = DecisionEngine(
        tuple(rule for rule in ENGINE.rules if rule.name == case.rule), Policy(gate=False)
    )
    decision = alone.evaluate(case.build())
    assert (decision.action, decision.rule) == (Action.ENTER, case.rule)
    assert decision.contracts == 1
    assert decision.reason.startswith(f"{case.rule}: ")


def test_momentum_is_sized_up_to_one_and_a_half() -> None:
    for momentum, size in ((0.04, 1.4), (-0.05, 1.5), (0.09, 1.5)):
        entry = entry_of("FuturesMomentumEntry", futures(signal_momentum=momentum))
        assert entry is not None
        assert entry.multiplier == pytest.approx(size)
        assert entry.direction.sign == (1 if momentum > 0 else -1)


@pytest.mark.parametrize(
    ("rank", "sides"),
    [(50.0, ["sell", "buy"]), (49.99, ["buy", "sell"]), (None, ["buy", "sell"])],
)
def test_a_futures_spread_is_sold_where_options_are_dear(
    rank: float | None, sides: list[str]
) -> None:
    entry = entry_of("FuturesBullishEntry", futures(iv_rank=rank))
    assert entry is not None
    nearest_the_money = sorted(entry.strategy.legs, key=lambda leg: -leg.delta)
    assert [leg.side for leg in nearest_the_money] == sides
    assert {leg.right for leg in entry.strategy.legs} == {"put" if rank == 50.0 else "call"}


def test_the_entry_window_is_new_yorks_also_in_summer() -> None:
    summer = datetime(2025, 7, 15, 13, 30, tzinfo=UTC)
    final = premarket(timestamp=summer - timedelta(minutes=5), session_date=date(2025, 7, 15))
    for hour, fires in ((0, True), (1, False)):
        at = summer + timedelta(hours=hour)
        seen = at_the_open(timestamp=at, premarket=final, futures_signal=signal(timestamp=at))
        assert (entry_of("PremarketSurgeEntry", seen) is not None) == fires
