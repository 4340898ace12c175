"""The examples in docstrings are true."""

import doctest

import pytest

from futures_pipeline.orchestration import partitions, reporting


@pytest.mark.parametrize("module", [partitions, reporting], ids=lambda module: module.__name__)
def test_doctests(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted
    assert not found.failed
