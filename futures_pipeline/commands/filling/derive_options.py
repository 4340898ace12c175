"""``futures-pipeline derive-options``: statistics and regimes of options over history."""

import logging
from datetime import date, datetime
from pathlib import Path

import click
import polars as pl
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table as ScreenTable

from futures_pipeline.analytics.options.cleaning import refusals
from futures_pipeline.commands.options import start_up, with_settings
from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.orchestration.options.storing import Statistics
from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS

RUN_ID = "derive-options"
# The column, its title and its format.
SHOWN = (
    ("iv_atm_30d", "IV 30 d", ".2%"),
    ("iv_rank_60d", "Rank 60 d", ".0f"),
    ("vix_chain", "Own VIX", ".2f"),
    ("n_clean", "Clean", ",d"),
    ("n_contracts", "Options", ",d"),
    ("vix_close", "VIX", ".2f"),
    ("term_structure_slope", "Slope", "+.1%"),
    ("skew_25d", "Skew", "+.1%"),
    ("put_call_ratio", "Puts/calls", ".2f"),
    ("trend_20d", "Trend", "+.1f"),
)
# A narrower screen shows the first of them.
WIDE_ENOUGH, NARROW = 140, 4
DAY = click.DateTime(["%Y-%m-%d"])


@click.command("derive-options")
@click.option("--from", "first", type=DAY, help="First session; default the first with options.")
@click.option("--to", "last", type=DAY, help="Last session; default the last with options.")
@with_settings
def derive_options(
    first: datetime | None, last: datetime | None, config: Path | None, data: Path | None
) -> None:
    """Compute the 27 numbers and the regime of past NYSE sessions, in their order.

    A session that is computed again replaces its rows. What follows from a session, such as
    the ranks of the sessions after it, is computed in the same call or not at all.
    """
    logging.basicConfig(level=logging.ERROR)
    workbench = Workbench(start_up(config, data))
    days = chosen_sessions(
        workbench, None if first is None else first.date(), None if last is None else last.date()
    )
    running = Statistics(workbench).described(days, RUN_ID)
    shown = track(running, "Sessions", len(days), transient=True, console=Console(stderr=True))
    found = [(it.statistics, refusals(it.chain.judged)) for it in shown]
    statistics = pl.concat(rows for rows, _ in found)
    told = statistics.filter(pl.col("n_contracts") > 0)
    console = Console()
    if not told.is_empty():
        console.print(statistics_table(told, console.width))
        console.print(refusals_table(pl.concat(refused for _, refused in found)))
    console.print(
        f"Stored {statistics.height:,} rows of {len(days)} sessions; "
        f"{statistics.height - told.height:,} of them, of an ETF without options, are not shown.",
        highlight=False,
        soft_wrap=True,
    )


def chosen_sessions(workbench: Workbench, first: date | None, last: date | None) -> list[date]:
    """Return the NYSE sessions between two dates that are over; the ends are those stored.

    Raises:
        PipelineError: there is none.
    """
    options = workbench.lake.open(OPTION_SNAPSHOTS.name)
    held = options.session_dates() if options else []
    begin, end = first or min(held, default=None), last or max(held, default=None)
    between = workbench.calendar.regular.between(begin, end) if begin and end else ()
    over = [it.session_date for it in between if it.closes_at <= workbench.clock.now()]
    if not any(begin <= day <= end for day in held if begin and end) or not over:
        raise PipelineError(
            "derive-options: no NYSE session that is over and has options from "
            f"{begin or 'the first stored'} to {end or 'the last'}; collect or import option "
            "chains, or give other dates"
        )
    return over


def statistics_table(statistics: pl.DataFrame, width: int) -> ScreenTable:
    """Return a line a session and ETF, as far as they fit; what is unknown is a dash."""
    shown = SHOWN if width >= WIDE_ENOUGH else SHOWN[:NARROW]
    screen = ScreenTable(box=SIMPLE, padding=(0, 1, 0, 0))
    for name in ("Session", "ETF", "Quality", "Regime"):
        screen.add_column(name, no_wrap=True)
    for _, title, _ in shown:
        screen.add_column(title, justify="right", no_wrap=True)
    for row in statistics.iter_rows(named=True):
        numbers = ("-" if row[n] is None else format(row[n], as_) for n, _, as_ in shown)
        screen.add_row(str(row["date"]), row["symbol"], row["quality"], row["regime"], *numbers)
    return screen


def refusals_table(refused: pl.DataFrame) -> ScreenTable:
    """Return how many closing quotes of each ETF were not used, by reason, over all sessions."""
    screen = ScreenTable("ETF", "Not used because", "Options")
    screen.columns[2].justify = "right"
    summed = refused.group_by("symbol", "reason").agg(pl.col("rows").sum())
    ordered = summed.sort("symbol", "rows", "reason", descending=[False, True, False])
    for symbol, reason, rows in ordered.iter_rows():
        screen.add_row(symbol, reason, f"{rows:,}")
    return screen
