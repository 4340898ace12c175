"""Rules are found, ordered and refused; a user adds one in one file."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from futures_pipeline.decisions.engine import DecisionEngine
from futures_pipeline.decisions.rules.book import all_rules, in_order, rules_in
from futures_pipeline.decisions.rules.rule import Family
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline_tests.decisions import rules as not_a_rule_folder
from futures_pipeline_tests.decisions.builders import line, options
from futures_pipeline_tests.decisions.rules import own_rules


def test_the_order_is_priority_then_family() -> None:
    assert [rule.name for rule in all_rules()] == [
        "PremarketSurgeEntry",
        "FuturesBullishEntry",
        "EnhancedBullishHighIVEntry",
        "FuturesBearishEntry",
        "EnhancedBearishHighIVEntry",
        "FuturesContrarianEntry",
        "EnhancedNeutralHighIVEntry",
        "FuturesMomentumEntry",
        "EnhancedBullishLowIVEntry",
        "EnhancedBearishLowIVEntry",
        "EnhancedNeutralLowIVEntry",
    ]


def test_registration_decides_between_equals() -> None:
    first = all_rules()[-1]
    second = replace(first, name="Second")
    assert [rule.name for rule in in_order((first, second))] == [first.name, "Second"]
    assert [rule.name for rule in in_order((second, first))] == ["Second", first.name]


def test_a_users_rule_is_one_file() -> None:
    (rule,) = rules_in(own_rules)
    engine = DecisionEngine().register(rule)
    assert engine.rules[0].name == "PremarketSurgeEntry"
    assert engine.rules[1] == rule
    decision = engine.evaluate(options(iv_rank=9.0, vix=12.5))
    assert (decision.rule, decision.contracts) == ("CheapCallsEntry", 1)
    assert decision.reason == "CheapCallsEntry: calls are cheap at VIX 12.5"
    held = line(engine.evaluate(options(iv_rank=9.0, vix=14.5)), "CheapCallsEntry")
    assert held.note == "VIX < 14 fails: it is 14.5, 0.5 away"


def test_a_name_is_taken_once() -> None:
    engine = DecisionEngine()
    with pytest.raises(ConfigurationError, match="'FuturesBullishEntry' is not allowed"):
        engine.register(next(r for r in engine.rules if r.name == "FuturesBullishEntry"))


def test_a_file_without_rules_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a tuple of rules"):
        rules_in(not_a_rule_folder)


@pytest.mark.parametrize("text", ["import no_such_module", "RULES = (", "RULES = (below(),)"])
def test_a_file_that_cannot_be_imported_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    folder = tmp_path / "broken_rules"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "mine.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"^broken_rules.mine: .* a file that can be"):
        rules_in(import_module("broken_rules"))
    monkeypatch.delitem(sys.modules, "broken_rules")


def test_what_rests_on_futures() -> None:
    resting = {rule.name for rule in all_rules() if rule.rests_on_futures}
    assert len(resting) == 5
    assert not any(rule.startswith("Enhanced") for rule in resting)
    assert {rule.family for rule in all_rules()} == set(Family)
