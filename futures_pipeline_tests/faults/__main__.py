"""``python -m futures_pipeline_tests.faults matrix``, ``soak`` or ``day``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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

from futures_pipeline_tests.faults import day as days
from futures_pipeline_tests.faults import matrix as faults
from futures_pipeline_tests.faults import soak as soaking
from futures_pipeline_tests.faults.cases import CASES, Case
from futures_pipeline_tests.faults.report import Sheet, day_sheet, matrix_sheet, soak_sheet
from futures_pipeline_tests.faults.vitals import draw

WIDTH = 160
OUTPUT = click.option("--output", type=click.Path(path_type=Path), help="Markdown file to write.")
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Directory to keep databases, lakes and logs in; default is a temporary one.",
)
SPEED_HELP = "Market seconds a machine second."


@click.group()
def main() -> None:
    """Play faults against the real collector and judge what it kept."""


@main.command()
@click.option("--only", default="", help="Names of faults, comma-separated; empty plays all.")
@click.option("--speed", default=faults.SPEED, show_default=True, help=SPEED_HELP)
@click.option("--lanes", default=faults.LANES, show_default=True, help="Pairs of processes.")
@OUTPUT
@DATA
def matrix(only: str, speed: float, lanes: int, output: Path | None, data: Path | None) -> None:
    """Play every fault once and print the matrix."""
    cases = chosen(only)
    with kept(data) as directory, progress() as bar:
        task = bar.add_task("Faults", total=len(cases))
        plan = faults.Plan(cases, speed, min(lanes, len(cases)), directory)
        rows = faults.run(plan, lambda row: told(bar, task, row))
    tell(matrix_sheet(rows, speed), output)
    sys.exit(any(not row.is_ok for row in rows))


@main.command()
@click.option("--faults", "count", default=1000, show_default=True, help="How many strike.")
@click.option(
    "--sessions",
    type=click.IntRange(1, soaking.MOST_SESSIONS),
    default=soaking.MOST_SESSIONS,
    show_default=True,
    help="Globex sessions they are spread over.",
)
@click.option("--seed", default=1, show_default=True, help="Of the faults.")
@click.option("--speed", default=600.0, show_default=True, help=SPEED_HELP)
@OUTPUT
@DATA
def soak(
    count: int, sessions: int, seed: int, speed: float, output: Path | None, data: Path | None
) -> None:
    """Let random faults strike over whole sessions and print what is left."""
    with kept(data) as directory:
        with progress() as bar:
            task = bar.add_task("Faults", total=count)
            plan = soaking.Plan(count, sessions, seed, speed, directory)
            verdict = soaking.soak(plan, lambda number: bar.update(task, completed=number))
        samples = verdict.run.samples
        chart = output.with_suffix(".png") if output else directory / "soak.png"
        draw(samples, speed, chart)
        tell(soak_sheet(verdict, samples[-1].seconds * speed / 3600), output)
        if output or data:
            click.echo(f"Memory, files and tasks over the run: {chart}")
    sys.exit(bool(verdict.failures))


@main.command()
@click.option("--speed", default=600.0, show_default=True, help=SPEED_HELP)
@OUTPUT
@DATA
def day(speed: float, output: Path | None, data: Path | None) -> None:
    """Play whole days with a pause, resets, a change of the clocks and a roll."""
    with kept(data) as directory, progress() as bar:
        tasks = {leg: bar.add_task(leg.title, total=leg.hours) for leg in days.LEGS}

        def reached(leg: days.Leg, at: datetime) -> None:
            bar.update(tasks[leg], completed=leg.hours_until(at))

        report = days.run(speed, directory, reached)
    tell(day_sheet(report), output)
    sys.exit(bool(report.failures))


def chosen(only: str) -> list[Case]:
    """Return the cases of the named faults, all for an empty text."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted(set(names) - {case.name for case in CASES})
    if unknown:
        known = ", ".join(dict.fromkeys(case.name for case in CASES))
        raise click.BadParameter(f"no fault {', '.join(unknown)}; there is {known}")
    return [case for case in CASES if not names or case.name in names]


def told(bar: Progress, task: Any, row: faults.Row) -> None:
    """Show that a case has been judged, and at once what is wrong with it."""
    bar.advance(task)
    for words in row.failures:
        bar.console.print(f"{row.case.title}: {words}", style="red", highlight=False)


def tell(sheet: Sheet, output: Path | None) -> None:
    """Print a table, and write it as Markdown if asked to."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    console.print(sheet.for_terminal())
    for words in sheet.below:
        console.print(words, highlight=False, markup=False)
    if output is not None:
        output.write_text(sheet.markdown(), encoding="utf-8")


@contextmanager
def kept(data: Path | None) -> Iterator[Path]:
    """Give a directory: the one asked for, or one that vanishes."""
    if data is not None:
        yield data
        return
    with TemporaryDirectory() as directory:
        yield Path(directory)


def progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


if __name__ == "__main__":
    main()
