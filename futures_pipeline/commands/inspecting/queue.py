"""``futures-pipeline queue``: what the collector has to ask, and what failed."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table as ScreenTable
from rich.text import Text

from futures_pipeline.commands.inspecting.coverage_tables import plain_table
from futures_pipeline.commands.inspecting.remedies import for_error_kind
from futures_pipeline.commands.options import with_settings
from futures_pipeline.config import load_settings
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.storage.spool.queue_report import STATUSES, Queue, QueuedRequest, read_queue

# So many waiting and so many failed requests are listed unless all are asked for.
LISTED = 20
UNDONE = ("pending", "running", "failed", "dead")
IN_WORDS: Mapping[str, str] = {"pending": "waits", "running": "runs"}
COLOURS: Mapping[str, str] = {"failed": "yellow", "dead": "red"}


@click.command()
@click.option("--all", "every", is_flag=True, help="List every request, also what is done.")
@click.option("--kind", help="Only requests of one kind, such as backfill.")
@with_settings
def queue(every: bool, kind: str | None, config: Path | None, data: Path | None) -> None:
    """Show what waits, runs, failed and was given up, with the reason and the remedy.

    Reads only; a collector may be at work. Times are New York's.
    """
    logging.basicConfig(level=logging.ERROR)
    settings = load_settings(config=config, data=data)
    console = Console()
    found = read_queue(settings.spool_url, STATUSES if every else UNDONE, kind)
    if found is None:
        console.print(
            f"There is no queue in {settings.data} yet: no collector has run there. "
            "Start futures-pipeline run, or choose another directory with --data.",
            highlight=False,
        )
        return
    check_kind(kind, found)
    print_queue(console, found, settings.clock.now(), every=every)


def check_kind(kind: str | None, found: Queue) -> None:
    """Refuse a kind of which the queue has no request.

    Raises:
        ConfigurationError: it has none.
    """
    kinds = sorted({known for known, _ in found.counts})
    if kind is not None and kind not in kinds:
        allowed = f"a kind that is in the queue: {', '.join(kinds) or 'it is empty'}"
        raise ConfigurationError("--kind", kind, allowed)


def print_queue(console: Console, found: Queue, now: datetime, *, every: bool) -> None:
    """Print the counts, how long the oldest request waits, and the requests."""
    if not found.counts:
        console.print("The queue is empty.")
        return
    console.print(counts_table(found.counts))
    if found.oldest_pending_at is not None:
        age = span_words(now - found.oldest_pending_at)
        console.print(f"The oldest waiting request was made {age} ago.", highlight=False)
    lines = [Line(request) for request in found.requests] if every else together(found.requests)
    shown = lines if every else shortened(lines)
    if not shown:
        console.print("Nothing waits and nothing failed.")
        return
    console.print(requests_table(shown, now))
    if len(lines) > len(shown):
        console.print(f"{len(lines) - len(shown):,} more are listed with --all.", highlight=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A request on the screen; ``times``: how many ended like it, this the last of them."""

    request: QueuedRequest
    times: int = 1

    @property
    def is_open(self) -> bool:
        return self.request.status in ("pending", "running")


def together(requests: Sequence[QueuedRequest]) -> list[Line]:
    """Return the requests as lines; what failed again and again alike is one line.

    A round that finds a stream silent fails once a minute; its requests differ in nothing
    but their number. ``requests`` are in the order of ``Queue``: the newest failure first.
    """
    lines: dict[object, Line] = {}
    for request in requests:
        line = Line(request)
        alike = (request.kind, request.symbol, request.status, request.error_kind)
        key = request.id if line.is_open else (*alike, repr(request.parameters))
        known = lines.get(key)
        lines[key] = line if known is None else Line(known.request, known.times + 1)
    return list(lines.values())


def shortened(lines: Sequence[Line]) -> list[Line]:
    """Return the first open and the first ended lines."""
    opened = [line for line in lines if line.is_open]
    ended = [line for line in lines if not line.is_open]
    return [*opened[:LISTED], *ended[:LISTED]]


def counts_table(counts: Mapping[tuple[str, str], int]) -> ScreenTable:
    """Return the number of requests by kind and status."""
    screen = plain_table()
    screen.add_column("Kind")
    for status in STATUSES:
        screen.add_column(IN_WORDS.get(status, status), justify="right")
    for kind in sorted({kind for kind, _ in counts}):
        numbers = [counts.get((kind, status), 0) for status in STATUSES]
        screen.add_row(kind, *(f"{number:,}" if number else "" for number in numbers))
    return screen


def requests_table(lines: Sequence[Line], now: datetime) -> ScreenTable:
    """Return a row a line: what it asks, how it stands, when it is tried, what went wrong."""
    screen = plain_table()
    screen.add_column("Id", justify="right", no_wrap=True)
    screen.add_column("Request", ratio=4)
    screen.add_column("State", ratio=3)
    screen.add_column("Error, and what to do", ratio=5)
    for line in lines:
        request = line.request
        colour = COLOURS.get(request.status, "")
        screen.add_row(
            str(request.id),
            Text(f"{request.kind} {request.symbol}\n{subject_words(request)}".strip()),
            Text(state_words(line, now), style=colour),
            Text(error_words(request)),
        )
    return screen


def subject_words(request: QueuedRequest) -> str:
    """Return what a request asks for: the contract and the window in New York time."""
    parameters = request.parameters
    if {"contract", "from", "to"} <= parameters.keys():
        window = (datetime.fromisoformat(parameters[name]) for name in ("from", "to"))
        return f"{parameters['contract']}, {window_words(*window)}"
    if "round_at" in parameters:
        return f"round of {new_york(datetime.fromisoformat(parameters['round_at']))}"
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def window_words(start: datetime, end: datetime) -> str:
    """Return a window in New York time.

    >>> from datetime import UTC
    >>> at = datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
    >>> window_words(at, at + timedelta(hours=23))
    'Tue 14 Jan 18:00 to Wed 15 Jan 17:00'
    >>> window_words(at, at + timedelta(minutes=7))
    'Tue 14 Jan 18:00 to 18:07'
    """
    first, last = start.astimezone(NEW_YORK), end.astimezone(NEW_YORK)
    is_same_day = first.date() == last.date()
    return f"{first:%a %d %b %H:%M} to {last:{'%H:%M' if is_same_day else '%a %d %b %H:%M'}}"


def state_words(line: Line, now: datetime) -> str:
    """Return how a request stands: its status, attempts, priority and next or last moment."""
    request = line.request
    attempts = f"{request.attempts} attempt{'' if request.attempts == 1 else 's'}"
    words = f"{IN_WORDS.get(request.status, request.status)}, priority {request.priority}"
    if request.status == "running":
        moment = f"{attempts}, since {span_words(now - request.updated_at)}"
    elif request.status == "pending":
        moment = f"{attempts}, next {next_words(request.not_before, now)}"
    else:
        moment = f"{attempts}, ended {new_york(request.updated_at)}"
    return f"{words}\n{moment}" + (f"\n{line.times:,} times alike" if line.times > 1 else "")


def next_words(not_before: datetime, now: datetime) -> str:
    """Return when a waiting request is tried next, relative and in New York time."""
    if not_before <= now:
        return "at once"
    return f"in {span_words(not_before - now)} ({new_york(not_before)})"


def error_words(request: QueuedRequest) -> str:
    """Return a request's last error with its remedy; empty without one."""
    if request.error_kind is None:
        return ""
    message = request.error_message or ""
    told = "" if message in ("", request.error_kind) else f": {message}"
    return f"{request.error_kind}{told}\nDo: {for_error_kind(request.error_kind)}"


def new_york(at: datetime) -> str:
    """Return a moment in New York time, with its day."""
    return f"{at.astimezone(NEW_YORK):%a %H:%M:%S}"


def span_words(span: timedelta) -> str:
    """Return a span in its two largest units; never below zero.

    >>> [span_words(timedelta(seconds=s)) for s in (-3, 9, 200, 7300, 200000)]
    ['0 s', '9 s', '3 min 20 s', '2 h 1 min', '2 d 7 h']
    """
    seconds = max(int(span.total_seconds()), 0)
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min")]
    found = [f"{number} {unit}" for number, unit in (*parts, (seconds % 60, "s")) if number]
    return " ".join(found[:2]) or "0 s"
