"""A few of each torture; ``make torture`` does a thousand."""

import random
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from futures_pipeline_tests.torture.__main__ import KINDS, run, sheet

pytestmark = pytest.mark.scenario


def test_no_torture_loses_or_doubles_a_row_or_gives_a_wrong_answer(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    told = Console(file=StringIO(), width=150)
    outcomes = run(seed, tmp_path, told, quick=True)

    shown = Console(width=150, record=True, file=StringIO())
    shown.print(sheet(outcomes))
    assert all(outcome.is_ok for outcome in outcomes), f"seed {seed}\n{shown.export_text()}"
    assert len(outcomes) == len(KINDS)
    assert all(outcome.skipped or outcome.account.acknowledged for outcome in outcomes)
