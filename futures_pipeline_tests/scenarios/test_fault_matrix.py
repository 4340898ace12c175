"""Every fault of the simulator against the real collector: reaction, healing, nothing leaked."""

from pathlib import Path

import pytest

from futures_pipeline.simulator.faults.every import FAULTS
from futures_pipeline_tests.faults.cases import CASES
from futures_pipeline_tests.faults.matrix import LANES, SPEED, Plan, run

pytestmark = pytest.mark.scenario


@pytest.mark.timeout(600)
def test_every_fault_is_met_as_expected_and_leaves_nothing_out(tmp_path: Path) -> None:
    rows = run(Plan(CASES, SPEED, LANES, tmp_path), lambda _: None)

    assert {row.case.title: row.failures for row in rows if row.failures} == {}
    assert [row.case.title for row in rows] == [case.title for case in CASES]


def test_every_fault_of_the_simulator_is_in_the_matrix() -> None:
    assert {case.name for case in CASES} == set(FAULTS)
