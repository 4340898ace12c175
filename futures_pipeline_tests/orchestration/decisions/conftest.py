"""A lake of three months, and workbenches whose clock stands at a moment of its last session."""

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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    market(tmp_path, sessions(DAY, 26))
    return tmp_path


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
