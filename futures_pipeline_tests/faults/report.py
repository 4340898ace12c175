"""Results as tables: for the terminal, and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich import box
from rich.table import Table

from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline_tests.faults.day import HourRow, Report
from futures_pipeline_tests.faults.matrix import Row
from futures_pipeline_tests.faults.soak import Verdict
from futures_pipeline_tests.faults.vitals import second_half, sparkline

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a sentence above and lines below.

    ``numbers`` are columns to align right, ``details`` those that a terminal has no room for.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[str] = frozenset()
    details: frozenset[str] = frozenset()
    below: Sequence[str] = ()

    def for_terminal(self) -> Table:
        table = Table(box=box.SIMPLE, pad_edge=False, title=self.title, title_justify="left")
        shown = [at for at, name in enumerate(self.columns) if name not in self.details]
        for name in (self.columns[at] for at in shown):
            is_number = name in self.numbers
            table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number)
        for row in self.rows:
            style = "red" if row[-1] == "FAILED" else None
            table.add_row(*(row[at] for at in shown), style=style)
        return table

    def markdown(self) -> str:
        rule = ["---:" if name in self.numbers else "---" for name in self.columns]
        lines = [self.title, "", *(_line(row) for row in (self.columns, rule, *self.rows)), ""]
        return "\n".join([*lines, *(f"- {words}" for words in self.below), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def matrix_sheet(rows: Sequence[Row], speed: float) -> Sheet:
    """Return the fault matrix."""
    numbers = ("Gap s", "Machine s", "Whole s", "History", "Missing", "Twice", "Refused", "Leaks")
    good = sum(row.is_ok for row in rows)
    return Sheet(
        title=f"{good} of {len(rows)} cases as expected, at {speed:g} market seconds a second",
        columns=("Fault", "Reaction", "Seen", *numbers, ""),
        rows=[_matrix_row(row, speed) for row in rows],
        numbers=frozenset(numbers),
        details=frozenset({"Seen"}),
        below=(
            *(f"{row.case.title}: {'; '.join(row.failures)}" for row in rows if row.failures),
            "Gap: longest open market time without a snapshot of any symbol, in market seconds "
            "and as the seconds the machine took. Waits for an answer are machine seconds, so "
            "at this speed they look longer on the market's clock.",
            "Whole: market seconds from healing until every minute was there with the market's "
            "own values. History: minutes that history filled. Refused: rows in the quarantine.",
        ),
    )


def _matrix_row(row: Row, speed: float) -> tuple[str, ...]:
    whole = row.whole_after_seconds
    return (
        row.case.title,
        row.case.reaction,
        row.seen,
        f"{row.gap_seconds:.0f}",
        f"{row.gap_seconds / speed:.1f}",
        "never" if whole is None else f"{whole:.0f}",
        *(str(n) for n in (row.from_history, row.missing, row.twice, row.refused, row.leaks)),
        "ok" if row.is_ok else "FAILED",
    )


def soak_sheet(verdict: Verdict, hours: float) -> Sheet:
    """Return what a soak has shown."""
    run, later = verdict.run, second_half(verdict.run.samples)
    tasks = sorted({it.tasks for it in later if it.tasks is not None})
    memory = [it.memory_mb for it in run.samples]
    facts = {
        "faults": f"{sum(run.struck.values())} of {len(run.struck)} kinds",
        "market hours": f"{hours:.0f}",
        "minutes due": f"{verdict.expected_minutes}",
        "minutes stored": f"{verdict.stored_minutes}",
        "missing": f"{verdict.found.missing.height}",
        "with other values": f"{verdict.found.changed.height}",
        "twice": f"{verdict.found.twice.height}",
        "rows refused": ", ".join(f"{k} {n}" for k, n in verdict.refused.items()) or "none",
        "outages told": ", ".join(f"{k} {n}" for k, n in verdict.events.items()) or "none",
        "whole after the last fault": (
            "never" if run.healing_seconds is None else f"{run.healing_seconds:.0f} machine seconds"
        ),
        "memory": f"{sparkline(memory)} {memory[0]:.0f} to {memory[-1]:.0f} MB, at most "
        f"{max(memory):.0f}; second half {verdict.growth_mb:+.1f} MB",
        "open files": f"{min(it.files for it in later)} to {max(it.files for it in later)}",
        "tasks": f"{tasks[0]} to {tasks[-1]}" if tasks else "not told",
    }
    return Sheet(
        title="FAILED" if verdict.failures else "Everything is there once, nothing grew",
        columns=("", "Found"),
        rows=list(facts.items()),
        below=verdict.failures,
    )


def day_sheet(report: Report) -> Sheet:
    """Return the hours of the simulated days; closed hours in which nothing came are left out."""
    numbers = ("Due", "Live", "History", "Missing", "Snapshots")
    return Sheet(
        title="FAILED" if report.failures else "No minute missing, none twice, no day mislabelled",
        columns=("Leg", "New York", "UTC", "Session", "ES", *numbers, "Told"),
        rows=[_hour_row(hour) for hour in report.hours if hour.expected or hour.snapshots],
        numbers=frozenset(numbers),
        below=report.failures,
    )


def _hour_row(hour: HourRow) -> tuple[str, ...]:
    local = hour.starts_at.astimezone(NEW_YORK)
    counts = (hour.expected, hour.live, hour.from_history, hour.missing, hour.snapshots)
    return (
        hour.leg,
        f"{local:%a %m-%d %H:%M}",
        f"{hour.starts_at:%H:%M}",
        str(hour.session_date),
        hour.contracts,
        *map(str, counts),
        hour.events,
    )
