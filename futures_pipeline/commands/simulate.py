"""``futures-pipeline simulate``: the gateway simulator, a process of its own."""

import os
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulate(arguments: tuple[str, ...]) -> None:
    """Start the IB Gateway simulator (options: futures-pipeline simulate --help)."""
    command = [sys.executable, "-m", "futures_pipeline.simulator", *arguments]
    os.execv(sys.executable, command)
