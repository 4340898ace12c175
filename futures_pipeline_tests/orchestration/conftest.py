"""Settings on a data directory of the test's own, and sessions planted in its spool."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.analytics.expected_streams import open_spans
from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.config import BinanceSettings, DagsterSettings, Settings
from futures_pipeline.domain.instruments import UNIVERSE, Kind
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.hosting.once import QUIET
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.orchestration.sensors.derived import DERIVE_JOB
from futures_pipeline.orchestration.sensors.runs import run_request
from futures_pipeline.orchestration.sensors.spool import INGEST_JOB
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import BARS_1M, GATEWAY_EVENTS
from futures_pipeline_tests.storage.rows import frame, minute_bars, snapshot, table_of

FRIDAY, TUESDAY, WEDNESDAY = date(2025, 1, 10), date(2025, 1, 14), date(2025, 1, 15)
NOW = datetime(2025, 1, 16, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTHING: Mapping[str, tuple[datetime, datetime]] = {}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path,
        binance=BinanceSettings(enabled=False),
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        clock_text=f"{NOW.isoformat()}@4000000000.0*1",  # anchored in 2096: it stands at NOW
    )


@pytest.fixture
def workbench(settings: Settings) -> Iterator[Workbench]:
    opened = Workbench(settings)
    yield opened
    opened.spool.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@dataclass(frozen=True)
class Passed:
    """What the jobs of one pass did."""

    results: Sequence[dg.ExecuteInProcessResult]

    @property
    def success(self) -> bool:
        return all(result.success for result in self.results)

    @property
    def run_ids(self) -> list[str]:
        return [result.run_id for result in self.results]

    def get_asset_check_evaluations(self) -> list[dg.AssetCheckEvaluation]:
        return [one for result in self.results for one in result.get_asset_check_evaluations()]

    def get_asset_materialization_events(self) -> list[dg.DagsterEvent]:
        return [one for result in self.results for one in result.get_asset_materialization_events()]


class Ingest:
    """Runs jobs ``ingest`` and ``derive`` in this process, as the sensors would ask for them."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        definitions = build_defs(settings)
        self.jobs = [definitions.resolve_job_def(name) for name in (INGEST_JOB, DERIVE_JOB)]
        self.instance = instance

    def __call__(self, *keys: str) -> Passed:
        return Passed([self._executed(job, keys) for job in self.jobs])

    def only_raw(self, *keys: str) -> Passed:
        """Leave out what follows from the rows."""
        return Passed([self._executed(self.jobs[0], keys)])

    def _executed(self, job: dg.JobDefinition, keys: Sequence[str]) -> dg.ExecuteInProcessResult:
        request = run_request(keys, spool_seq=0)
        return job.execute_in_process(
            partition_key=request.partition_key,
            tags=request.tags,
            instance=self.instance,
            run_config=QUIET,
            raise_on_error=False,
        )


@pytest.fixture
def ingest(settings: Settings, instance: dg.DagsterInstance) -> Ingest:
    return Ingest(settings, instance)


Lost = Mapping[str, tuple[datetime, datetime]]


def plant_bars(
    workbench: Workbench, days: Sequence[date], every: int = 15, lost: Lost = NOTHING
) -> None:
    """Put a bar of each symbol for each ``every``-th minute of its market into the spool.

    ``lost``: by symbol, the span [from, to) whose bars are left out.
    """
    for day in days:
        for symbol, instrument in UNIVERSE.items():
            for opens_at, closes_at in market_spans(workbench, instrument.kind, day):
                minutes = (closes_at - opens_at) // MINUTE
                bars = minute_bars(symbol, day, opens_at, minutes, every)
                if symbol in lost:
                    bars = bars.filter(~pl.col("ts_start").is_between(*lost[symbol], closed="left"))
                workbench.spool.append([NewBatch(BARS_1M.name, day, bars)], NOW)


def plant_rounds(workbench: Workbench, days: Sequence[date]) -> None:
    """Put a snapshot of each symbol for each minute of its market into the spool."""
    for day in days:
        for symbol, instrument in UNIVERSE.items():
            rows = [
                snapshot(symbol, session_date=day, timestamp=opens_at + MINUTE * minute)
                for opens_at, closes_at in market_spans(workbench, instrument.kind, day)
                for minute in range((closes_at - opens_at) // MINUTE)
            ]
            batch = NewBatch(table_of(symbol).name, day, frame(rows, table_of(symbol)))
            workbench.spool.append([batch], NOW)


def plant_events(workbench: Workbench, day: date, *events: dict[str, Any]) -> None:
    """Put events of a session (``rows.event``) into the spool."""
    rows = frame([{**found, "session_date": day} for found in events], GATEWAY_EVENTS)
    workbench.spool.append([NewBatch(GATEWAY_EVENTS.name, day, rows)], NOW)


def market_spans(workbench: Workbench, kind: Kind, day: date) -> list[tuple[datetime, datetime]]:
    """Return the open spans of a market in a Globex session, none on a day without one."""
    session = workbench.calendar.globex.on(day)
    return [] if session is None else open_spans(market_hours(kind, workbench.calendar), session)


def plant_quotes(
    workbench: Workbench, day: date, symbol: str = "ES", good: int = 3, crossed: int = 0
) -> None:
    """Put quotes of one symbol into the spool, a minute apart from 10:00 New York."""
    first = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    quotes = [
        snapshot(symbol, session_date=day, timestamp=first + timedelta(minutes=number))
        for number in range(good + crossed)
    ]
    for quote in quotes[good:]:
        quote["bid"] = quote["ask"] + 1.0
    workbench.spool.append([NewBatch(table_of(symbol).name, day, frame(quotes))], NOW)
