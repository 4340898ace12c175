"""A lake and a spool in a directory of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import Spool
from futures_pipeline_tests.storage.rows import CALENDAR


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def ingestion(lake: Lake, spool: Spool) -> Ingestion:
    return Ingestion(lake, spool, tuple(UNIVERSE.values()), CALENDAR, "test")
