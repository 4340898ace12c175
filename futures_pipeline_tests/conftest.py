"""How workers share the tests: scenarios one after the other, and all else a file at a time.

Scenarios run real processes at many market seconds a second, so that a core taken from them
for a moment is a silent market. They come first in one worker; the others give way to it.
"""

import os

import pytest

SCENARIO = "scenario"
POLITE = 10


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = SCENARIO if item.get_closest_marker(SCENARIO) else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker(SCENARIO) is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    is_shared_out = "PYTEST_XDIST_WORKER" in os.environ
    if is_shared_out and not item.get_closest_marker(SCENARIO) and os.nice(0) < POLITE:
        os.nice(POLITE)
