"""``make bench``: one row a job and tool, with the ratio to ours."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from futures_pipeline_tests.bench.analysis import analysis_jobs
from futures_pipeline_tests.bench.decisions import decision_jobs
from futures_pipeline_tests.bench.jobs import as_of_jobs, change_jobs, commit_jobs, latest_jobs
from futures_pipeline_tests.bench.lake_jobs import lake_jobs
from futures_pipeline_tests.bench.option_lake import option_lake_jobs
from futures_pipeline_tests.bench.options import option_jobs
from futures_pipeline_tests.bench.timing import measure

GROUPS = ("changes", "commits", "lake", "analysis", "options", "decisions")


@click.command()
@click.option("--only", default=",".join(GROUPS), show_default=True, help="Groups, by comma.")
@click.option("--years", default=10.0, show_default=True, help="Of bars in the lake.")
def main(only: str, years: float) -> None:
    """Measure our jobs beside other tools: medians of five, each in a process of its own."""
    console = Console(width=110)
    screen = Table("Job", "Tool", "CPU ms", "Wall ms", "Peak MB", "CPU against ours")
    with TemporaryDirectory() as directory:
        groups = {
            "changes": lambda: [
                *change_jobs(sessions=(2, 20)),
                *as_of_jobs(),
            ],
            "commits": lambda: [
                *commit_jobs(Path(directory), commits=(30, 300)),
                *latest_jobs(Path(directory)),
            ],
            "lake": lambda: lake_jobs(Path(directory), years),
            "analysis": analysis_jobs,
            "options": lambda: [*option_jobs(), *option_lake_jobs(Path(directory))],
            "decisions": lambda: decision_jobs(Path(directory), years),
        }
        jobs = [job for name in GROUPS if name in only.split(",") for job in groups[name]()]
        for title, rivals in track(jobs, description="Measuring", console=console):
            results = measure(rivals)
            ours = next(iter(results.values())).cpu_seconds
            for tool, found in results.items():
                screen.add_row(
                    title,
                    tool,
                    f"{1000 * found.cpu_seconds:.1f}",
                    f"{1000 * found.wall_seconds:.1f}",
                    f"{found.peak_mb:.0f}",
                    f"{found.cpu_seconds / ours:.1f}x",
                )
                title = ""
            screen.add_section()
    console.print(screen)


if __name__ == "__main__":
    main()
