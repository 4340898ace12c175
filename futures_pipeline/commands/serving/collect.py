"""``futures-pipeline collect``: the collector alone, in the foreground."""

import asyncio
import signal
from pathlib import Path

import click

from futures_pipeline.commands.options import (
    sole_user,
    start_logging,
    start_up,
    with_settings,
)
from futures_pipeline.config import Settings

ENDS = (signal.SIGINT, signal.SIGTERM)


@click.command()
@with_settings
def collect(config: Path | None, data: Path | None) -> None:
    """Collect from IB Gateway or TWS until Ctrl-C."""
    settings = start_up(config, data)
    start_logging()
    with sole_user(settings.data, "collector"):
        asyncio.run(_collect(settings))


async def _collect(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    for number in ENDS:  # one that comes while modules load waits for the next handler
        loop.add_signal_handler(number, lambda: None)
    from futures_pipeline.collection.collector import Collector
    from futures_pipeline.storage.spool import Spool

    spool = Spool(settings.spool_url)
    collector = Collector(settings, spool)
    for number in ENDS:
        loop.add_signal_handler(number, collector.stop)
    try:
        await collector.run()
    finally:
        spool.close()
