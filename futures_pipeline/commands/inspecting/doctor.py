"""``futures-pipeline doctor``: what works, what does not, and what to do about it."""

import asyncio
import logging
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from futures_pipeline.collection.findings import Finding, Verdict, problem
from futures_pipeline.collection.probe import Probe
from futures_pipeline.commands.options import sole_user, with_settings
from futures_pipeline.config import CONFIG_FILE, PREFIX, Settings, load_settings, writable_directory
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, UnknownSymbol

CANNOT_WORK, WRONG_SETTINGS = 1, 2
COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
SUBJECT_WIDTH = 24
GIGABYTE = 1e9
# Below the first there is time to act, below the second a write may fail today.
LITTLE_SPACE, NO_SPACE = 10 * GIGABYTE, 1 * GIGABYTE


class Report:
    """Prints each finding as it comes and counts the verdicts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.verdicts: Counter[Verdict] = Counter()

    def tell(self, finding: Finding) -> None:
        """Print one line: verdict, subject, what was found, the broker's code, the remedy."""
        self.verdicts[finding.verdict] += 1
        colour = COLOURS[finding.verdict]
        code = f" (code {finding.code})" if finding.code is not None else ""
        remedy = f" -> {finding.remedy}" if finding.remedy else ""
        self._console.print(
            f"[{colour}]{finding.verdict:<4}[/]  {finding.subject:<{SUBJECT_WIDTH}}  "
            f"{escape(finding.found)}{code}{escape(remedy)}",
            soft_wrap=True,
            highlight=False,
        )

    def conclude(self) -> int:
        """Print the conclusion and return the exit status."""
        fails, warns = self.verdicts[Verdict.FAIL], self.verdicts[Verdict.WARN]
        if fails:
            text = f"{fails} to fix first: see the lines that begin with FAIL."
        elif warns:
            text = f"The collector can work. {warns} to look at: see the lines with WARN."
        else:
            text = "The collector can work."
        self._console.print(text)
        return CANNOT_WORK if fails else 0


@click.command()
@with_settings
def doctor(config: Path | None, data: Path | None) -> None:
    """Check settings, data directory, gateway, permissions and limits.

    Collects nothing and gives back what it takes. Exit status: 0 the collector can work, 1
    something must be fixed first, 2 the settings are wrong.
    """
    logging.disable(logging.CRITICAL)  # what is worth saying is a finding
    sys.exit(asyncio.run(check_up(config, data)))


async def check_up(config: Path | None, data: Path | None) -> int:
    """Check everything, print each finding, and return the exit status."""
    console = Console()
    report = Report(console)
    try:
        settings = load_settings(config=config, data=data)
    except (ConfigurationError, UnknownSymbol) as error:
        report.tell(problem("settings", error))
        return WRONG_SETTINGS
    report.tell(settings_finding(settings, config))
    directory = directory_finding(settings.data)
    report.tell(directory)
    if directory.verdict is not Verdict.FAIL:
        report.tell(collector_finding(settings.data))
    with console.status("Asking the gateway; this takes up to a minute ...") as status:
        await _ask_gateway(settings, report, status)
    return report.conclude()


async def _ask_gateway(settings: Settings, report: Report, status: Status) -> None:
    def tell(finding: Finding) -> None:
        report.tell(finding)
        status.update(f"{report.verdicts.total()} checks done, the next is under way ...")

    await Probe(settings, calendar_for(settings.clock.now()), tell).run()


def settings_finding(settings: Settings, config: Path | None) -> Finding:
    """Return where the settings come from, and what they want."""
    named = config or Path(os.environ.get(f"{PREFIX}CONFIG") or CONFIG_FILE)
    variables = sum(name.startswith(PREFIX) for name in os.environ)
    source = str(named) if named.exists() else f"no {CONFIG_FILE} here, so defaults"
    symbols = ", ".join(settings.collection.symbols)
    found = f"{source}, {variables} environment variables; symbols {symbols}"
    return Finding("settings", Verdict.OK, found)


def directory_finding(directory: Path) -> Finding:
    """Return whether the data directory can be written and has space left."""
    subject = "data directory"
    try:
        writable_directory(directory)
    except DataDirectoryError as error:
        return problem(subject, error)
    free = shutil.disk_usage(directory).free
    return space_finding(subject, f"{directory} is writable", free)


def space_finding(subject: str, found: str, free_bytes: float) -> Finding:
    """Return the line for the free space of a disk."""
    found = f"{found}, {free_bytes / GIGABYTE:,.1f} GB free"
    remedy = "free some space, or choose another disk with --data"
    if free_bytes < NO_SPACE:
        return Finding(subject, Verdict.FAIL, found, remedy)
    if free_bytes < LITTLE_SPACE:
        return Finding(subject, Verdict.WARN, found, remedy)
    return Finding(subject, Verdict.OK, found)


def collector_finding(directory: Path) -> Finding:
    """Return whether a collector runs on a directory that can be written."""
    try:
        with sole_user(directory, "collector"):
            found = "none runs on this data directory"
    except DataDirectoryError:
        found = "one is running on this data directory, and goes on"
    return Finding("collector", Verdict.OK, found)
