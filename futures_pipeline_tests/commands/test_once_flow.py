"""The end of ``demo --once``: data, signals, and every rule with futures and without."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from futures_pipeline.commands.running.once_flow import print_flow
from futures_pipeline.decisions.rules.book import all_rules
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.orchestration.scorecard.conftest import (
    DAYS,
    day_bars,
    night_bars,
    plant,
    settings_at,
    store,
)

DAY = DAYS[3]


def printed(data: Path) -> str:
    screen = StringIO()
    print_flow(Console(width=100, file=screen), settings_at(data, new_york(DAY, 9, 31)))
    return screen.getvalue()


def test_the_flow_of_the_newest_moment_that_all_bars_reach(tmp_path: Path) -> None:
    """ES ends at 09:30, so what is decided at 09:30 is the newest that can be shown."""
    lake = Lake(tmp_path / "lake")
    plant(lake, DAYS[:4])
    store(lake, BARS_1M.name, DAY, [*night_bars(DAY), *day_bars(DAY, 0.01)], seq=2)
    text = printed(tmp_path)
    assert f"Signals, {DAY} 14:30 UTC, 09:30 New York" in " ".join(text.split())
    assert "bullish, +1.80" in text
    for rule in all_rules():
        (line,) = [line for line in text.splitlines() if f"\u2502 {rule.name} " in line]
        assert line.count("/") == 1
    # Its early warning is not stored and its options are not known: only the night speaks.
    assert "SPY without: hold: no rule matched" in text


def test_an_empty_lake_prints_nothing(tmp_path: Path) -> None:
    assert printed(tmp_path) == ""
