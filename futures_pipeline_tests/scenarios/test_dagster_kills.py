"""A few kills of Dagster's processes at random: nothing lost, stuck or left behind."""

from pathlib import Path

import pytest

from futures_pipeline_tests.scenarios.dagster_kills import torture
from futures_pipeline_tests.scenarios.test_guarded_webserver import free

pytestmark = pytest.mark.scenario


@pytest.mark.timeout(1200)
def test_kills_lose_nothing_and_leave_nothing(data: Path) -> None:
    outcome = torture(data, kills=4, seed=8, port=free())

    assert outcome.kills.total() == 4
    assert outcome.missing_partitions == []
    assert outcome.stored_rows == outcome.distinct_rows == outcome.planted_rows
    assert outcome.orphans == []
