"""The checks of whole series: moving, in step, within one contract.

Those with severity ERROR are blocking: a job that computes statistics or decisions of pairs
selects ``pair_checks`` with its assets, and none of these starts on data that failed. They
run by themselves in job ``quality`` as well, beside ``freshness_checks``, which must speak up
when nothing comes at all. ``change_checks`` run in job ``derive``, after change metrics.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import dagster as dg
import polars as pl

from futures_pipeline.analytics import quality
from futures_pipeline.orchestration.checks import ERROR, EXAMPLES, NEWEST_SESSIONS, WARN
from futures_pipeline.orchestration.ingestion.session_coverage import SNAPSHOTS
from futures_pipeline.orchestration.reporting import keys_text, table_value
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import BARS_1M, CHANGE_METRICS, FUTURES_SNAPSHOTS, Table

QUALITY_JOB = "quality"
NAMED = 3


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: the newest sessions of a table, read when they are asked for."""

    workbench: Workbench
    table: Table

    @cached_property
    def session_dates(self) -> list[date]:
        opened = self.workbench.lake.open(self.table.name)
        return opened.session_dates()[-NEWEST_SESSIONS:] if opened else []

    @cached_property
    def hours(self) -> pl.DataFrame:
        return quality.regular_hours(self.workbench.calendar.regular, self.session_dates)

    @cached_property
    def bars(self) -> pl.DataFrame:
        return self.workbench.lake.read(BARS_1M.name, self.session_dates)

    @cached_property
    def correlations(self) -> pl.DataFrame:
        return quality.pair_correlations(self.bars, self.hours)

    @cached_property
    def snapshots(self) -> pl.DataFrame:
        days = self.session_dates
        return pl.concat(self.workbench.lake.read(table.name, days) for table in SNAPSHOTS)

    @cached_property
    def changes(self) -> pl.DataFrame:
        return self.workbench.lake.read(CHANGE_METRICS.name, self.session_dates)


@dataclass(frozen=True, slots=True)
class SeriesCheck:
    """One check: of which table, what it promises, and how faults are found."""

    name: str
    table: Table
    promises: str
    severity: dg.AssetCheckSeverity
    find: Callable[[Evidence], pl.DataFrame]

    @property
    def key(self) -> dg.AssetCheckKey:
        return self.spec().key

    def spec(self) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(
            f"{self.table.name}_{self.name}",
            asset=self.table.name,
            blocking=self.severity is ERROR,
            description=f"{self.promises} Of the newest {NEWEST_SESSIONS} sessions.",
        )


PAIR_CHECKS = (
    SeriesCheck(
        "in_step",
        BARS_1M,
        "ETF and future of an index agree best in the same minute; bars labelled by their end "
        "would show as a lead of one minute.",
        ERROR,
        lambda seen: quality.misaligned_pairs(seen.correlations),
    ),
    SeriesCheck(
        "pairs_correlate",
        BARS_1M,
        "ES-SPY, NQ-QQQ and RTY-IWM correlate above 0.2 over a session's minutes; less is a "
        "fault of the data.",
        ERROR,
        lambda seen: quality.uncorrelated_pairs(seen.correlations),
    ),
    SeriesCheck(
        "named_by_start",
        BARS_1M,
        "No series runs from a minute after the open to the close, as bars labelled by their "
        "end do.",
        ERROR,
        lambda seen: quality.end_labelled(seen.bars, seen.hours),
    ),
    SeriesCheck(
        "move",
        BARS_1M,
        "No contract has one price for 30 bars in regular hours; such a series has no variance.",
        ERROR,
        lambda seen: quality.flat_series(seen.bars, seen.hours),
    ),
    SeriesCheck(
        "quotes_move",
        FUTURES_SNAPSHOTS,
        "No quote of a future, ETF or index stands still for 15 minutes in regular hours.",
        WARN,
        lambda seen: quality.frozen_quotes(seen.snapshots, seen.hours),
    ),
    SeriesCheck(
        "legs_fresh",
        FUTURES_SNAPSHOTS,
        "Neither leg of an index pair is more than 5 minutes old while the other is fresh.",
        WARN,
        lambda seen: quality.stale_legs(seen.snapshots, seen.hours),
    ),
)
CHANGE_CHECKS = (
    SeriesCheck(
        "of_one_contract",
        CHANGE_METRICS,
        "Every change is measured from a price that the same contract had then.",
        ERROR,
        lambda seen: quality.changes_of_other_prices(seen.changes, seen.session_dates),
    ),
)


@dg.multi_asset_check(
    name="pair_checks", specs=[check.spec() for check in PAIR_CHECKS], can_subset=True
)
def pair_checks(
    context: dg.AssetCheckExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> Iterator[dg.AssetCheckResult]:
    """Look for faults of whole series in the newest sessions."""
    asked = [each for each in PAIR_CHECKS if each.key in context.selected_asset_check_keys]
    yield from series_results(asked, Evidence(workbench, BARS_1M))


@dg.multi_asset_check(name="change_checks", specs=[check.spec() for check in CHANGE_CHECKS])
def change_checks(workbench: dg.ResourceParam[Workbench]) -> Iterator[dg.AssetCheckResult]:
    """Look for changes across contracts in the newest sessions."""
    yield from series_results(CHANGE_CHECKS, Evidence(workbench, CHANGE_METRICS))


def series_results(checks: Sequence[SeriesCheck], seen: Evidence) -> Iterator[dg.AssetCheckResult]:
    """Return the result of each check."""
    keys = keys_text(seen.session_dates) if seen.session_dates else "no session"
    for check in checks:
        yield series_result(check, check.find(seen), keys)


def series_result(check: SeriesCheck, found: pl.DataFrame, keys: str) -> dg.AssetCheckResult:
    """Return the result of a check that found these faults in the sessions ``keys``."""
    return dg.AssetCheckResult(
        check_name=f"{check.table.name}_{check.name}",
        asset_key=check.table.name,
        passed=found.is_empty(),
        severity=check.severity,
        description=f"{keys}: {in_words(found)}",
        metadata={
            "sessions": keys,
            "faults": found.height,
            **({} if found.is_empty() else {"found": table_value(found, EXAMPLES)}),
        },
    )


def in_words(found: pl.DataFrame) -> str:
    """Return faults in one line: the newest three, and how many there are."""
    newest = found.sort("session_date", descending=True, nulls_last=True, maintain_order=True)
    named = [
        f"{subject} {says}" + (f" ({day})" if day else "")
        for day, subject, _, says in newest.head(NAMED).iter_rows()
    ]
    more = f"; and {found.height - NAMED} more" if found.height > NAMED else ""
    return "; ".join(named) + more if named else "all good"
