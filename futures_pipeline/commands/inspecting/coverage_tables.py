"""The coverage of a session on a screen, readable at 80 columns and at 200."""

from datetime import datetime

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table as ScreenTable
from rich.text import Text

from futures_pipeline.analytics.gap_summary import (
    contracts_in_words,
    new_york_span,
    outages,
    utc_span,
)
from futures_pipeline.commands.inspecting.remedies import FOR_CAUSE
from futures_pipeline.domain.causes import Cause
from futures_pipeline.domain.sessions import NEW_YORK, Session
from futures_pipeline.orchestration.ingestion.session_coverage import SessionCoverage

# Of gaps that need nobody, so many of the longest are listed; the others are counted.
EXPLAINED_LISTED = 15


def print_coverage(
    console: Console, session: Session, found: SessionCoverage, until: datetime, is_stopped: bool
) -> None:
    """Print the title, the table of streams and the table of gaps of one session.

    ``is_stopped``: no collector works on the data directory at present.
    """
    console.print(title(session, until))
    if is_stopped and until < session.closes_at:
        console.print("No collector is running on this data directory.", style="yellow")
    console.print(streams_table(found.streams))
    if found.gaps.is_empty():
        console.print("No minute is missing.")
        return
    gaps = outages(found.gaps)
    listed = pl.concat(
        [
            gaps.filter(~pl.col("is_explained")),
            gaps.filter("is_explained").head(EXPLAINED_LISTED),
        ]
    )
    console.print(gaps_table(listed))
    left = gaps.height - listed.height
    if left:
        console.print(f"{left} shorter gaps with a cause are not listed.")
    console.print(causes_table(found.gaps))


def title(session: Session, until: datetime) -> str:
    """Return which session it is, in New York time, and how far it is judged."""
    opens, closes = (at.astimezone(NEW_YORK) for at in (session.opens_at, session.closes_at))
    judged = min(until, session.closes_at)
    whole = judged == session.closes_at
    far = f"{judged.astimezone(NEW_YORK):%H:%M} New York ({judged:%H:%M} UTC)"
    return (
        f"Coverage of session {session.session_date}, {opens:%a %H:%M} to {closes:%a %H:%M} "
        f"New York: {'judged to its end' if whole else f'judged up to {far}'}"
    )


def streams_table(streams: pl.DataFrame) -> ScreenTable:
    """Return a row a contract and stream: minutes, and percent received of those expected."""
    screen = plain_table()
    screen.add_column("Minutes of")
    for name in ("Expected", "Received", "%", "With\ncause", "Without\ncause", "Longest\ngap"):
        screen.add_column(name, justify="right", no_wrap=True)
    screen.add_column("Data")
    for row in streams.iter_rows(named=True):
        share, lost = row["share"], row["unexplained_minutes"]
        screen.add_row(
            f"{row['contract']} {row['stream']}",
            f"{row['expected_minutes']:,}",
            f"{row['received_minutes']:,}",
            "" if share is None else percent(share),
            f"{row['explained_minutes']:,}",
            Text(f"{lost:,}", style="red" if lost else ""),
            f"{row['largest_gap_minutes']:,}",
            Text(row["data_types"] or ""),
        )
    return screen


def percent(share: float) -> str:
    """Return a share in percent; only what is whole is shown as 100.

    >>> percent(1379.9 / 1380), percent(1.0)
    ('99.9', '100.0')
    """
    return f"{min(100.0 * share, 99.9) if share < 1.0 else 100.0:.1f}"


def gaps_table(gaps: pl.DataFrame) -> ScreenTable:
    """Return a row an outage (``analytics.gap_summary.outages``), red when nothing explains it."""
    screen = plain_table()
    screen.add_column("Missing, New York\nand UTC", no_wrap=True)
    screen.add_column("Min", justify="right")
    screen.add_column("Of")
    screen.add_column("Why", ratio=1)
    for gap in gaps.iter_rows(named=True):
        span = (gap["starts_at"], gap["ends_at"])
        screen.add_row(
            f"{new_york_span(*span)}\n{utc_span(*span)} UTC",
            f"{gap['minutes']:,}",
            f"{contracts_in_words(gap['contracts'])}: {', '.join(gap['streams'])}",
            Text(gap["says"], style="" if gap["is_explained"] else "red"),
        )
    return screen


def causes_table(gaps: pl.DataFrame) -> ScreenTable:
    """Return the missing minutes of each cause, the most first, and what to do about it."""
    sums = gaps.group_by("cause").agg(pl.col("minutes").sum())
    screen = plain_table()
    screen.add_column("Cause", no_wrap=True)
    screen.add_column("Minutes of\nall streams", justify="right", no_wrap=True)
    screen.add_column("What to do", ratio=1)
    for cause, minutes in sums.sort("minutes", "cause", descending=[True, False]).iter_rows():
        screen.add_row(cause, f"{minutes:,}", FOR_CAUSE[Cause(cause)])
    return screen


def plain_table() -> ScreenTable:
    """Return an empty table with a line under its head and nothing else drawn."""
    return ScreenTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
