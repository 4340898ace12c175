"""Whole simulated days: the daily pause, the nightly reset, a change of the clocks, a roll.

Three legs in one data directory, each a start of the collector as after a weekend's upgrade:
the Sunday on which New York changes its clocks, the last hours of an old front month, and
the Sunday evening and Monday on which the next one takes over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import NEW_YORK, minute_floor, new_york
from futures_pipeline_tests.faults.play import NO_VIOLATIONS, lasting_leaks, speaks
from futures_pipeline_tests.faults.rolled import materialized, roll_failures
from futures_pipeline_tests.faults.stage import Setting, Stage, staged
from futures_pipeline_tests.faults.truth import (
    ALL_SYMBOLS,
    Difference,
    Truth,
    difference,
    minutes_of,
)
from futures_pipeline_tests.faults.verdict import Stored, ingested, ingesting, standing

SEED = 11
# Expiry is Friday the 21st of March 2025: the Monday of that week is the first with ESM5 alone.
ROLL = date(2025, 3, 17)
COLLECTOR = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "1"}
FIRST_ROWS_SECONDS = 90.0
HEALING_SECONDS = 60.0
RESET_SECONDS = 2700.0
HOUR = timedelta(hours=1)
# A connection's end is noticed at once; at high speed that is minutes of market time.
SLACK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Leg:
    """A run of the collector; ``resets`` are the moments at which the servers restart."""

    title: str
    starts_at: datetime
    ends_at: datetime
    resets: tuple[datetime, ...] = ()

    @property
    def hours(self) -> int:
        return self.hours_until(self.ends_at)

    def hours_until(self, at: datetime) -> int:
        """Return the whole hours from the start, the last one begun included."""
        return -int((self.starts_at - at) // HOUR)


def _night(day: date) -> datetime:
    return new_york(day, 0, 20)


LEGS: Sequence[Leg] = (
    Leg(
        "clocks change",
        new_york(date(2025, 3, 9), 1),
        new_york(date(2025, 3, 10), 2),
        (_night(date(2025, 3, 10)),),
    ),
    Leg("old front month", new_york(date(2025, 3, 14), 12), new_york(date(2025, 3, 14), 17, 30)),
    Leg(
        "roll",
        new_york(date(2025, 3, 16), 17, 30),
        new_york(date(2025, 3, 17), 18, 30),
        (_night(date(2025, 3, 17)),),
    ),
)


@dataclass(frozen=True, slots=True)
class HourRow:
    """What was collected in one hour: minutes of all contracts, and rows of snapshots."""

    leg: str
    starts_at: datetime
    session_date: date
    contracts: str
    expected: int
    live: int
    from_history: int
    missing: int
    snapshots: int
    events: str


@dataclass(slots=True)
class Report:
    """The hours, and every failure in words."""

    hours: list[HourRow] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def run(speed: float, data: Path, progress: Callable[[Leg, datetime], None]) -> Report:
    """Play all legs and judge; ``progress`` hears the market's time."""
    truth = Truth(SEED, ALL_SYMBOLS, LEGS[-1].ends_at)
    report = Report()
    data.mkdir(parents=True, exist_ok=True)
    with ingesting(data, ALL_SYMBOLS, LEGS[-1].ends_at):
        for leg in LEGS:
            report.failures += _played(leg, speed, data, truth, progress)
    stored = Stored.of(ingested(data, ALL_SYMBOLS, LEGS[-1].ends_at), ALL_SYMBOLS)
    sessions = sorted(stored.bars["session_date"].unique())
    report.failures += materialized(data, ALL_SYMBOLS, sessions, LEGS[-1].ends_at)
    report.failures += roll_failures(data, truth, ROLL)
    for leg in LEGS:
        report.hours += _hours(leg, stored, truth)
        report.failures += [f"{leg.title}: {words}" for words in _failures(leg, stored, truth)]
    return report


def _played(
    leg: Leg, speed: float, data: Path, truth: Truth, progress: Callable[[Leg, datetime], None]
) -> list[str]:
    setting = Setting(leg.starts_at, speed, ALL_SYMBOLS, SEED, COLLECTOR)
    with staged(setting, data) as stage:
        for reset in leg.resets:
            _until(stage, reset, leg, progress)
            stage.fault("nightly_reset", seconds=RESET_SECONDS)
        _until(stage, leg.ends_at, leg, progress)
        expected = truth.between(_first_minute(leg, truth), minute_floor(leg.ends_at))

        def is_complete() -> bool:
            found = difference(standing(stage.bars()), expected)
            return not (found.missing.height or found.changed.height)

        failures = []
        if not stage.until(is_complete, HEALING_SECONDS, every=1.0):
            failures.append(f"{leg.title}: not complete {HEALING_SECONDS:g} s after its end")
        if not speaks(stage, truth, leg.ends_at - HOUR):
            failures.append(f"{leg.title}: not every open market spoke in the last hour")
        return failures + [
            f"{leg.title}: {words}" for words in lasting_leaks(stage, truth, NO_VIOLATIONS)
        ]


def _until(
    stage: Stage, moment: datetime, leg: Leg, progress: Callable[[Leg, datetime], None]
) -> None:
    def is_reached() -> bool:
        now = stage.clock.now()
        progress(leg, min(now, leg.ends_at))
        return now >= moment

    left = moment - stage.clock.now()
    stage.until(is_reached, stage.machine_seconds(max(left, timedelta())) + FIRST_ROWS_SECONDS)


def _first_minute(leg: Leg, truth: Truth) -> datetime:
    """Return the open of the session before the one in which the leg starts."""
    current = truth.calendar.session_date(leg.starts_at)
    return truth.calendar.globex.before(current, 1)[0].opens_at


def label(moment: datetime) -> date:
    """Return a moment's trade date by the clock on the wall, where no holiday is near.

    >>> label(new_york(date(2025, 3, 9), 18))
    datetime.date(2025, 3, 10)
    >>> label(new_york(date(2025, 3, 14), 16, 59)), label(new_york(date(2025, 3, 14), 17))
    (datetime.date(2025, 3, 14), datetime.date(2025, 3, 17))
    """
    local = moment.astimezone(NEW_YORK)
    day = local.date() + timedelta(days=1) if local.hour >= 17 else local.date()
    while day.isoweekday() > 5:
        day += timedelta(days=1)
    return day


def _failures(leg: Leg, stored: Stored, truth: Truth) -> list[str]:
    start, end = _first_minute(leg, truth), minute_floor(leg.ends_at)
    inside = (pl.col("ts_start") >= start) & (pl.col("ts_start") < end)
    bars = stored.bars.filter(inside)
    found = difference(bars, truth.between(start, end))
    during = pl.col("timestamp").is_between(leg.starts_at, leg.ends_at)
    snapshots = stored.snapshots.filter(during)
    return [
        *_of_difference(found),
        *_of_labels(bars, "ts_start"),
        *_of_labels(snapshots, "timestamp"),
        *_of_closures(snapshots, truth),
        *_of_contracts(snapshots, truth),
        *_of_resets(leg, stored.events),
    ]


def _of_difference(found: Difference) -> list[str]:
    parts = {
        "missing": found.missing,
        "changed": found.changed,
        "invented": found.invented,
        "twice": found.twice,
    }
    return [f"{name}: {minutes_of(part)}" for name, part in parts.items() if part.height]


def _of_labels(rows: pl.DataFrame, column: str) -> list[str]:
    moments = rows.select(column, "session_date").unique().iter_rows()
    wrong = sorted(at for at, day in moments if label(at) != day)
    return [f"{len(wrong)} moments under a wrong session, first {wrong[0]}"] if wrong else []


def _of_closures(snapshots: pl.DataFrame, truth: Truth) -> list[str]:
    """No snapshot is taken of a closed market."""
    hours = {symbol: market_hours(UNIVERSE[symbol].kind, truth.calendar) for symbol in ALL_SYMBOLS}
    rows = snapshots.select("symbol", "timestamp").iter_rows()
    closed = sorted((at, symbol) for symbol, at in rows if not hours[symbol].is_open(at))
    return [f"{len(closed)} snapshots of closed markets, first {closed[0]}"] if closed else []


def _of_contracts(snapshots: pl.DataFrame, truth: Truth) -> list[str]:
    """Each session has the snapshots of exactly the contracts that are due in it."""
    failures = []
    for (day,), rows in snapshots.group_by("session_date"):
        assert isinstance(day, date)
        due = {listing.local_symbol for listing in truth.due(day)}
        if extra := set(rows["contract"]) - due:
            failures.append(f"session {day} has snapshots of {', '.join(sorted(extra))}")
    return failures


def _of_resets(leg: Leg, events: pl.DataFrame) -> list[str]:
    """Each reset is told as one, from within minutes of its begin until it was over."""
    failures = []
    told = events.filter(pl.col("event") == Cause.NIGHTLY_RESET.value)
    for reset in leg.resets:
        near = told.filter(
            pl.col("starts_at").is_between(reset - SLACK, reset + SLACK),
            pl.col("ends_at") >= reset + timedelta(seconds=RESET_SECONDS),
        )
        if near.is_empty():
            failures.append(f"the reset of {reset} is not told in gateway_events")
    return failures


def _hours(leg: Leg, stored: Stored, truth: Truth) -> list[HourRow]:
    rows, start = [], leg.starts_at
    while start < leg.ends_at:
        rows.append(_hour(leg, (start, min(start + HOUR, leg.ends_at)), stored, truth))
        start += HOUR
    return rows


def _hour(leg: Leg, span: tuple[datetime, datetime], stored: Stored, truth: Truth) -> HourRow:
    start, end = span
    expected = truth.between(start, end).filter("is_due")
    bars = stored.bars.filter(pl.col("ts_start").is_between(start, end, closed="left"))
    snapshots = stored.snapshots.filter(pl.col("timestamp").is_between(start, end, closed="left"))
    events = stored.events.filter(pl.col("starts_at") < end, pl.col("ends_at") >= start)
    futures = [it for it in truth.due(label(start)) if it.expiry is not None]
    names = [it.local_symbol for it in futures if it.symbol == "ES"]
    by_source = dict(bars.group_by("source").len().iter_rows())
    return HourRow(
        leg=leg.title,
        starts_at=start,
        session_date=label(start),
        contracts="+".join(names),
        expected=expected.height,
        live=by_source.get("realtime", 0),
        from_history=by_source.get("history", 0),
        missing=difference(bars, expected).missing.height,
        snapshots=snapshots.height,
        events=", ".join(sorted(set(events["event"]) - {"connected"})),
    )
