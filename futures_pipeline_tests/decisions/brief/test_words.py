"""The examples in the docstrings of the brief."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["words", "sections"])
def test_docstring_examples_hold(name: str) -> None:
    failed, attempted = doctest.testmod(
        importlib.import_module(f"futures_pipeline.decisions.brief.{name}")
    )
    assert attempted > 0
    assert failed == 0
