"""The command line: ``futures-pipeline COMMAND``; every refusal is one sentence."""

import sys

import click

from futures_pipeline.commands.collect import collect
from futures_pipeline.commands.demo import demo
from futures_pipeline.commands.run import run
from futures_pipeline.commands.simulate import simulate
from futures_pipeline.domain.errors import PipelineError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="futures-pipeline")
def cli() -> None:
    """Collect futures, ETFs and VIX into a lake, exactly once, and watch it in Dagster."""


cli.add_command(collect)
cli.add_command(demo)
cli.add_command(run)
cli.add_command(simulate)


def main() -> None:
    """Run the command line; a PipelineError ends it with its sentence and status 1."""
    try:
        cli()
    except PipelineError as error:
        click.echo(f"futures-pipeline: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
