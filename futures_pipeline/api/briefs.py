"""The archive of morning briefs: one HTML and one text page a trading day."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from futures_pipeline.api.morning import read_morning
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.brief.grade import OpenAlert
from futures_pipeline.decisions.brief.html import as_html
from futures_pipeline.decisions.brief.page import Page
from futures_pipeline.decisions.brief.sections import morning_page
from futures_pipeline.decisions.brief.text import as_text
from futures_pipeline.domain.errors import DataDirectoryError
from futures_pipeline.storage.lake.durable import make_directory, write_over

DIRECTORY = "briefs"


@dataclass(frozen=True, slots=True)
class Archived:
    """The files of one day's brief."""

    session_date: date
    html: Path
    text: Path

    @property
    def is_there(self) -> bool:
        """Whether it is whole: the HTML page is written last."""
        return self.html.exists()


def archived(data: Path, day: date) -> Archived:
    """Return where the brief of a day is, or would be."""
    stem = data / DIRECTORY / str(day)
    return Archived(day, stem.with_suffix(".html"), stem.with_suffix(".txt"))


def newest_brief(data: Path) -> Archived | None:
    """Return the newest archived brief; None before the first."""
    held = sorted((data / DIRECTORY).glob("????-??-??.html"))
    return archived(data, date.fromisoformat(held[-1].stem)) if held else None


def make_brief(
    store: Store, day: date, made_at: datetime, alerts: tuple[OpenAlert, ...] = ()
) -> Page:
    """Return the brief of an NYSE day as a page; arguments and errors of ``read_morning``."""
    return morning_page(read_morning(store, day, made_at, alerts))


def archive(data: Path, page: Page) -> Archived:
    """Write a brief's files; each is the old one or the new one after a power cut, whole.

    Raises:
        DataDirectoryError: they cannot be written.
    """
    place = archived(data, page.session_date)
    try:
        make_directory(place.html.parent)
        write_over(place.text, as_text(page).encode())
        write_over(place.html, as_html(page).encode())
    except OSError as error:
        raise DataDirectoryError(
            f"morning brief: {place.html.parent} cannot be written ({error}); check the disk and "
            "the rights of the data directory, then call futures-pipeline brief --again"
        ) from error
    return place
