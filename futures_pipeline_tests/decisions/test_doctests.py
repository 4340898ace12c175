"""The examples in the docstrings of the decisions."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "early_warning.machine",
        "engine",
        "rules.conviction",
        "rules.entries.futures",
        "scorecard.nights",
        "scorecard.rates",
        "signals.basis",
        "signals.premarket",
        "signals.timing",
        "signals.volatility",
        "signals.words",
        "trace",
    ],
)
def test_docstring_examples_hold(name: str) -> None:
    module = importlib.import_module(f"futures_pipeline.decisions.{name}")
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0
