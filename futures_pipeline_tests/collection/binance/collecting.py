"""A process that collects pairs until it is killed: DATABASE STREAM_URL REST_URL."""

import asyncio
import logging
import sys
from pathlib import Path

from futures_pipeline.collection.binance.service import PairCollector
from futures_pipeline.config import load_settings
from futures_pipeline.storage.spool import Spool
from futures_pipeline_tests.collection.binance.conftest import PublicHosts


def main(data: str, stream_url: str, rest_url: str) -> None:
    settings = load_settings(data=Path(data))
    spool = Spool(settings.spool_url)
    hosts = PublicHosts(stream_url, rest_url)
    collector = PairCollector(hosts, settings.collection, spool, settings.clock)
    asyncio.run(collector.work())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*sys.argv[1:])
