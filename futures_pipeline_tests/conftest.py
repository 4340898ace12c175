"""How workers share the tests: scenarios in two lanes, and all else a file at a time.

Scenarios run real processes, many of them at sixty market seconds a second, so that a core
taken from them for a moment is a silent market. Those have a lane of their own (group
``hurried``). Both lanes start first; the other workers give way to them.
"""

import os

import pytest

SCENARIO = "scenario"
POLITE = 10


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = SCENARIO if _is_scenario(item) else item.nodeid.partition("::")[0]
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not _is_scenario(item))


def pytest_runtest_setup(item: pytest.Item) -> None:
    is_shared_out = "PYTEST_XDIST_WORKER" in os.environ
    if is_shared_out and not _is_scenario(item) and os.nice(0) < POLITE:
        os.nice(POLITE)


def _is_scenario(item: pytest.Item) -> bool:
    return item.get_closest_marker(SCENARIO) is not None
