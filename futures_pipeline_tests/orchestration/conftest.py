"""Settings on a data directory of the test's own, and sessions planted in its spool."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from futures_pipeline.config import DagsterSettings, Settings
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.resources import Pipeline
from futures_pipeline.orchestration.sensors import INGEST_JOB, run_request
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import frame, minute_bars, snapshot, table_of

FRIDAY, TUESDAY, WEDNESDAY = date(2025, 1, 10), date(2025, 1, 14), date(2025, 1, 15)
NOW = datetime(2025, 1, 16, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path,
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        clock_text=f"{NOW.isoformat()}@4000000000.0*1",  # anchored in 2096: it stands at NOW
    )


@pytest.fixture
def pipeline(settings: Settings) -> Iterator[Pipeline]:
    opened = Pipeline(settings)
    yield opened
    opened.spool.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


class Ingest:
    """Runs job ``ingest`` in this process, as the sensor would ask for it."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.job = build_defs(settings).resolve_job_def(INGEST_JOB)
        self.instance = instance

    def __call__(self, *keys: str) -> dg.ExecuteInProcessResult:
        request = run_request(keys, spool_seq=0)
        return self.job.execute_in_process(
            partition_key=request.partition_key,
            tags=request.tags,
            instance=self.instance,
            raise_on_error=False,
        )


@pytest.fixture
def ingest(settings: Settings, instance: dg.DagsterInstance) -> Ingest:
    return Ingest(settings, instance)


def plant_bars(pipeline: Pipeline, days: Sequence[date], every: int = 15) -> None:
    """Put a bar of each symbol for each ``every``-th minute of its market into the spool."""
    for day in days:
        for symbol, instrument in UNIVERSE.items():
            market = pipeline.calendar.globex
            hours = market if instrument.kind is Kind.FUTURE else pipeline.calendar.regular
            session = hours.on(day)
            if session is not None:
                bars = minute_bars(symbol, day, session.opens_at, session.minutes, every)
                pipeline.spool.append([NewBatch(BARS_1M.name, day, bars)], NOW)


def plant_quotes(
    pipeline: Pipeline, day: date, symbol: str = "ES", good: int = 3, crossed: int = 0
) -> None:
    """Put quotes of one symbol into the spool, a minute apart from 10:00 New York."""
    first = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    quotes = [
        snapshot(symbol, session_date=day, timestamp=first + timedelta(minutes=number))
        for number in range(good + crossed)
    ]
    for quote in quotes[good:]:
        quote["bid"] = quote["ask"] + 1.0
    pipeline.spool.append([NewBatch(table_of(symbol).name, day, frame(quotes))], NOW)
