"""``make torture``: kills, power cuts, full disks and damaged files, counted row by row."""

import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from futures_pipeline_tests.torture.damage import damages
from futures_pipeline_tests.torture.kills import kills
from futures_pipeline_tests.torture.limits import few_handles, full_disks, small_files
from futures_pipeline_tests.torture.outcome import Outcome, Tick
from futures_pipeline_tests.torture.power import power_cuts

Torture = Callable[[int, int, Path, Tick], Outcome]
KINDS: Sequence[tuple[str, Torture, int, int]] = (
    ("kill -9", kills, 1000, 20),
    ("power cuts", power_cuts, 25, 3),
    ("power cuts, control", partial(power_cuts, syncs=False), 10, 3),
    ("disk full", full_disks, 12, 2),
    ("file size limit", small_files, 20, 2),
    ("open files limit", few_handles, 20, 3),
    ("damaged files", damages, 300, 9),
)


@click.command()
@click.option("--quick", is_flag=True, help="A few of each, within 45 seconds.")
@click.option("--seed", type=int, help="Repeat the choices of an earlier run.")
@click.option("--only", default="", help="Kinds, comma-separated; empty takes all.")
def main(quick: bool, seed: int | None, only: str) -> None:
    """Torture the lake and count what is left."""
    console = Console(width=150)
    chosen_seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    console.print(f"seed {chosen_seed}: kinds and moments repeat with --seed {chosen_seed}")
    with TemporaryDirectory(prefix="torture") as directory:
        outcomes = run(chosen_seed, Path(directory), console, quick=quick, only=only)
    console.print(sheet(outcomes))
    verdict = "as it should be" if all(one.is_ok for one in outcomes) else "NOT as it should be"
    console.print(f"seed {chosen_seed}: {verdict}")
    sys.exit(any(not outcome.is_ok for outcome in outcomes))


def run(
    seed: int, directory: Path, console: Console, *, quick: bool, only: str = ""
) -> list[Outcome]:
    """Do the kinds one after the other, with a bar each."""
    wanted = [kind for kind in KINDS if not only or kind[0] in only.split(",")]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    outcomes = []
    with Progress(*columns, console=console) as progress:
        for name, torture, many, few in wanted:
            count = few if quick else many
            task = progress.add_task(name, total=count)
            outcomes.append(torture(count, seed, directory, partial(progress.advance, task)))
    return outcomes


def sheet(outcomes: Sequence[Outcome]) -> Table:
    """Return the result as a table."""
    columns = (
        "Torture",
        "Cycles",
        "Rows acknowledged",
        "Lost",
        "Twice",
        "Silently wrong",
        "Result",
    )
    table = Table(*columns)
    for one in outcomes:
        found = one.account
        counts = (one.cycles, found.acknowledged, found.lost, found.twice, found.wrong)
        says = "; ".join([*one.fails, one.note]) if one.fails or one.note else ""
        result = f"skipped: {one.skipped}" if one.skipped else says
        table.add_row(one.name, *(f"{count:,}" for count in counts), result)
    return table


if __name__ == "__main__":
    main()
