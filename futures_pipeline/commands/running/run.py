"""``futures-pipeline run``: the collector and Dagster against your own gateway."""

import logging
from pathlib import Path

import click
from rich.console import Console

from futures_pipeline.commands.options import sole_user, start_up, with_settings
from futures_pipeline.commands.running.pipeline import Pipeline
from futures_pipeline.commands.running.processes import Interrupted, Processes
from futures_pipeline.config import CONFIG_FILE


@click.command()
@with_settings
def run(config: Path | None, data: Path | None) -> None:
    """Collect from IB Gateway or TWS and run Dagster, until Ctrl-C."""
    logging.basicConfig(level=logging.ERROR)  # warnings are in the logs of the processes
    settings = start_up(config, data)
    environment = {"FUTURES_PIPELINE_DATA": str(settings.data)}
    file = config or Path(CONFIG_FILE)
    if file.exists():  # the children must read it wherever they work
        environment["FUTURES_PIPELINE_CONFIG"] = str(file.absolute())
    console = Console()
    with sole_user(settings.data, "collector"):
        pass  # one that runs already is found before anything else is started
    with (
        sole_user(settings.data, "pipeline"),
        Processes(settings.data / "logs") as processes,
    ):
        try:
            Pipeline(processes, settings, environment, console).watch()
        except Interrupted:
            console.print("Stopping.")
