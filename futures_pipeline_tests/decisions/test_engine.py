"""The engine: order, hold, trace, gate, warnings, rules that raise, missing inputs."""

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.analytics.regimes import EnhancedMarketRegime, Outlook, Regime
from futures_pipeline.decisions.context import (
    DecisionContext,
    FuturesNumbers,
    OptionNumbers,
    decision_context,
)
from futures_pipeline.decisions.early_warning.machine import Level
from futures_pipeline.decisions.engine import Action, Decision, DecisionEngine, Policy, contracts
from futures_pipeline.decisions.rows import decision_row
from futures_pipeline.decisions.rules.book import all_rules
from futures_pipeline.decisions.rules.conditions import Quantity, above
from futures_pipeline.decisions.rules.rule import Entry, Rule
from futures_pipeline.decisions.rules.strategies import BULL_PUT_SPREAD
from futures_pipeline.decisions.signals.words import Direction, Signal
from futures_pipeline.decisions.trace import Outcome
from futures_pipeline_tests.decisions.builders import NOON, context, line, options, signal

GATED = DecisionEngine()
OPEN_GATE = DecisionEngine(policy=Policy(gate=False))


def test_the_first_match_is_the_decision_and_later_ones_are_noted() -> None:
    decision = OPEN_GATE.evaluate(options(futures_signal=signal()))
    assert decision.rule == "FuturesBullishEntry"
    assert [(t.rule, t.outcome) for t in decision.trace if t.entry] == [
        ("FuturesBullishEntry", Outcome.CHOSEN),
        ("EnhancedBullishHighIVEntry", Outcome.LATER),
        ("FuturesMomentumEntry", Outcome.LATER),
    ]
    assert len(decision.trace) == 11


def test_hold_names_the_nearest_rule_with_its_distance() -> None:
    decision = OPEN_GATE.evaluate(options(futures_signal=signal(confidence=0.46), iv_rank=40.0))
    assert (decision.action, decision.rule, decision.contracts) == (Action.HOLD, None, None)
    assert decision.reason == (
        "no rule matched; nearest FuturesBullishEntry: futures confidence > 0.5 fails: "
        "it is 0.46, 0.04 away"
    )
    (failing,) = line(decision, "FuturesBullishEntry").failing
    assert failing.distance == pytest.approx(0.04)
    assert failing.value == 0.46


def test_hold_names_no_nearest_rule_among_unknowns() -> None:
    """How far off a rule is cannot be told while one of its values is not known."""
    decision = OPEN_GATE.evaluate(context())
    assert decision.reason == "no rule matched; each asks for something that is not known"


def test_every_condition_of_every_rule_is_in_the_trace() -> None:
    decision = OPEN_GATE.evaluate(context())
    for rule in OPEN_GATE.rules:
        found = line(decision, rule.name)
        assert [check.condition for check in found.checks] == [c.text for c in rule.conditions]


def test_metadata_has_the_required_keys() -> None:
    decision = OPEN_GATE.evaluate(options(futures_signal=signal()))
    expected = {
        "strategy_type": "vertical_spread",
        "futures_signal": "buy",
        "gate": "off",
        "outlook_override": False,
    }
    assert expected.items() <= decision.metadata.items()
    assert decision.metadata["position_multiplier"] == pytest.approx(1.1001845)
    assert decision.metadata["futures_confidence"] == pytest.approx(0.7504613)
    assert decision.metadata["momentum"] == pytest.approx(0.0035029, abs=1e-7)


@pytest.mark.parametrize(
    ("base", "multiplier", "count"),
    [(1, 1.1, 1), (10, 1.1, 11), (10, 1.1 - 1e-12, 11), (10, 1.09, 10), (1, 0.3, 1), (3, 0.9, 2)],
)
def test_contracts_are_rounded_down_to_at_least_one(
    base: int, multiplier: float, count: int
) -> None:
    assert contracts(base, multiplier) == count


def test_base_contracts_are_multiplied() -> None:
    engine = DecisionEngine(policy=Policy(gate=False, base_contracts=10))
    assert engine.evaluate(options(futures_signal=signal())).contracts == 11


class TestEvidenceGate:
    @pytest.mark.parametrize("verdict", [None, Usefulness.INCONCLUSIVE, Usefulness.NOT_USEFUL])
    def test_futures_rules_are_shadows_until_shown_useful(self, verdict: Usefulness | None) -> None:
        decision = GATED.evaluate(context(futures_signal=signal(), verdict=verdict))
        assert decision.action is Action.HOLD
        assert decision.shadow is not None
        assert (decision.shadow.rule, decision.shadow.outcome) == ("FuturesBullishEntry", "shadow")
        assert decision.shadow.entry is not None
        assert "predictive value for SPY is" in decision.reason

    def test_a_useful_verdict_opens_it(self) -> None:
        decision = GATED.evaluate(context(futures_signal=signal(), verdict=Usefulness.USEFUL))
        assert (decision.rule, decision.shadow) == ("FuturesBullishEntry", None)

    def test_rules_on_options_need_no_evidence_of_futures(self) -> None:
        decision = GATED.evaluate(options(futures_signal=signal()))
        assert decision.rule == "EnhancedBullishHighIVEntry"
        assert decision.shadow is not None
        assert decision.shadow.rule == "FuturesBullishEntry"


class TestEarlyWarning:
    def test_a_warning_makes_the_outlook_bearish_and_says_so(self) -> None:
        decision = OPEN_GATE.evaluate(options(early_warning=Level.WARNING))
        assert decision.metadata["outlook"] == "bearish"
        assert decision.metadata["outlook_override"] is True
        assert line(decision, "EnhancedBullishHighIVEntry").outcome is Outcome.NOT_MATCHED

    def test_it_stops_a_bullish_entry_that_would_match_all_the_same(self) -> None:
        strong = signal(signal=Signal.STRONG_BUY)
        decision = OPEN_GATE.evaluate(context(futures_signal=strong, early_warning=Level.WARNING))
        assert decision.action is Action.HOLD
        assert line(decision, "FuturesContrarianEntry").outcome is Outcome.BLOCKED
        assert "blocked: the early warning is warning" in decision.reason

    def test_a_collapse_stops_everything(self) -> None:
        bearish = signal(signal=Signal.SELL, sentiment=Direction.BEARISH, momentum=-0.004)
        seen = context(outlook=Outlook.BEARISH, futures_signal=bearish)
        assert OPEN_GATE.evaluate(seen).rule == "FuturesBearishEntry"
        warned = OPEN_GATE.evaluate(replace(seen, early_warning=Level.WARNING))
        assert warned.rule == "FuturesBearishEntry"
        collapsed = OPEN_GATE.evaluate(replace(seen, early_warning=Level.COLLAPSE))
        assert collapsed.action is Action.HOLD

    def test_a_watch_is_a_colour_only(self) -> None:
        seen = options(futures_signal=signal())
        calm = OPEN_GATE.evaluate(replace(seen, early_warning=Level.NORMAL))
        watched = OPEN_GATE.evaluate(replace(seen, early_warning=Level.WATCH))
        assert (calm.entry, calm.trace) == (watched.entry, watched.trace)


def raising(error: Exception) -> Rule:
    def fail(_: DecisionContext) -> float:
        raise error

    return Rule(
        "BrokenEntry",
        0,
        all_rules()[0].family,
        (above(Quantity("broken", fail), 0.0),),
        lambda _: Entry(Direction.BULLISH, BULL_PUT_SPREAD, 1.0, 1.0, "never"),
    )


class TestRulesThatRaise:
    @pytest.mark.parametrize(
        "error",
        [
            AttributeError("no field x"),
            ZeroDivisionError("by zero"),
            KeyError("x"),
            NotImplementedError("later"),
        ],
    )
    def test_an_error_is_in_the_trace_and_not_a_silent_hold(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine = GATED.register(raising(error))
        with caplog.at_level(logging.ERROR):
            decision = engine.evaluate(context())
        assert decision.errors == ("BrokenEntry",)
        assert line(decision, "BrokenEntry").outcome is Outcome.ERROR
        assert f"BrokenEntry failed with {type(error).__name__}" in decision.reason
        assert "rule_failed rule=BrokenEntry symbol=SPY" in caplog.text
        assert "Traceback" in caplog.text

    def test_the_other_rules_are_still_asked(self, caplog: pytest.LogCaptureFixture) -> None:
        decision = GATED.register(raising(TypeError("x"))).evaluate(options())
        assert (decision.rule, decision.errors) == ("EnhancedBullishHighIVEntry", ("BrokenEntry",))
        assert "rule_failed" in caplog.text

    @pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_size_that_cannot_be_traded_is_an_error(self, size: float) -> None:
        model = all_rules()[1]

        def entry(seen: DecisionContext) -> Entry:
            return replace(model.entry(seen), multiplier=size)

        engine = DecisionEngine((replace(model, entry=entry),), Policy(gate=False))
        decision = engine.evaluate(context(futures_signal=signal()))
        assert (decision.action, decision.errors) == (Action.HOLD, ("FuturesBullishEntry",))

    def test_what_is_not_the_rules_fault_is_raised(self) -> None:
        with pytest.raises(OSError, match="disk full"):
            GATED.register(raising(OSError("disk full"))).evaluate(context())


class TestDegradation:
    def test_without_anything_it_holds_and_lists_what_is_missing(self) -> None:
        decision = GATED.evaluate(context())
        assert decision.action is Action.HOLD
        assert decision.degraded == ("futures", "early_warning", "options", "iv_rank", "vix")
        assert decision.errors == ()

    def test_without_futures_the_options_rules_work(self) -> None:
        decision = GATED.evaluate(options(vix=18.0))
        assert decision.rule == "EnhancedBullishHighIVEntry"
        assert decision.degraded == ("futures", "early_warning")
        assert decision.metadata["futures_signal"] is None

    def test_without_options_the_futures_rules_work(self) -> None:
        """From symbol, outlook and iv_rank alone."""
        decision = OPEN_GATE.evaluate(context(iv_rank=60.0, futures_signal=signal()))
        assert decision.rule == "FuturesBullishEntry"
        assert "options" in decision.degraded
        enhanced = line(decision, "EnhancedBullishHighIVEntry")
        assert "known share of the conviction >= 0.65" in {c.condition for c in enhanced.failing}

    @pytest.mark.parametrize(("minutes", "is_fresh"), [(15, True), (16, False)])
    def test_an_old_futures_signal_is_none(self, minutes: int, is_fresh: bool) -> None:
        old = signal(timestamp=NOON - timedelta(minutes=minutes))
        decision = OPEN_GATE.evaluate(context(futures_signal=old))
        assert (decision.action is Action.ENTER) == is_fresh
        assert ("futures" in decision.degraded) == (not is_fresh)

    def test_a_context_needs_an_aware_time(self) -> None:
        with pytest.raises(ValueError, match="aware"):
            context(timestamp=datetime(2025, 1, 15, 14, 0))  # noqa: DTZ001 - the mistake itself


def test_with_and_without_futures_side_by_side() -> None:
    found = GATED.compare(options(futures_signal=signal(), early_warning=Level.NORMAL))
    rules = (found.live.rule, found.with_futures.rule, found.without_futures.rule)
    assert rules == (
        "EnhancedBullishHighIVEntry",
        "FuturesBullishEntry",
        "EnhancedBullishHighIVEntry",
    )
    assert found.without_futures.metadata["early_warning"] is None


def test_a_context_is_built_from_its_three_sources() -> None:
    regime = EnhancedMarketRegime(
        symbol="SPY",
        timestamp=NOON,
        outlook=Outlook.BULLISH,
        iv_rank=60.0,
        vix=18.0,
        price=478.0,
        iv_rank_30d=65.0,
        iv_rank_60d=60.0,
        iv_rank_90d=58.0,
        iv_percentile_1y=70.0,
        volatility_20d=0.16,
        trend_20d=1.4,
        put_call_ratio=1.6,
        term_structure_slope=0.06,
        derived_regime=Regime.TRENDING_UP,
    )
    found = decision_context(
        regime,
        OptionNumbers(put_call_pctile_60=85.0, iv_atm_30d=0.20, vix3m=19.0),
        FuturesNumbers(signal=signal()),
    )
    assert found == options(vix=18.0, price=478.0, vix3m=19.0, futures_signal=signal())


signals = st.builds(
    signal,
    sentiment=st.sampled_from(Direction),
    signal=st.sampled_from(Signal),
    confidence=st.floats(0, 1),
    momentum=st.floats(-0.2, 0.2),
)
percents = st.floats(0, 100) | st.none()
contexts = st.builds(
    options,
    outlook=st.sampled_from(Outlook),
    iv_rank=percents,
    iv_rank_60d=percents,
    vix=st.floats(8, 90) | st.none(),
    trend_20d=st.floats(-3, 3) | st.none(),
    term_structure_slope=st.floats(-0.4, 0.4) | st.none(),
    volatility_20d=st.floats(0.02, 1) | st.none(),
    derived_regime=st.sampled_from(Regime) | st.none(),
    put_call_pctile_60=percents,
    futures_signal=signals | st.none(),
    early_warning=st.sampled_from(Level) | st.none(),
    verdict=st.sampled_from(Usefulness) | st.none(),
)


def same(first: Decision, second: Decision) -> bool:
    return decision_row(first) == decision_row(second)


@given(contexts, st.booleans())
def test_a_decision_is_bounded_and_complete(seen: DecisionContext, gate: bool) -> None:
    decision = DecisionEngine(policy=Policy(gate=gate)).evaluate(seen)
    assert decision.errors == ()
    assert len(decision.trace) == 11
    chosen = [trace for trace in decision.trace if trace.outcome is Outcome.CHOSEN]
    assert len(chosen) == (decision.action is Action.ENTER)
    for trace in decision.trace:
        assert (trace.entry is None) == (trace.outcome is Outcome.NOT_MATCHED)
        if trace.entry:
            assert 0.0 <= trace.entry.confidence <= 1.0 + 1e-12
            assert 0.0 < trace.entry.multiplier <= 1.5
    if seen.early_warning is Level.COLLAPSE:
        assert decision.action is Action.HOLD
    if decision.entry and seen.early_warning is Level.WARNING:
        assert decision.entry.direction is Direction.BEARISH


@given(contexts, st.permutations(all_rules()))
def test_registration_order_does_not_matter(seen: DecisionContext, shuffled: list[Rule]) -> None:
    """No two of the rules share priority and family, so only that decides."""
    engine = DecisionEngine(tuple(shuffled))
    assert engine.rules == GATED.rules
    assert same(engine.evaluate(seen), GATED.evaluate(seen))


@given(contexts)
def test_an_unknown_value_fulfils_nothing(seen: DecisionContext) -> None:
    for trace in OPEN_GATE.evaluate(seen).trace:
        for check in trace.checks:
            assert (check.value is None) == (check.holds is None)
            if check.value is None:
                assert trace.outcome is Outcome.NOT_MATCHED


@given(contexts)
def test_with_an_open_gate_shadows_are_the_decisions(seen: DecisionContext) -> None:
    shadow = GATED.evaluate(replace(seen, verdict=None)).shadow
    decision = OPEN_GATE.evaluate(seen)
    matched = [t.rule for t in decision.trace if t.outcome in (Outcome.CHOSEN, Outcome.LATER)]
    resting = [name for name in matched if not name.startswith("Enhanced")]
    assert (shadow.rule if shadow else None) == (resting[0] if resting else None)


def test_a_decision_as_a_row_is_text_that_can_be_compared() -> None:
    row = decision_row(OPEN_GATE.evaluate(options(futures_signal=signal())))
    assert row["legs"].startswith('[{"days_from":30,"days_to":45,"delta":0.3')
    trace = json.loads(row["trace"])
    assert [entry["outcome"] for entry in trace].count("chosen") == 1
    assert trace[1]["conditions"][-1] == {
        "condition": "futures confidence > 0.5",
        "value": pytest.approx(0.7504613),
        "holds": True,
        "distance": 0.0,
    }
