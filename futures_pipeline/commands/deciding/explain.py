"""``futures-pipeline explain ID``: every rule of a decision, and how far it was from firing."""

import json
import logging
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from futures_pipeline.api.deciding.again import stored_row
from futures_pipeline.api.store import store_of
from futures_pipeline.commands.deciding.assess_tables import say
from futures_pipeline.commands.options import with_settings
from futures_pipeline.config import load_settings
from futures_pipeline.domain.errors import ConfigurationError

UNKNOWN = "not known"


@click.command()
@click.argument("row_id", metavar="ID")
@with_settings
def explain(row_id: str, config: Path | None, data: Path | None) -> None:
    """Show what became of every rule in the decision ID, and what it takes to fire."""
    logging.basicConfig(level=logging.ERROR)
    row = stored_row(store_of(load_settings(config=config, data=data)), row_id)
    if "trace" not in row:
        raise ConfigurationError("id", row_id, "the id of a row of entry_decisions")
    console = Console()
    say(console, *decision_lines(row))
    console.print(trace_table(json.loads(row["trace"])))


def decision_lines(row: dict[str, Any]) -> list[str]:
    """Return a decision in words."""
    lines = [
        f"{row['symbol']} as of {row['timestamp']:%Y-%m-%d %H:%M} UTC: {row['action']}",
        f"Because     {row['reason']}",
    ]
    if row["strategy_type"]:
        lines.append(
            f"Entry       {row['direction']} {row['strategy_type']}, {row['contracts']} contracts "
            f"({row['position_multiplier']:.2f} of the usual size)"
        )
    if row["degraded"]:
        lines.append(f"Without     {row['degraded'].replace(',', ', ')}")
    return lines


def trace_table(trace: list[dict[str, Any]]) -> Table:
    """Return a row for each rule, in their order: what became of it, and what it takes to fire."""
    table = Table("Rule", "Outcome", "Why, or what it takes")
    for line in trace:
        failing = [condition_text(each) for each in line["conditions"] if not each["holds"]]
        told = failing or [line["note"] or "all conditions hold"]
        table.add_row(line["rule"], line["outcome"].replace("_", " "), "\n".join(told))
    return table


def condition_text(condition: dict[str, Any]) -> str:
    """Return a condition with its value and distance.

    >>> condition_text({"condition": "IV rank >= 50", "value": 46.0, "distance": 4.0})
    'IV rank >= 50: 46, 4 away'
    """
    value, distance = condition["value"], condition["distance"]
    if value is None:
        return f"{condition['condition']}: {UNKNOWN}"
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    told = f"{value:.4g}" if is_number else str(value)
    return f"{condition['condition']}: {told}" + (f", {distance:.4g} away" if distance else "")
