"""Data directories for the pages: empty, with one row, and with something for each page."""

from pathlib import Path

import pytest

from futures_pipeline_tests.dashboard import filled


@pytest.fixture(scope="package")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which every page has something to show."""
    return filled.every_page(tmp_path_factory.mktemp("full"))


@pytest.fixture
def one_row(tmp_path: Path) -> Path:
    """A data directory with one quote."""
    return filled.one_snapshot(tmp_path)
