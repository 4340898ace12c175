"""A thousand random faults over whole sessions, and what the collector is like afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import polars as pl

from futures_pipeline.domain.sessions import Session
from futures_pipeline_tests.faults.play import NO_VIOLATIONS, lasting_leaks, speaks
from futures_pipeline_tests.faults.stage import Setting, Stage, staged
from futures_pipeline_tests.faults.strikes import Strike, strikes
from futures_pipeline_tests.faults.truth import (
    ALL_SYMBOLS,
    Difference,
    Truth,
    difference,
    minutes_of,
)
from futures_pipeline_tests.faults.verdict import Stored, ingested, ingesting, standing
from futures_pipeline_tests.faults.vitals import Sample, sample, second_half, slope

# The market opens five minutes later: Sunday 18:00 New York, five sessions without a holiday.
START = datetime(2025, 1, 12, 22, 55, tzinfo=UTC)
MOST_SESSIONS = 5
SEED_OF_MARKET = 5
# The ledger watches as many sessions before the present one.
COLLECTOR = {"FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "2"}
SAMPLE_SECONDS = 2.0
LOOK_SECONDS = 0.02
# The last faults come so long before the last close that the streams can speak again.
QUIET_END = timedelta(hours=2)
# Machine seconds until everything is repaired after the last fault.
HEALING_SECONDS = 180.0
FIRST_ROWS_SECONDS = 60.0
# Bounds over the second half of the run. The live feed keeps 1,440 minutes of each contract,
# 5 MB in all, which a run of one session is filling until its end.
MOST_GROWTH_MB = 5.0
MOST_MORE_FILES = 6
MOST_MORE_TASKS = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done: how many faults, over how many sessions, drawn how, how fast."""

    faults: int
    sessions: int
    seed: int
    speed: float
    data: Path


@dataclass(slots=True)
class Run:
    """What happened while the faults struck."""

    struck: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    healing_seconds: float | None = None
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is left when all is over; every failure in words."""

    run: Run
    expected_minutes: int
    stored_minutes: int
    found: Difference
    refused: dict[str, int]
    events: dict[str, int]
    growth_mb: float
    failures: tuple[str, ...]


def soak(plan: Plan, progress: Callable[[int], None]) -> Verdict:
    """Run it; ``progress`` hears how many faults have struck."""
    truth = Truth(SEED_OF_MARKET, ALL_SYMBOLS, START)
    sessions = truth.calendar.globex.between(date(2025, 1, 13), date(2025, 12, 31))
    chosen = sessions[: plan.sessions]
    run = Run()
    setting = Setting(START, plan.speed, ALL_SYMBOLS, SEED_OF_MARKET, COLLECTOR)
    with staged(setting, plan.data) as stage:
        if not stage.until(lambda: speaks(stage, truth, chosen[0].opens_at), FIRST_ROWS_SECONDS):
            raise RuntimeError(f"no rows came; see the log in {plan.data}")
        with ingesting(plan.data, ALL_SYMBOLS, START):
            _strike_all(stage, _drawn(plan, chosen, stage), run, progress)
            _heal(stage, truth, chosen, run)
    return _judged(plan, truth, chosen, run)


def _drawn(plan: Plan, chosen: Sequence[Session], stage: Stage) -> list[Strike]:
    span = (stage.clock.now(), chosen[-1].closes_at - QUIET_END)
    return strikes(plan.seed, plan.faults, span, ALL_SYMBOLS)


def _strike_all(
    stage: Stage, drawn: Sequence[Strike], run: Run, progress: Callable[[int], None]
) -> None:
    """Start each fault at its time and look at the collector every few seconds."""
    started = looked = monotonic()
    for number, strike in enumerate(drawn, 1):
        while stage.clock.now() < strike.at or monotonic() - looked > SAMPLE_SECONDS:
            if monotonic() - looked > SAMPLE_SECONDS:
                looked = monotonic()
                run.samples.append(_look(stage, looked - started))
            sleep(LOOK_SECONDS)
        stage.command(command="heal", name=strike.name)  # one that lasts from an earlier strike
        stage.fault(strike.name, **strike.parameters)
        run.struck[strike.name] = run.struck.get(strike.name, 0) + 1
        progress(number)


def _look(stage: Stage, seconds: float) -> Sample:
    if stage.collector.wait(0) is not None:
        raise RuntimeError(f"the collector has ended: ...{stage.collector.log[-2000:]}")
    return sample(stage.collector.pid, seconds, stage.collector.log)


def _heal(stage: Stage, truth: Truth, chosen: Sequence[Session], run: Run) -> None:
    """End every fault, wait until all minutes are there, and note what is still wrong.

    The collector is started anew, as the remedy of a refused request says.
    """
    stage.heal()
    stage.restart_collector()
    healed, since = stage.clock.now(), monotonic()
    if not stage.until(lambda: speaks(stage, truth, healed), HEALING_SECONDS):
        run.failures.append("not every symbol spoke again after the last fault")
    if "Traceback" in stage.collector.log:
        run.failures.append(f"the log has a traceback: {stage.collector.data}")
    run.failures += [f"leak: {words}" for words in lasting_leaks(stage, truth, NO_VIOLATIONS)]
    span = (chosen[0].opens_at, chosen[-1].closes_at)
    expected = truth.between(*span)

    def is_complete() -> bool:
        found = difference(standing(stage.bars()), expected)
        return not (found.missing.height or found.changed.height)

    if stage.until(is_complete, HEALING_SECONDS, every=1.0):
        run.healing_seconds = monotonic() - since
    else:
        run.failures.append(f"not complete {HEALING_SECONDS:g} s after the last fault")


def _judged(plan: Plan, truth: Truth, chosen: Sequence[Session], run: Run) -> Verdict:
    stored = Stored.of(ingested(plan.data, ALL_SYMBOLS, START), ALL_SYMBOLS)
    days = [session.session_date for session in chosen]
    expected = pl.concat([truth.minutes(day) for day in days])
    bars = stored.bars.filter(pl.col("session_date").is_in(days))
    found = difference(bars, expected)
    later = second_half(run.samples)
    growth = slope(later) * (later[-1].seconds - later[0].seconds)
    return Verdict(
        run=run,
        expected_minutes=expected.filter("is_due").height,
        stored_minutes=bars.height,
        found=found,
        refused=dict(stored.refused.group_by("rule").len().sort("rule").iter_rows()),
        events=dict(stored.events.group_by("event").len().sort("event").iter_rows()),
        growth_mb=growth,
        failures=(*run.failures, *_failures(found, later, growth)),
    )


def _failures(found: Difference, later: Sequence[Sample], growth: float) -> list[str]:
    files = [it.files for it in later]
    tasks = [it.tasks for it in later if it.tasks is not None]
    says = {
        f"missing: {minutes_of(found.missing)}": found.missing.height > 0,
        f"changed: {minutes_of(found.changed)}": found.changed.height > 0,
        f"invented: {minutes_of(found.invented)}": found.invented.height > 0,
        f"twice: {minutes_of(found.twice)}": found.twice.height > 0,
        f"memory grows {growth:.1f} MB in the second half": growth > MOST_GROWTH_MB,
        f"open files {min(files)} to {max(files)}": max(files) - min(files) > MOST_MORE_FILES,
        "the collector never told its tasks": not tasks,
        f"tasks {tasks and min(tasks)} to {tasks and max(tasks)}": (
            bool(tasks) and max(tasks) - min(tasks) > MOST_MORE_TASKS
        ),
    }
    return [words for words, is_wrong in says.items() if is_wrong]
