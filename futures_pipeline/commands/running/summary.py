"""What a finished run has to show: rows by table, checks by asset, and the verdict."""

from collections.abc import Sequence

import polars as pl
from rich.console import Console
from rich.table import Table as ScreenTable

from futures_pipeline.config import Settings
from futures_pipeline.orchestration.hosting.once import CheckOutcome
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.tables import TABLES

TIME_COLUMNS = ("timestamp", "ts_end")


def print_summary(
    console: Console,
    settings: Settings,
    checks: Sequence[CheckOutcome],
    refused: Sequence[tuple[str, str, str]],
) -> bool:
    """Print the tables; return whether nothing failed.

    ``refused``: requests that ended without an answer: symbol, kind of error, message. A
    check that only warns does not make the run a failure.
    """
    console.print(rows_table(Lake(settings.lake_path)))
    console.print(checks_table(checks))
    for symbol, kind, message in refused:
        console.print(f"Not collected: {symbol} {kind}: {message}", style="red")
    failed = [outcome for outcome in checks if not outcome.passed and outcome.severity == "ERROR"]
    well = bool(checks) and not failed and not refused
    console.print("All is well." if well else "Not all is well: see the lines in red.")
    return well


def rows_table(lake: Lake) -> ScreenTable:
    """Return rows, sessions and the newest time of every table."""
    screen = ScreenTable("Table", "Rows", "Sessions", "Newest (UTC)", title="Lake")
    for name, table in TABLES.items():
        opened = lake.open(name)
        if opened is None:
            screen.add_row(name, "0", "0", "")
            continue
        time = next((column for column in TIME_COLUMNS if column in table.schema), None)
        newest = pl.lit(None, pl.Datetime("us", "UTC")) if time is None else pl.col(time).max()
        row = opened.scan().select(pl.len(), pl.n_unique("session_date"), newest.alias("newest"))
        count, sessions, latest = row.collect().row(0)
        at = "" if latest is None else f"{latest:%Y-%m-%d %H:%M:%S}"
        screen.add_row(name, f"{count:,}", f"{sessions:,}", at)
    return screen


def checks_table(checks: Sequence[CheckOutcome]) -> ScreenTable:
    """Return each check with its result and what it says."""
    screen = ScreenTable("Asset", "Check", "Result", "Says", title="Checks")
    for outcome in sorted(checks, key=lambda outcome: (outcome.asset, outcome.check)):
        colour = {"ERROR": "red", "WARN": "yellow"}[outcome.severity]
        result = "[green]passed[/]" if outcome.passed else f"[{colour}]{outcome.severity}[/]"
        check = outcome.check.removeprefix(f"{outcome.asset}_").replace("_", " ")
        screen.add_row(outcome.asset, check, result, outcome.says)
    return screen
