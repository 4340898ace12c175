"""At 09:25 no rule may act on the night yet; the brief says which one will."""

from typing import Any

import pytest

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.analytics.regimes import Outlook
from futures_pipeline.decisions.brief.at_the_open import waiting_rules
from futures_pipeline.decisions.brief.sections import morning_page
from futures_pipeline.decisions.early_warning.machine import Level
from futures_pipeline.decisions.engine import DecisionEngine, Policy
from futures_pipeline.decisions.rows import decision_row
from futures_pipeline.decisions.signals.words import Direction
from futures_pipeline_tests.decisions.brief import mornings
from futures_pipeline_tests.decisions.builders import FINAL, context, premarket

WAITS = "PremarketSurgeEntry lacks nothing but the open"
HELD = "it would be held back: futures have not shown their worth"


def row(*, gate: bool = False, **changed: Any) -> dict[str, Any]:
    """Return the stored decision of 09:25 after a bullish night."""
    night = {"timestamp": FINAL, "premarket": premarket(), "early_warning": Level.NORMAL}
    engine = DecisionEngine(policy=Policy(gate=gate))
    return decision_row(engine.evaluate(context(**night | changed)))


def test_a_bullish_night_waits_for_the_open() -> None:
    assert row()["action"] == "hold"
    assert list(waiting_rules(row())) == [f"{WAITS}."]
    page = morning_page(mornings.morning(mornings.market(decision=mornings.decision(**row()))))
    assert page.sections[1].cards[0].says[0] == f"{WAITS}."


def test_the_gate_would_hold_it_back() -> None:
    assert list(waiting_rules(row(gate=True))) == [f"{WAITS}; {HELD}."]
    useful = row(gate=True, verdict=Usefulness.USEFUL)
    assert list(waiting_rules(useful)) == [f"{WAITS}."]


@pytest.mark.parametrize(
    "changed",
    [
        {"premarket": premarket(bias=Direction.NEUTRAL)},
        {"premarket": None},
        {"outlook": Outlook.BEARISH},
        {"early_warning": Level.WARNING},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_rule_that_lacks_more_is_not_announced(changed: dict[str, Any]) -> None:
    assert list(waiting_rules(row(**changed))) == []
