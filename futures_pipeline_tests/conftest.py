"""How workers share the tests: two lanes of scenarios, and all else a file at a time.

Scenarios run real processes, many of them at tens of market seconds a second, so that a core
taken from them for a moment is a silent market. Those are in a lane of their own. Both lanes
start first; the worker with the other tests gives way to them.
"""

import os

import pytest
from xdist.scheduler import LoadScopeScheduling

SCENARIO, HURRIED = "scenario", "hurried"
IN_A_HURRY = tuple(
    f"/test_{name}.py"
    for name in (
        *("backfill", "binance", "coverage_of_an_outage", "fault_matrix", "live_faults"),
        *("option_rounds", "option_trouble"),
    )
)
OTHERS_WITH_PROCESSES = ("/test_browser.py", "/test_torture.py")
POLITE = 10


class Lanes(LoadScopeScheduling):
    """Gives a worker a lane, or a file."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.endswith(IN_A_HURRY):
            return HURRIED
        return SCENARIO if _is_of_a_scenario(path) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not _is_of_a_scenario(item.nodeid.partition("::")[0]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    is_shared_out = "PYTEST_XDIST_WORKER" in os.environ
    is_of_a_scenario = _is_of_a_scenario(item.nodeid.partition("::")[0])
    if is_shared_out and not is_of_a_scenario and os.nice(0) < POLITE:
        os.nice(POLITE)


def _is_of_a_scenario(path: str) -> bool:
    return "/scenarios/" in path or path.endswith((*IN_A_HURRY, *OTHERS_WITH_PROCESSES))
