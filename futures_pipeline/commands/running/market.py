"""Which market a demo shows: when it starts, which sessions, which symbols. Mostly pure."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from futures_pipeline.commands.running.processes import python_module
from futures_pipeline.domain.errors import ConfigurationError, PipelineError, RecordedDataError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import TradingCalendar, new_york

SIMULATOR = "futures_pipeline.simulator"
# Time left between the start of the replay and the end of the recording.
RECORDED_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RecordedSymbol:
    """What a recording holds of one symbol."""

    session_dates: tuple[date, ...]
    last_bars: Mapping[date, datetime]


@dataclass(frozen=True, slots=True)
class Recording:
    """What ``--recorded`` offers; ``left_out`` are sentences on files and rows it cannot use."""

    symbols: Mapping[str, RecordedSymbol]
    left_out: Sequence[str]


def describe_recording(paths: Sequence[Path]) -> Recording:
    """Ask the simulator what it can replay from ``paths``.

    Raises:
        RecordedDataError: nothing, with the reasons.
    """
    options = [option for path in paths for option in ("--recorded", str(path))]
    command = python_module(SIMULATOR, *options, "--describe")
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        reasons = answer.stderr.strip().splitlines()
        raise RecordedDataError(reasons[-1] if reasons else "the recording cannot be read")
    return parse_recording(json.loads(answer.stdout))


def parse_recording(document: Mapping[str, Any]) -> Recording:
    """Return the recording that the simulator's description tells of."""
    symbols = {
        symbol: RecordedSymbol(
            session_dates=tuple(date.fromisoformat(day) for day in entry["session_dates"]),
            last_bars={
                date.fromisoformat(day): datetime.fromisoformat(at)
                for day, at in entry["last_bar"].items()
            },
        )
        for symbol, entry in document["symbols"].items()
    }
    files = [f"{skip['file']}: {skip['reason']}" for skip in document["skipped"]]
    rows = [
        f"{drop['rows']:,} rows of {drop['where']}: {drop['reason']}"
        for drop in document["dropped"]
    ]
    return Recording(symbols, [*files, *rows])


def recorded_start(recording: Recording, calendar: TradingCalendar) -> datetime:
    """Return when to start: late in the last session that two symbols (or the only one) share.

    Near the NYSE close, or shortly before the recording of that session ends.
    """
    day = shared_sessions(recording)[-1]
    ends = [entry.last_bars[day] for entry in recording.symbols.values() if day in entry.last_bars]
    regular = calendar.regular.on(day)
    latest = min(ends) if regular is None else min(*ends, regular.closes_at)
    return latest - RECORDED_MARGIN


def shared_sessions(recording: Recording) -> list[date]:
    """Return the sessions, ascending, that two symbols have, or the only symbol has.

    Raises:
        RecordedDataError: there is none.
    """
    need = min(2, len(recording.symbols))
    dates = [day for entry in recording.symbols.values() for day in entry.session_dates]
    shared = sorted(day for day in set(dates) if dates.count(day) >= need)
    if not shared:
        held = "; ".join(
            f"{symbol} {min(entry.session_dates)} to {max(entry.session_dates)}"
            for symbol, entry in recording.symbols.items()
        )
        raise RecordedDataError(
            f"recording: its symbols share no session ({held}); give files of the same time"
        )
    return shared


def generated_start(now: datetime, calendar: TradingCalendar, once: bool) -> datetime:
    """Return a start on the last complete NYSE day: before the open, or late in the day."""
    days = [day for day in calendar.regular.before(now.date(), 5) if day.closes_at <= now]
    if not days:
        raise PipelineError(f"demo: no NYSE day before {now.isoformat()} is in the calendar")
    day = days[-1]
    late = day.closes_at - timedelta(minutes=30)
    return late if once else new_york(day.session_date, 9, 20)


def chosen_sessions(
    start: datetime, count: int, calendar: TradingCalendar
) -> tuple[Sequence[date], date]:
    """Return the complete sessions to back-fill and the session under way at ``start``."""
    current = calendar.globex.at(start).session_date
    complete = [session.session_date for session in calendar.globex.before(current, count)]
    if not complete:
        first = calendar.globex.sessions[1].session_date
        raise ConfigurationError("--from", start.isoformat(), f"a time after session {first}")
    return complete, current


def recorded_span(
    recording: Recording, complete: Sequence[date], current: date, calendar: TradingCalendar
) -> tuple[Sequence[date], int]:
    """Return as many recorded sessions as ``complete`` has, and how far back they reach.

    A recording has holes, so its last 20 sessions may lie 30 sessions back; the second
    value is that number of exchange sessions before ``current``.

    Raises:
        RecordedDataError: the recording has no session before ``current``.
    """
    held = [day for day in shared_sessions(recording) if day < current][-len(complete) :]
    if not held:
        first, last = shared_sessions(recording)[0], shared_sessions(recording)[-1]
        raise RecordedDataError(
            f"recording: it holds sessions {first} to {last}, none is before {current}; "
            f"choose a --from after the session of {first}"
        )
    before = calendar.globex.sessions_apart(held[0], current)
    return held, before


def recorded_symbols(recording: Recording, sessions: Sequence[date]) -> list[str]:
    """Return the symbols that the recording has in any of ``sessions``."""
    wanted = set(sessions)
    held = {s for s, entry in recording.symbols.items() if wanted & set(entry.session_dates)}
    return [symbol for symbol in UNIVERSE if symbol in held]
