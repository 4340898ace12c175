"""Option statistics from the lake: days streamed, and a year of one ETF's numbers read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from futures_pipeline.analytics.options.cleaning import READ
from futures_pipeline.api import get_derived_statistics
from futures_pipeline.config import DagsterSettings, OptionSettings, Settings
from futures_pipeline.orchestration.options.computing import Statistician
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.lake import Lake, Once
from futures_pipeline.storage.maintenance import maintain
from futures_pipeline.storage.tables import DERIVED_STATISTICS, OPTION_SNAPSHOTS
from futures_pipeline.storage.tables.options import OCC_SYMBOL
from futures_pipeline_tests.bench.options import LEVELS, RATE, TODAY, option_day
from futures_pipeline_tests.option_lake import CALENDAR, CLOCK, option_frame

Job = Callable[[], object]
Titled = tuple[str, Mapping[str, Callable[[], Job]]]

STREAMED, YEAR = 3, 252
MAINTAINED = "maintained"  # the directory of a lake after its daily maintenance


def option_lake_jobs(directory: Path) -> list[Titled]:
    """Return the jobs on a lake of a directory, which the first of them makes."""
    regular = CALENDAR.regular.before(TODAY + timedelta(days=1), STREAMED)
    days = [session.session_date for session in regular]
    settings = Settings(
        data=directory,
        dagster=DagsterSettings(first_session=days[0]),
        options=OptionSettings(rate=RATE),
        clock_text=CLOCK,
    )

    def streamed() -> Job:
        _fill_once(directory, days)
        workbench = Workbench(settings)
        statistician = Statistician(workbench.lake, settings, workbench.calendar)

        def job() -> object:
            return [it.statistics for it in statistician.described(days, workbench.clock.now())]

        job()  # the inner loops are compiled once a machine
        return job

    def decoding(names: Sequence[str]) -> Callable[[], Job]:
        def decoded() -> Job:
            _fill_once(directory, days)
            rows = Lake(settings.lake_path).open_or_create(OPTION_SNAPSHOTS.name).scan()
            wanted = [rows.filter(pl.col("session_date") == day).select(names) for day in days]
            return lambda: [it.collect().height for it in wanted]

        return decoded

    def history(data: Path) -> Callable[[], Job]:
        def opened() -> Job:
            _fill_once(directory, days)
            get_derived_statistics("SPY", YEAR, data=data)  # opens the table
            return lambda: get_derived_statistics("SPY", YEAR, data=data)

        return opened

    return [
        (
            f"27 option statistics, {STREAMED} days of 702,000 rows from the lake",
            {
                "ours": streamed,
                "decoding its columns": decoding(READ),
                "decoding the files": decoding(OPTION_SNAPSHOTS.names),
            },
        ),
        (
            f"{YEAR} days of implied volatility and the numbers beside it",
            {
                "ours": history(directory / MAINTAINED),
                "before any maintenance, a file a day": history(directory),
            },
        ),
    ]


def _fill_once(directory: Path, days: Sequence[date]) -> None:
    """Fill a lake with days of options and a year of statistics; not before a fork."""
    ready = directory / "options.ready"
    if ready.exists():
        return
    lake, rows = Lake(directory / "lake"), option_day()
    options = lake.open_or_create(OPTION_SNAPSHOTS.name)
    for number, day in enumerate(days):
        shift = day - TODAY
        moved = rows.with_columns(
            pl.col("round_at", "timestamp", "received_at", "expiry") + shift
        ).with_columns(contract=OCC_SYMBOL)
        of_day = option_frame(moved, day).sort(OPTION_SNAPSHOTS.order)
        options.append(of_day, Once("bench", number + 1), {})
    maintained = Lake(directory / MAINTAINED / "lake")
    _fill_statistics(lake)
    _fill_statistics(maintained)
    maintain(maintained, TODAY, datetime.now(UTC), [DERIVED_STATISTICS.name])
    ready.touch()


def _fill_statistics(lake: Lake) -> None:
    numbers = lake.open_or_create(DERIVED_STATISTICS.name)
    for number, session in enumerate(CALENDAR.regular.before(TODAY, YEAR)):
        of_day = _statistics(session.session_date)
        numbers.append(of_day, Once("bench", number + 1), {})


def _statistics(day: date) -> pl.DataFrame:
    said = pl.DataFrame({"symbol": list(LEVELS), "date": day, "session_date": day})
    missing = {n: kind for n, kind in DERIVED_STATISTICS.schema.items() if n not in said.columns}
    filled = said.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    return filled.with_columns(iv_atm_30d=0.15, regime=pl.lit("unknown"))
