"""The examples in the docstrings of the feed and its stand-in hold."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["collection.binance.feed", "collection.binance.rows", "simulator.binance.prices"]
)
def test_docstring_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"futures_pipeline.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
