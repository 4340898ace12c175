"""Plays one case on a stage: start the fault, wait for the reaction, heal, wait until whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from futures_pipeline.analytics.market_time import market_hours
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import minute_floor
from futures_pipeline_tests.faults.cases import LOST, RESTART, Case
from futures_pipeline_tests.faults.stage import Stage
from futures_pipeline_tests.faults.truth import Truth, difference
from futures_pipeline_tests.faults.verdict import standing

MINUTE = timedelta(minutes=1)
# Market time that a reaction and a recovery may take; at least so many machine seconds.
LONGEST_REACTION, LONGEST_RECOVERY = timedelta(minutes=15), timedelta(minutes=30)
SHORTEST_LIMIT_SECONDS = 15.0
TIDY_SECONDS = 10.0
OF_A_ROUND = frozenset({"snapshot", "bars"})  # run for milliseconds, again and again
NO_VIOLATIONS: Mapping[str, Any] = {"violations": {}}
# Machine seconds: quote lines speak four times in one of them, however fast the market runs.
SHORTEST_HOLD_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Played:
    """What was seen of one case while it was played. Times are the market's, UTC.

    ``whole`` is None when data or minutes did not come back; ``first_seq`` is the spool's
    last batch before it.
    """

    case: Case
    started: datetime
    healed: datetime
    whole: datetime | None
    ended: datetime
    first_seq: int
    log: str
    leaks: tuple[str, ...]

    @property
    def unseen(self) -> tuple[str, ...]:
        """What the log had to say and did not."""
        return tuple(text for text in self.case.logged if text not in self.log)

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(text for text in self.case.logged if text in self.log)

    @property
    def lost_session(self) -> bool:
        return LOST in self.log


def play(stage: Stage, truth: Truth, case: Case) -> Played:
    """Play a case from a whole state to a whole state."""
    position, first_seq = stage.log_length(), stage.harvest.last_seq
    before, started = stage.stats(), stage.clock.now()
    _strike(stage, case, position)
    _heal(stage, case)
    healed = stage.clock.now()
    is_well = stage.until(
        lambda: is_whole(stage, truth, (started, healed), case.revised_points),
        _seconds(stage, LONGEST_RECOVERY),
    )
    whole = stage.clock.now() if is_well else None
    return Played(
        case=case,
        started=started,
        healed=healed,
        whole=whole,
        leaks=lasting_leaks(stage, truth, before),
        ended=stage.clock.now(),
        first_seq=first_seq,
        log=stage.log_since(position),
    )


def _strike(stage: Stage, case: Case, position: int) -> None:
    """Start the faults of a case; return once the reaction has come and the hold is over."""
    started = stage.clock.now()
    for name, parameters in ((case.name, case.parameters), *case.then):
        stage.fault(name, **parameters)
    reacted = stage.until(
        lambda: all(text in stage.log_since(position) for text in case.logged),
        _seconds(stage, LONGEST_REACTION),
    )
    hold = max(case.hold_seconds, SHORTEST_HOLD_SECONDS / stage.clock.system_seconds(1.0))
    left = started + timedelta(seconds=hold) - stage.clock.now()
    if reacted:
        stage.pass_time(max(left, timedelta()))


def _heal(stage: Stage, case: Case) -> None:
    stage.heal()
    if case.cure == RESTART:
        stage.restart_collector()
    elif case.cure:
        stage.fault(case.cure)


def is_whole(
    stage: Stage, truth: Truth, span: tuple[datetime, datetime], revised_points: float = 0.0
) -> bool:
    """Return whether data come again, and every minute of a span is there and right."""
    end = minute_floor(span[1]) + MINUTE
    start = min(minute_floor(span[0]), end - 2 * MINUTE)
    if not speaks(stage, truth, span[1]):
        return False
    inside = (pl.col("ts_start") >= start) & (pl.col("ts_start") < end)
    bars = standing(stage.bars().filter(inside))
    found = difference(bars, truth.between(start, end), revised_points)
    return found.missing.is_empty() and found.changed.is_empty()


def speaks(stage: Stage, truth: Truth, since: datetime) -> bool:
    """Return whether each symbol of an open market has a snapshot after a moment."""
    now = stage.clock.now()
    open_now = {
        symbol
        for symbol in stage.symbols
        if market_hours(UNIVERSE[symbol].kind, truth.calendar).is_open(now)
    }
    newest = stage.harvest.snapshots(stage.symbols).filter(pl.col("timestamp") > since)
    return open_now <= set(newest["symbol"])


def lasting_leaks(stage: Stage, truth: Truth, before: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what :func:`leaks` finds and what does not pass within seconds."""
    stage.until(lambda: not leaks(stage, truth, before), TIDY_SECONDS)
    return leaks(stage, truth, before)


def leaks(stage: Stage, truth: Truth, before: Mapping[str, Any]) -> tuple[str, ...]:
    """Return in words what is held or was done at the broker that should not be.

    ``before``: an earlier answer to ``stats``, of which the violations count.
    """
    stats = stage.stats()
    expected = sorted(
        (kind, listing.local_symbol)
        for listing in truth.due(truth.calendar.session_date(stage.clock.now()))
        for kind in ("bars", "ticks")
    )
    running = {
        kind: count
        for (kind, status), count in stage.spool.request_counts().items()
        if status == "running" and kind not in OF_A_ROUND
    }
    held = sorted((line["kind"], line["local_symbol"]) for line in stats["subscriptions"])
    checks = {
        f"subscriptions {_unlike(held, expected)}": held != expected,
        f"lines in use {stats['lines_in_use']}, not {len(expected)}": (
            stats["lines_in_use"] != len(expected)
        ),
        f"open history {stats['open_history']}": stats["open_history"] > 0,
        f"requests running {running}": bool(running),
        f"clients {stats['clients']}": len(stats["clients"]) != 1,
        f"violations {stats['violations']}": stats["violations"] != before["violations"],
        f"orders {stats['orders_received']}": stats["orders_received"] > 0,
        f"unsupported {stats['unsupported']}": bool(stats["unsupported"]),
    }
    return tuple(words for words, is_wrong in checks.items() if is_wrong)


def _unlike(held: Sequence[object], expected: Sequence[object]) -> str:
    more = [str(it) for it in held if it not in expected]
    less = [str(it) for it in expected if it not in held]
    doubled = len(held) - len(set(map(str, held)))
    return f"extra {more} missing {less} doubled {doubled}"


def _seconds(stage: Stage, market: timedelta) -> float:
    return max(stage.machine_seconds(market), SHORTEST_LIMIT_SECONDS)
