"""The examples in the docstrings of the statistics."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "inference",
        "correlation.estimate",
        "correlation.rolling",
        "predictive_value.skill",
    ],
)
def test_docstring_examples_hold(name: str) -> None:
    module = importlib.import_module(f"futures_pipeline.analytics.{name}")
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0
