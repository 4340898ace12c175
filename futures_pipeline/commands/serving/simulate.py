"""``futures-pipeline simulate``: the gateway simulator, a process of its own."""

import os

import click

from futures_pipeline.commands.running.processes import python_module


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulate(arguments: tuple[str, ...]) -> None:
    """Start the IB Gateway simulator (options: futures-pipeline simulate --help)."""
    command = python_module("futures_pipeline.simulator", *arguments)
    os.execv(command[0], command)
