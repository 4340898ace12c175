"""The examples in the docstrings of the domain hold."""

import doctest
import importlib
import pkgutil

import pytest

from futures_pipeline import domain

MODULES = [module.name for module in pkgutil.iter_modules(domain.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(f"{domain.__name__}.{name}")
    assert doctest.testmod(module).failed == 0
