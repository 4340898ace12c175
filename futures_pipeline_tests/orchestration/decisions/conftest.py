"""A lake of a month, and workbenches whose clock stands at a moment of its last session."""

import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from futures_pipeline.config import (
    BinanceSettings,
    CollectionSettings,
    DagsterSettings,
    DecisionSettings,
    Settings,
)
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline_tests.market_lake import market, sessions

DAY = date(2025, 2, 20)
At = Callable[[datetime], Workbench]


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a month of a market; not to be written to."""
    made = tmp_path_factory.mktemp("month")
    market(made, sessions(DAY, 26))
    return made


@pytest.fixture
def data(month: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(month, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def at(data: Path) -> At:
    """A workbench that can know rows up to a moment, 70 seconds before its clock."""

    def opened(moment: datetime) -> Workbench:
        now = moment.timestamp() + 70.0
        return Workbench(settings_at(data, datetime.fromtimestamp(now, moment.tzinfo)))

    return opened


def settings_at(data: Path, now: datetime) -> Settings:
    return Settings(
        data=data,
        binance=BinanceSettings(enabled=False),
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        decisions=DecisionSettings(gate=False),
        collection=CollectionSettings(symbols=("ES", "SPY", "NQ", "QQQ", "VIX")),
        clock_text=f"{now.isoformat()}@4000000000.0*1",  # anchored in 2096: it stands still
    )


def local(hour: int, minute: int = 0) -> datetime:
    return new_york(DAY, hour, minute)
