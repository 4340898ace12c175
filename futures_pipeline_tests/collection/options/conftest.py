"""One generated market for all tests of option rounds."""

import pytest

from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.source import Market


@pytest.fixture(scope="session")
def market() -> Market:
    return GeneratedMarket(seed=7)
