"""``futures-pipeline backfill``: fetch missing one-minute bars of past days through the queue."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from futures_pipeline.collection.broker.pacing import Demand, plan
from futures_pipeline.collection.history.fetching import Fetcher
from futures_pipeline.collection.history.plan import Universe, history_plan
from futures_pipeline.commands.filling.fetched import Fetched, fetched_table
from futures_pipeline.commands.options import LOG_FORMAT, sole_user, start_up, with_settings
from futures_pipeline.config import Settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.contracts import FuturesContract, rule_contracts
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, PipelineError
from futures_pipeline.domain.instruments import Instrument, Kind, select_instruments
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.spool import NewRequest, Spool

MOST_DAYS = 365
NOT_ALL, INTERRUPTED = 1, 130
LOOK_EVERY_SECONDS = 0.5
# Sessions begin the evening before, and closures belong to the next one.
MARGIN_DAYS = 7
# A front month expires less than four months after any of its sessions.
TO_THE_NEXT_EXPIRY = timedelta(days=120)


@click.command()
@click.option("--symbols", help="Root symbols, such as ES,SPY; default all that are configured.")
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=7,
    show_default=True,
    help="Calendar days back from now.",
)
@with_settings
def backfill(symbols: str | None, days: int, config: Path | None, data: Path | None) -> None:
    """Fetch missing one-minute bars of past days.

    What was fetched before is not asked again. With a collector running on the data
    directory the requests are only put into its queue; else they are worked off here.
    Exit status: 0 all were answered, 1 some failed, 130 interrupted.
    """
    settings = start_up(config, data)
    instruments = chosen(symbols, settings)
    log_file = start_log_file(settings.data / "logs")
    console = Console()
    spool = Spool(settings.spool_url)
    try:
        status = asyncio.run(Backfill(settings, instruments, days, spool, console).run())
    finally:
        spool.close()
    if status:
        console.print(f"Log       {log_file}", soft_wrap=True)
    sys.exit(status)


def chosen(symbols: str | None, settings: Settings) -> Sequence[Instrument]:
    """Return the instruments of ``--symbols``; all that are configured without it.

    Raises:
        UnknownSymbol: there is no such symbol.
        ConfigurationError: it is not one that is collected.
    """
    if symbols is None:
        return settings.instruments
    wanted = select_instruments(dict.fromkeys(part.strip() for part in symbols.split(",")))
    for instrument in wanted:
        if instrument not in settings.instruments:
            known = ", ".join(settings.collection.symbols)
            raise ConfigurationError("--symbols", instrument.symbol, f"configured, one of {known}")
    return wanted


def sessions_back(calendar: TradingCalendar, now: datetime, days: int) -> int:
    """Return how many complete sessions closed within the last ``days`` calendar days."""
    today = calendar.globex.at(now).session_date
    earlier = calendar.globex.before(today, days + 1)
    return sum(session.closes_at > now - timedelta(days=days) for session in earlier)


def rule_universe(
    settings: Settings, calendar: TradingCalendar, now: datetime, days: int
) -> Universe:
    """Return the contracts that led, by the calendar's rule, in the last ``days`` before ``now``.

    For planning without a gateway: contract ids are 0, and a name that the broker does not
    list is refused by the collector.
    """
    first = (now - timedelta(days=days + MARGIN_DAYS)).date()
    last = now.date() + TO_THE_NEXT_EXPIRY
    futures = {
        one.symbol: [
            FuturesContract(expiry, one.symbol, name, 0)
            for name, expiry in rule_contracts(one.symbol, first, last, calendar)
        ]
        for one in settings.instruments
        if one.kind is Kind.FUTURE
    }
    return Universe(settings.instruments, futures, settings.collection.front_month, calendar)


def start_log_file(directory: Path) -> Path:
    """Log to a file: the screen belongs to the progress bar."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "backfill.log"
    logging.basicConfig(filename=path, level=logging.INFO, format=LOG_FORMAT)
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    return path


class Backfill:
    """One call of the command."""

    def __init__(
        self,
        settings: Settings,
        instruments: Sequence[Instrument],
        days: int,
        spool: Spool,
        console: Console,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._days = days
        self._spool = spool
        self._console = console
        self._now = settings.clock.now()
        self._calendar = calendar_for(self._now)
        self._fetched = Fetched(spool, [])
        self._seconds = 0.0

    async def run(self) -> int:
        """Fetch, print the outcome, and return the exit status."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with ExitStack() as stack:
            is_alone = self._is_alone(stack)
            try:
                await (self._fetch() if is_alone else self._enqueue())
            except asyncio.CancelledError:
                return self._interrupted(is_alone)
        return self._concluded()

    def _is_alone(self, stack: ExitStack) -> bool:
        """Take the collector's place for the life of ``stack``; False when one is running."""
        try:
            stack.enter_context(sole_user(self._settings.data, "collector"))
        except DataDirectoryError:
            return False
        return True

    async def _fetch(self) -> None:
        """Fetch over a connection of our own."""
        fetcher = Fetcher(self._settings, self._spool, self._calendar)
        try:
            requests = self._requests(await fetcher.open())
            self._announce(requests)
            fetcher.ask(
                requests, min((one.start for one in self._fetched.asked), default=self._now)
            )
            with self._progress() as progress:
                await fetcher.work(self._follower(progress))
        finally:
            fetcher.close()

    async def _enqueue(self) -> None:
        """Leave the work to the collector that is running, and watch it."""
        listed = rule_universe(self._settings, self._calendar, self._now, self._days)
        requests = self._requests(listed)
        self._console.print("A collector is running on this data directory: it does the work.")
        self._announce(requests)
        self._spool.enqueue(requests, self._now)
        with self._progress() as progress:
            is_over = self._follower(progress)
            while not is_over():
                with ExitStack() as stack:
                    if self._is_alone(stack):
                        raise PipelineError(
                            f"backfill: the collector has stopped after {self._done()}; "
                            "run the same command again, or start the collector"
                        )
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _requests(self, universe: Universe) -> list[NewRequest]:
        wanted = [one for one in universe.instruments if one in self._instruments]
        count = sessions_back(self._calendar, self._now, self._days)
        return history_plan(replace(universe, instruments=wanted), self._now, count)

    def _announce(self, requests: Sequence[NewRequest]) -> None:
        """Follow the requests that are not done already, and print what they will cost."""
        self._fetched = fetched = Fetched(self._spool, requests)
        use = plan(Demand(contracts=0, history_requests=len(fetched.asked)))
        before = f" {fetched.before:,} others were answered before." if fetched.before else ""
        self._console.print(f"{use.history_in_words}.{before}", highlight=False, soft_wrap=True)

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("Fetching"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[bars]:,} bars, {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )

    def _follower(self, progress: Progress) -> Callable[[], bool]:
        """Return a function that shows how far the queue is, and tells whether all has ended."""
        fetched, started = self._fetched, time.monotonic()
        shown = progress.add_task("", total=len(fetched.asked), bars=0, rate=0.0)

        def is_over() -> bool:
            fetched.refresh()
            self._seconds = time.monotonic() - started
            bars = fetched.bars.total()
            rate = bars / self._seconds if self._seconds else 0.0
            progress.update(shown, completed=fetched.ended, bars=bars, rate=rate)
            return fetched.is_over

        return is_over

    def _concluded(self) -> int:
        fetched = self._fetched
        if fetched.asked:
            self._console.print(fetched_table(fetched))
        bars = f"{fetched.bars.total():,} bars"
        self._console.print(f"Fetched {bars} in {self._seconds:.1f} s.", highlight=False)
        return NOT_ALL if fetched.failed else 0

    def _interrupted(self, is_alone: bool) -> int:
        if not self._fetched.asked:
            self._console.print("Stopped before anything was asked.")
            return INTERRUPTED
        rest = "wait in the queue: run the same command again, or start the collector"
        if not is_alone:
            rest = "are left to the collector that is running"
        self._console.print(f"Stopped after {self._done()}. The others {rest}.", highlight=False)
        return INTERRUPTED

    def _done(self) -> str:
        return f"{self._fetched.ended:,} of {len(self._fetched.asked):,} requests"
