"""``futures-pipeline assess ES SPY``: does the future lead, and is that of any use?"""

import logging
import sys
from pathlib import Path

import click
from rich.console import Console

from futures_pipeline.api.pairs import checked_legs
from futures_pipeline.api.reports import pair_report, stored_pair
from futures_pipeline.api.snapshots import MOST_SESSIONS
from futures_pipeline.api.store import store_of
from futures_pipeline.commands.deciding.assess_tables import print_report
from futures_pipeline.commands.options import with_settings
from futures_pipeline.config import load_settings

FAULTY_DATA = 1


@click.command()
@click.argument("futures")
@click.argument("spot")
@click.option(
    "--days",
    type=click.IntRange(1, MOST_SESSIONS),
    help="Sessions to look back over; default analysis.sessions.",
)
@with_settings
def assess(
    futures: str, spot: str, days: int | None, config: Path | None, data: Path | None
) -> None:
    """Say who leads of FUTURES and SPOT, how sure that is, and whether it can be traded.

    Read from the lake, one-minute bars of regular hours. Ends with status 1 when the bars
    themselves are at fault.
    """
    logging.basicConfig(level=logging.ERROR)
    legs = checked_legs(futures.upper(), spot.upper())
    settings = load_settings(config=config, data=data)
    with Console(stderr=True).status("Reading bars") as status:
        found = stored_pair(store_of(settings), legs, days or settings.analysis.sessions)
        status.update(f"Computing leads of {len(found.regular)} sessions, and 200 placebos")
        report = pair_report(found)
    print_report(Console(), report)
    if report.label_fault is not None:
        sys.exit(FAULTY_DATA)
