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
from futures_pipeline.decisions.brief.words import spoken
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
        need = "the id of a row of entry_decisions; this row has no rules, see its receipt"
        raise ConfigurationError("id", row_id, need)
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
        plural = "" if row["contracts"] == 1 else "s"
        lines.append(
            f"Entry       {row['direction']} {row['strategy_type'].replace('_', ' ')}, "
            f"{row['contracts']} contract{plural} "
            f"({row['position_multiplier']:.2f} of the usual size)"
        )
        lines += [f"            {leg_text(leg)}" for leg in json.loads(row["legs"])]
    if row["degraded"]:
        lines.append(f"Without     {spoken(row['degraded'])}")
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
    text = condition["condition"]
    if value is None:
        return f"{text}: {UNKNOWN}"
    if isinstance(value, bool):
        return f"{text}: {'yes' if value else 'no'}"
    if isinstance(value, str):
        return f"{text}: it is {value}"
    return f"{text}: {value:.4g}" + (f", {distance:.4g} away" if distance else "")


def leg_text(leg: dict[str, Any]) -> str:
    """Return one option of an entry.

    >>> leg_text({"side": "sell", "right": "put", "delta": 0.3, "days_from": 30, "days_to": 45})
    'sell put, delta 0.30, 30 to 45 days to expiry'
    """
    days = " to ".join(str(day) for day in dict.fromkeys((leg["days_from"], leg["days_to"])))
    return f"{leg['side']} {leg['right']}, delta {leg['delta']:.2f}, {days} days to expiry"
