"""``futures-pipeline receipt ID``: a stored row computed again from what it was made from."""

import logging
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from futures_pipeline.api.deciding.again import Recomputed, recomputed, stored_row
from futures_pipeline.api.store import store_of
from futures_pipeline.commands.deciding.assess_tables import say
from futures_pipeline.commands.options import with_settings
from futures_pipeline.config import load_settings
from futures_pipeline.decisions.receipts import code_version

DIFFERENT = 1


@click.command()
@click.argument("row_id", metavar="ID")
@with_settings
def receipt(row_id: str, config: Path | None, data: Path | None) -> None:
    """Compute the signal, warning or decision ID again from the versions of its receipt.

    Prints EQUAL, or a table of what differs and ends with status 1.
    """
    logging.basicConfig(level=logging.ERROR)
    store = store_of(load_settings(config=config, data=data))
    found = recomputed(store, stored_row(store, row_id))
    console = Console()
    for line in receipt_lines(found):
        say(console, line)
    if not found.differences:
        say(console, "", "EQUAL")
        return
    console.print(differences_table(found))
    sys.exit(DIFFERENT)


def receipt_lines(found: Recomputed) -> list[str]:
    """Return what a row was made from, a line each."""
    told, row = found.receipt, found.row
    versions = ", ".join(
        f"{name} {'absent' if version < 0 else version}" for name, version in told.versions.items()
    )
    covered = ", ".join(f"{name} {have} of {want}" for name, (have, want) in told.coverage.items())
    again = "the same" if told.code == code_version() else code_version()
    return [
        f"{told.table}: {told.symbol} as of {told.as_of:%Y-%m-%d %H:%M} UTC, computed at "
        f"{row['computed_at']:%Y-%m-%d %H:%M:%S} UTC",
        f"Versions    {versions}",
        f"Contracts   {', '.join(told.contracts)}",
        f"Data types  {', '.join(f'{k} {v}' for k, v in told.data_types.items()) or 'bars only'}",
        f"Minutes     {covered or 'none expected yet'}",
        f"Settings    {told.settings_hash}",
        f"Code        {told.code}, computed again by {again}",
    ]


def differences_table(found: Recomputed) -> Table:
    """Return the columns that differ."""
    table = Table("Column", "Stored", "Computed again", title="DIFFERENT")
    for column, stored, again in found.differences:
        table.add_row(column, str(stored), str(again))
    return table
