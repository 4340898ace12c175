"""``futures-pipeline dashboard``: the pages on 127.0.0.1."""

import logging
import os
from pathlib import Path

import click

from futures_pipeline.commands.options import with_settings
from futures_pipeline.commands.running.pipeline import free_port
from futures_pipeline.config import CONFIG_FILE, PREFIX, load_settings
from futures_pipeline.domain.errors import PipelineError

EXTRA = (
    "dashboard: Streamlit is not installed; it comes with the extra: "
    "pip install 'futures-pipeline[dashboard]'"
)


@click.command()
@with_settings
def dashboard(config: Path | None, data: Path | None) -> None:
    """Show what is stored and what is heard, until Ctrl-C."""
    logging.basicConfig(level=logging.WARNING)
    try:
        from futures_pipeline.dashboard.live.library import LibraryMissing, chart_library
        from futures_pipeline.dashboard.server import serve
    except ModuleNotFoundError as error:
        raise PipelineError(EXTRA) from error
    settings = load_settings(config=config, data=data)
    free_port(settings.dashboard.port, "dashboard.port")
    library = None
    try:
        library = chart_library()
    except LibraryMissing as error:
        click.echo(f"{error}; every page but the live chart works", err=True)
    # Streamlit runs the pages in this process; they load the settings themselves.
    os.environ[f"{PREFIX}DATA"] = str(settings.data)
    file = config or Path(CONFIG_FILE)
    if file.exists():
        os.environ[f"{PREFIX}CONFIG"] = str(file.absolute())
    click.echo(f"Dashboard http://127.0.0.1:{settings.dashboard.port}  live chart /live")
    serve(settings, library)
