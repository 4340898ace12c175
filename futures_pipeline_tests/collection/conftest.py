"""A spool in a directory of the test's own, and a watch on a stage."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from futures_pipeline.collection.broker.pacing import Pacer
from futures_pipeline.collection.streaming import streams as streams_module
from futures_pipeline.collection.streaming import watch as watch_module
from futures_pipeline.storage.spool import Spool
from futures_pipeline_tests.collection.builders import Machine
from futures_pipeline_tests.collection.stage import Stage


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(f"sqlite:///{tmp_path / 'collector.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    machine = Machine()
    for module in (streams_module, watch_module):
        monkeypatch.setattr(module, "time", machine)
    made = Stage(machine)
    opening = asyncio.create_task(made.streams.open_bars(Pacer(made.clock)))
    yield made
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
