"""Mornings with planted signals, decisions and prices, written to a lake as it stores them."""

import hashlib
import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from futures_pipeline.config import CollectionSettings, DagsterSettings, Settings
from futures_pipeline.decisions.engine import Decision, DecisionEngine
from futures_pipeline.decisions.rows import decision_row, signal_row
from futures_pipeline.decisions.signals.words import Signal
from futures_pipeline.domain.sessions import new_york
from futures_pipeline.orchestration.build import build_defs
from futures_pipeline.orchestration.scorecard.automation import SCORECARD_JOB
from futures_pipeline.storage.ingestion import source_id
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    PREMARKET_SIGNALS,
    TABLES,
)
from futures_pipeline_tests.decisions.builders import context, options, premarket, signal
from futures_pipeline_tests.pair_lake import regular_days
from futures_pipeline_tests.storage.rows import bar

DAYS = regular_days(10)
EVENING = new_york(DAYS[-1], 17, 30)
RECEIPT = {"receipt": "{}", "contract": "ESH5"}


def settings_at(data: Path, now: datetime) -> Settings:
    """Settings of ES, SPY and VIX, whose clock stands at ``now``."""
    return Settings(
        data=data,
        dagster=DagsterSettings(first_session=date(2025, 1, 2)),
        collection=CollectionSettings(symbols=("ES", "SPY", "VIX")),
        clock_text=f"{now.isoformat()}@4000000000.0*1",  # anchored in 2096
    )


def final(day: date, **changed: Any) -> dict[str, Any]:
    """The final pre-market signal of a day: bullish, 1 % up."""
    found = premarket(timestamp=new_york(day, 9, 25), session_date=day, **changed)
    return RECEIPT | signal_row(found) | {"vix": 17.0}


def decided(day: date, confirmed: bool, minute: int = 25) -> dict[str, Any]:
    """A bullish entry on options, with futures that say the same or the opposite."""
    said = signal(signal=Signal.BUY if confirmed else Signal.SELL)
    at = new_york(day, 9, minute)
    return decision_row(DecisionEngine().evaluate(options(futures_signal=said, timestamp=at)))


def held(day: date) -> Decision:
    """A hold, whose futures rule the evidence gate holds back."""
    at = new_york(day, 9, 25)
    return DecisionEngine().evaluate(context(timestamp=at, futures_signal=signal(timestamp=at)))


def warned(day: date, level: str = "normal") -> dict[str, Any]:
    return RECEIPT | {
        "symbol": "ES",
        "timestamp": new_york(day, 9, 25),
        "log_return": 0.0001,
        "z": 0.2,
        "drawdown": 0.4,
        "cusum": 1.5,
        "level": level,
        "cooldown_bars": 0,
        "is_escalation": False,
        "state": "{}",
    }


def store(lake: Lake, name: str, day: date, rows: Sequence[dict[str, Any]], seq: int = 1) -> None:
    """Make rows the only ones of a session in a table, with the session's position."""
    once = Once(source_id(name, day), seq)
    lake.open_or_create(name).replace([day], whole(name, day, rows), {}, once)


def whole(name: str, day: date, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return rows of a session with all columns of their table."""
    schema = TABLES[name].schema
    filled = [
        {
            "id": hashlib.sha256(repr((name, day, number)).encode()).hexdigest()[:16],
            "receipt": "{}",
            "computed_at": new_york(day, 9, 26),
            "ingested_at": new_york(day, 9, 26),
            "spool_seq": 1,
        }
        | row
        | {"session_date": day}
        for number, row in enumerate(rows)
    ]
    shaped = [{key: row.get(key) for key in schema} for row in filled]
    return pl.DataFrame(shaped, schema=schema, orient="row")


def minute(symbol: str, start: datetime, opening: float, closing: float) -> dict[str, Any]:
    values = {"ts_start": start, "open": opening, "close": closing}
    return bar(symbol, **values, high=max(opening, closing), low=min(opening, closing))


def day_bars(day: date, half_hour: float) -> list[dict[str, Any]]:
    """SPY at 480 at the open, ``half_hour`` (a fraction) away by 10:00, and there to the close."""
    later = 480.0 * (1.0 + half_hour)
    moments = ((9, 30, 480.0, 480.0), (9, 59, later, later), (10, 29, later, later),
               (15, 59, later, later))  # fmt: skip
    return [minute("SPY", new_york(day, h, m), *prices) for h, m, *prices in moments]


def night_bars(day: date) -> list[dict[str, Any]]:
    """ES minute by minute from 18:00 to 09:30, rising by 48 points; VIX at 17 from 09:00."""
    opens = new_york(day, 0) - timedelta(hours=6)
    es = [
        minute("ES", opens + timedelta(minutes=n), 4_800.0 + n // 20, 4_800.0 + n // 20)
        for n in range(930)
    ]
    vix = [minute("VIX", new_york(day, 9, n), 17.0, 17.0) for n in range(30)]
    return [*es, *vix]


def plant(lake: Lake, days: Sequence[date], rising: int = 7) -> None:
    """Bullish mornings, of which the first ``rising`` rose by 1 % in half an hour, others fell.

    Futures confirmed every second decision. The newest three sessions have positions.
    """
    of_table: dict[str, list[list[dict[str, Any]]]] = {
        BARS_1M.name: [day_bars(day, 0.01 if n < rising else -0.01) for n, day in enumerate(days)],
        PREMARKET_SIGNALS.name: [[final(day)] for day in days],
        ENTRY_DECISIONS.name: [[decided(day, confirmed=n % 2 == 0)] for n, day in enumerate(days)],
    }
    for name, of_days in of_table.items():
        older = [whole(name, day, rows) for day, rows in zip(days[:-3], of_days, strict=False)]
        lake.open_or_create(name).replace(days[:-3], pl.concat(older), {})
        for day, rows in zip(days[-3:], of_days[-3:], strict=True):
            store(lake, name, day, rows)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of 10 mornings; not to be written to."""
    data = tmp_path_factory.mktemp("mornings")
    plant(Lake(data / "lake"), DAYS)
    return data


@pytest.fixture(scope="session")
def scored(
    planted: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dg.ExecuteInProcessResult]:
    """The planted lake after one run over all its sessions; not to be written to."""
    data = Path(shutil.copytree(planted, tmp_path_factory.mktemp("scored") / "data"))
    return data, run_job(settings_at(data, EVENING), SCORECARD_JOB, DAYS[0], DAYS[-1])


@pytest.fixture
def lake(planted: Path, tmp_path: Path) -> Path:
    """A copy of the planted lake."""
    return Path(shutil.copytree(planted, tmp_path / "data"))


def run_job(
    settings: Settings, job: str, first: date, last: date | None = None
) -> dg.ExecuteInProcessResult:
    """Run a job on one session, or a span of them, in this process."""
    tags = {} if last is None else {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        return (
            build_defs(settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                partition_key=str(first) if last is None else None,
                tags=tags,
                raise_on_error=False,
            )
        )


def shown(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dict[str, Any]]:
    """What each asset's page shows of each session."""
    return {
        (event.asset_key.to_user_string(), str(event.partition)): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }
