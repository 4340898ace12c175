"""``futures-pipeline brief``: the newest morning brief, or that of a day, made anew if asked."""

import logging
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from futures_pipeline.api.briefs import Archived, archive, archived, make_brief, newest_brief
from futures_pipeline.api.morning import brief_moment
from futures_pipeline.api.store import store_of
from futures_pipeline.commands.options import with_settings
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import DataDirectoryError

ONE_DAY = timedelta(days=1)


@click.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Trade date; default the newest.")
@click.option("--again", is_flag=True, help="Make it anew from the lake, as of 09:25 New York.")
@click.option("--html", is_flag=True, help="Print the HTML page instead of the text.")
@with_settings
def brief(
    day: datetime | None, again: bool, html: bool, config: Path | None, data: Path | None
) -> None:
    """Print a morning brief: the night, the decisions, and how far the data can be trusted."""
    logging.basicConfig(level=logging.ERROR)
    settings = load_settings(config=config, data=data)
    asked = day.date() if day else None
    place = remade(settings, asked) if again else kept(settings, asked)
    click.echo((place.html if html else place.text).read_text(encoding="utf-8"), nl=False)


def remade(settings: Settings, day: date | None) -> Archived:
    """Make the brief of a day, default the newest that can be made, and archive it."""
    now = settings.clock.now()
    if not settings.lake_path.exists():
        raise DataDirectoryError(
            f"morning brief: nothing is stored in {settings.data} yet; start futures-pipeline run "
            "or futures-pipeline demo, or choose another directory with --data"
        )
    page = make_brief(store_of(settings), day or newest_day(now), now)
    return archive(settings.data, page)


def kept(settings: Settings, day: date | None) -> Archived:
    """Return an archived brief.

    Raises:
        DataDirectoryError: there is none.
    """
    place = newest_brief(settings.data) if day is None else archived(settings.data, day)
    if place is None or not place.is_there:
        which, asked = (f" of {day}", f" --day {day}") if day else ("", "")
        raise DataDirectoryError(
            f"morning brief{which}: none is archived in {settings.data / 'briefs'}; make it with "
            f"futures-pipeline brief --again{asked}, or choose another directory with --data"
        )
    return place


def newest_day(now: datetime) -> date:
    """Return the newest NYSE day whose 09:25 New York has passed."""
    days = calendar_for(now).regular.between((now - 14 * ONE_DAY).date(), now.date())
    passed = (day.session_date for day in days if brief_moment(day.session_date) <= now)
    return max(passed)
