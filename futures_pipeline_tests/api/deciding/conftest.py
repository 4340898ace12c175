"""One lake a module: three months of a market, read as of moments of its last session."""

from datetime import date
from pathlib import Path

import pytest

from futures_pipeline.api.store import Store
from futures_pipeline.config import Settings
from futures_pipeline.storage.lake import Lake
from futures_pipeline_tests.market_lake import market, sessions

DAY = date(2025, 2, 20)
CLOCK = "2025-02-20T22:30:00+00:00@4000000000.0*1"  # anchored in 2096: it stands still


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return market(tmp_path_factory.mktemp("market"), sessions(DAY, 66))


@pytest.fixture
def store(lake: Lake) -> Store:
    return store_on(lake)


def store_on(lake: Lake, **changed: object) -> Store:
    settings = Settings(data=Path(lake.root).parent, clock_text=CLOCK)
    return Store(lake, settings.model_copy(update=changed))
