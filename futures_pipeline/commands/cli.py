"""The command line as one click group."""

import click

from futures_pipeline.commands.collect import collect
from futures_pipeline.commands.demo import demo
from futures_pipeline.commands.run import run
from futures_pipeline.commands.simulate import simulate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="futures-pipeline")
def cli() -> None:
    """Collect futures, ETFs and VIX into a lake, exactly once, and watch it in Dagster."""


for command in (collect, demo, run, simulate):
    cli.add_command(command)
