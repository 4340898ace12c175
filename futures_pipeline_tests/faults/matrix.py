"""The fault matrix: every fault played on real processes, judged in a real lake."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue

import polars as pl

from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.sessions import minute_floor
from futures_pipeline_tests.faults.cases import Case
from futures_pipeline_tests.faults.play import MINUTE, Played, is_whole, play, speaks
from futures_pipeline_tests.faults.stage import Setting, Stage, staged
from futures_pipeline_tests.faults.truth import Difference, Truth, difference
from futures_pipeline_tests.faults.verdict import Stored, ingested, longest_gap_seconds

# A Wednesday, 09:35 New York: every market of the universe is open until 16:00.
START = datetime(2025, 1, 15, 14, 35, tzinfo=UTC)
LAST_START = datetime(2025, 1, 15, 20, 20, tzinfo=UTC)
SYMBOLS = ("ES", "SPY", "VIX")
SEED = 3
INTERVAL = timedelta(seconds=20)
EVERY_SEQ = 1 << 60
SPEED, LANES = 40.0, 6
COLLECTOR = {
    "FUTURES_PIPELINE_COLLECTION_SNAPSHOT_INTERVAL_SECONDS": str(INTERVAL.total_seconds()),
    "FUTURES_PIPELINE_COLLECTION_HISTORY_SESSIONS": "0",
}
FIRST_ROWS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix; seconds are the market's.

    ``whole_after_seconds`` is from healing until every minute was there; None for never.
    """

    case: Case
    failures: tuple[str, ...]
    gap_seconds: float = 0.0
    whole_after_seconds: float | None = None
    from_history: int = 0
    missing: int = 0
    twice: int = 0
    refused: int = 0
    seen: str = ""
    leaks: int = 0

    @property
    def is_ok(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class Plan:
    """How the matrix is run; ``lanes`` pairs of processes run side by side."""

    cases: Sequence[Case]
    speed: float
    lanes: int
    data: Path


def run(plan: Plan, done: Callable[[Row], None]) -> list[Row]:
    """Play all cases; ``done`` hears of each as soon as its stage has been judged."""
    waiting: SimpleQueue[Case] = SimpleQueue()
    for case in plan.cases:
        waiting.put(case)
    truth = Truth(SEED, SYMBOLS, START)
    truth.between(START, LAST_START)
    lock = threading.Lock()

    def lane(number: int) -> list[Row]:
        rows: list[Row] = []
        acts = 0
        while not waiting.empty():
            acts += 1
            found = _act(plan, truth, waiting, plan.data / f"lane{number}" / f"act{acts}")
            rows += found
            with lock:
                for row in found:
                    done(row)
        return rows

    with ThreadPoolExecutor(plan.lanes) as pool:
        played = [row for rows in pool.map(lane, range(plan.lanes)) for row in rows]
    order = {case.title: index for index, case in enumerate(plan.cases)}
    return sorted(played, key=lambda row: order[row.case.title])


def _act(plan: Plan, truth: Truth, waiting: "SimpleQueue[Case]", data: Path) -> list[Row]:
    """Play cases on one stage until it is late, one has failed, or none is left; judge them."""
    played: list[Played] = []
    failed: list[Row] = []
    setting = Setting(START, plan.speed, SYMBOLS, SEED, COLLECTOR)
    with staged(setting, data) as stage:
        ready = _is_ready(stage, truth)
        while ready and stage.clock.now() < LAST_START:
            try:
                case = waiting.get_nowait()
            except Empty:
                break
            try:
                played.append(play(stage, truth, case))
            except RuntimeError as error:
                failed.append(Row(case, (str(error),)))
                break
            if played[-1].whole is None or played[-1].leaks:
                break
    if not ready:
        raise RuntimeError(f"the stage in {data} did not become whole before the first fault")
    stored = Stored.of(ingested(data, SYMBOLS, START), SYMBOLS)
    rows = [
        _judged(it, window, stored, truth)
        for it, window in zip(played, case_windows(played), strict=True)
    ]
    return [*rows, *failed]


def _is_ready(stage: Stage, truth: Truth) -> bool:
    """Wait until every market speaks and no minute of the session so far is missing."""
    if not stage.until(lambda: speaks(stage, truth, START), FIRST_ROWS_SECONDS):
        return False
    opened, now = truth.calendar.globex.at(START).opens_at, stage.clock.now()
    return stage.until(lambda: is_whole(stage, truth, (opened, now)), FIRST_ROWS_SECONDS)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a stage's rows that is one case's: [start, end), and (first_seq, last_seq]."""

    start: datetime
    end: datetime
    first_seq: int
    last_seq: int


def case_windows(played: Sequence[Played]) -> list[Window]:
    """Return each case's part: up to the next case, so that later damage has an owner as well."""
    starts = [minute_floor(it.started) - MINUTE for it in played]
    ends = [*starts[1:], *(minute_floor(it.healed) + MINUTE for it in played[-1:])]
    seqs = [*(it.first_seq for it in played), EVERY_SEQ]
    return [Window(*bounds) for bounds in zip(starts, ends, seqs[:-1], seqs[1:], strict=True)]


def _judged(played: Played, window: Window, stored: Stored, truth: Truth) -> Row:
    bars = stored.bars.filter(
        pl.col("ts_start").is_between(window.start, window.end, closed="left")
    )
    expected = truth.between(window.start, window.end)
    found = difference(bars, expected, played.case.revised_points)
    in_seqs = pl.col("spool_seq").is_between(window.first_seq + 1, window.last_seq)
    refused = stored.refused.filter(in_seqs)
    told = _told(stored.events, played)
    gap, whole = _longest_gap_seconds(played, stored, truth), played.whole
    too_long = gap > played.case.most_gap_seconds
    failures = _failures(played, found, refused, told)
    return Row(
        case=played.case,
        failures=(*failures, *([f"no snapshot for {gap:.0f} s"] if too_long else [])),
        gap_seconds=gap,
        whole_after_seconds=(whole - played.healed).total_seconds() if whole else None,
        from_history=bars.filter(pl.col("source") == "history").height,
        missing=found.missing.height,
        twice=found.twice.height,
        refused=refused.height,
        seen=_seen(played, told, set(refused["rule"])),
        leaks=len(played.leaks),
    )


def _longest_gap_seconds(played: Played, stored: Stored, truth: Truth) -> float:
    span = (played.started - 2 * INTERVAL, played.whole or played.ended)
    return max(
        longest_gap_seconds(stored.snapshots, symbol, span, truth.calendar) for symbol in SYMBOLS
    )


def _seen(played: Played, told: set[str], rules: set[str]) -> str:
    """Return the words found in the log, the causes told of the time, the rules that refused."""
    found = (("log", played.seen), ("told", sorted(told)), ("refused", sorted(rules)))
    said = "; ".join(f"{what}: {', '.join(words)}" for what, words in found if words)
    return said or ("session lost" if played.lost_session else "session kept")


def _told(events: pl.DataFrame, played: Played) -> set[str]:
    """Return the causes told of the time of a case, without news that are no outage."""
    during = events.filter(pl.col("starts_at") <= played.ended, pl.col("ends_at") >= played.started)
    return set(during["event"]) & set(Cause)


def _failures(
    played: Played, found: Difference, refused: pl.DataFrame, told: set[str]
) -> list[str]:
    """Return what is wrong with a case, in words; nothing when it passed."""
    case = played.case
    rules = set(refused["rule"])
    wanted = {case.refused} if case.refused else set()
    allowed = wanted | {case.may_refuse}
    says = {
        f"log lacks {', '.join(played.unseen)}": bool(played.unseen),
        f"events lack {case.told}": case.told is not None and case.told not in told,
        "the log has a traceback": "Traceback" in played.log,
        "the session was lost": case.keeps_session and played.lost_session,
        "not whole again in time": played.whole is None,
        f"missing {found.missing.height}": found.missing.height > 0,
        f"changed {found.changed.height}": found.changed.height > 0,
        f"invented {found.invented.height}": found.invented.height > 0,
        f"twice {found.twice.height}": found.twice.height > 0,
        f"refused by {sorted(rules)}, not {sorted(wanted)}": not wanted <= rules <= allowed,
        **dict.fromkeys(played.leaks, True),
    }
    return [words for words, is_wrong in says.items() if is_wrong]
