"""``futures-pipeline lake``: what is stored, as of when, and whether it is as committed."""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import click
import polars as pl
from rich.console import Console
from rich.progress import track
from rich.table import Table as ScreenTable

from futures_pipeline.commands.options import with_own_settings, with_settings
from futures_pipeline.config import Settings, load_settings, writable_directory
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError, LakeError, PipelineError
from futures_pipeline.storage.journal import Ingestion
from futures_pipeline.storage.lake import Lake, OpenTable
from futures_pipeline.storage.lake.archive import archive_root
from futures_pipeline.storage.lake.commit_log import CommitLog
from futures_pipeline.storage.maintenance import Maintained, figures, maintain, prune_journal
from futures_pipeline.storage.repair import Healed, heal, rebuild
from futures_pipeline.storage.scrub import Scrubbed, scrub
from futures_pipeline.storage.spool import Spool
from futures_pipeline.storage.tables import TABLES

MEGABYTE = 1e6
NEWEST_VERSIONS = 20
COUNT = click.IntRange(min=1)
WIDTH = 400


@click.group(invoke_without_command=True)
@with_settings
@click.pass_context
def lake(context: click.Context, config: Path | None, data: Path | None) -> None:
    """List the tables of the lake; its commands read as of a time, check and repair."""
    logging.basicConfig(level=logging.ERROR)
    context.obj = settings = load_settings(config=config, data=data)
    if context.invoked_subcommand is None:
        opened = Lake(settings.lake_path)
        Console().print(tables_screen(opened))
        if said := complaints(opened):
            raise LakeError("\n".join(said))


@lake.command()
@click.argument("table")
@click.option("--as-of", help="A version, or a time of a commit, 2025-01-15T14:30 (UTC).")
@click.option("--session", "asked", help="Only this trade date, 2025-01-15.")
@click.option("--rows", default=10, show_default=True, type=COUNT, help="How many of the last.")
@with_own_settings
def show(settings: Settings, table: str, as_of: str | None, asked: str | None, rows: int) -> None:
    """Show the last rows of a table, now or as of a version or time."""
    opened = existing(Lake(settings.lake_path), table, parsed_as_of(as_of))
    sessions = [parsed_session(asked)] if asked else opened.session_dates()[-1:]
    found = opened.read(sessions)
    minutes = pl.col(pl.Datetime("us", "UTC")).dt.to_string("%Y-%m-%d %H:%M:%S")
    with pl.Config(
        tbl_rows=rows, tbl_cols=-1, tbl_width_chars=WIDTH, tbl_hide_column_data_types=True
    ):
        click.echo(found.tail(rows).with_columns(minutes))
    held = ", ".join(map(str, sessions))
    click.echo(f"{found.height:,} rows of {held or 'no session'}; version {opened.version}")


@lake.command()
@click.argument("table")
@click.option(
    "--newest", default=NEWEST_VERSIONS, show_default=True, type=COUNT, help="How many to list."
)
@with_own_settings
def versions(settings: Settings, table: str, newest: int) -> None:
    """List the newest versions of a table: when, what, by which run."""
    opened = existing(Lake(settings.lake_path), table, None)
    screen = ScreenTable(
        "Version", "Committed (UTC)", "Files added", "Rows added", "Files removed", "Run"
    )
    for version in opened.log.commits()[-newest:]:
        screen.add_row(str(version), *version_cells(opened, version))
    Console().print(screen)


@lake.command("scrub")
@click.option(
    "--rebuild", "rebuilds", is_flag=True, help="Rebuild damaged sessions from the spool."
)
@with_own_settings
def scrub_command(settings: Settings, rebuilds: bool) -> None:
    """Compare every file of the lake with its digest; fail when one differs."""
    names = track(TABLES, "Scrubbing", transient=True, console=Console(stderr=True))
    found = scrub(Lake(settings.lake_path), names)
    console = Console()
    console.print(scrub_sentence(found))
    for damage in found.damages:
        console.print(damage.says, style="red")
    if found.damages and rebuilds:
        with Journal(settings) as ingestion:
            print_healed(console, rebuild(ingestion, found.damages, settings.clock.now()))
        found = scrub(Lake(settings.lake_path), sorted({it.table for it in found.damages}))
    if found.damages:
        raise PipelineError(
            f"lake: {len(found.damages)} files are not as committed; "
            "call: futures-pipeline lake scrub --rebuild"
        )


@lake.command()
@with_own_settings
def repair(settings: Settings) -> None:
    """Bring damaged tables back to what is whole, and their rows back from the spool."""
    with Journal(settings) as ingestion:
        healed = heal(ingestion, TABLES, settings.clock.now())
    print_healed(Console(), healed)


@lake.command("maintain")
@with_own_settings
def maintain_command(settings: Settings) -> None:
    """Gather small files, sum up the logs, delete versions past the promise of 90 days."""
    market_now = settings.clock.now()
    closed_before = calendar_for(market_now).session_date(market_now)
    opened = Lake(settings.lake_path)
    Console().print(maintained_screen(maintain(opened, closed_before, datetime.now(UTC))))
    with Journal(settings) as ingestion:
        pruned = prune_journal(opened, ingestion.spool, market_now)
    click.echo(f"spool: the rows of {pruned:,} old batches, all of them in the lake, were dropped")


class Journal:
    """The spool and the lake of some settings, for the length of a ``with``."""

    def __init__(self, settings: Settings) -> None:
        writable_directory(settings.data)
        self._spool = Spool(settings.spool_url)
        self._ingestion = Ingestion(
            Lake(settings.lake_path),
            self._spool,
            settings.collected,
            calendar_for(max(settings.clock.now(), datetime.now(UTC))),
            "command line",
        )

    def __enter__(self) -> Ingestion:
        return self._ingestion

    def __exit__(self, *error: object) -> None:
        self._spool.close()


def existing(opened: Lake, name: str, as_of: int | datetime | None) -> OpenTable:
    """Return a table that is there.

    Raises:
        ConfigurationError: there is no table of that name, or nothing in it then.
    """
    table = opened.open(name, as_of) if name in TABLES else None
    if table is None and name in TABLES and opened.open(name) is not None:
        begun = f"{opened.committed_at(name, 0):%Y-%m-%d %H:%M:%S} UTC"
        raise ConfigurationError(
            "--as-of", str(as_of), f"at or after {begun}, when {name} was made"
        )
    if table is None and name in TABLES:
        raise LakeError(f"table {name}: no row was ever stored in {opened.path(name)}")
    if table is None:
        stored = [known for known in TABLES if opened.path(known).exists()]
        raise ConfigurationError(
            "table", name, f"one that is stored: {', '.join(stored) or 'none'}"
        )
    return table


def parsed_as_of(text: str | None) -> int | datetime | None:
    """Return a version or an aware time; a time without zone is UTC."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            "--as-of", text, "a version such as 12, or a time such as 2025-01-15T14:30"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parsed_session(text: str) -> date:
    """Return a trade date."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError("--session", text, "a date such as 2025-01-15") from error


def tables_screen(opened: Lake) -> ScreenTable:
    """Return a row a table: rows, sessions, files, sizes, readable versions, health."""
    columns = ("Table", "Rows", "Sessions", "Files", "MB", "Versions", "Oldest (UTC)", "Health")
    screen = ScreenTable(title=f"Lake {opened.root}", padding=0)
    for name in columns:  # the last three may take two lines on a narrow screen
        screen.add_column(name, no_wrap=name not in columns[-3:])
    for name in TABLES:
        screen.add_row(name, *table_cells(opened, name))
    return screen


def complaints(opened: Lake) -> list[str]:
    """Return what is wrong with each table that cannot be read."""
    said = []
    for name in TABLES:
        try:
            opened.open(name)
        except LakeError as error:
            said.append(str(error))
    return said


def table_cells(opened: Lake, name: str) -> list[str]:
    """Return what the list says of one table."""
    try:
        table = opened.open(name)
    except LakeError:
        return ["?", "?", "?", "?", "?", "?", "[red]damaged, see below[/]"]
    if table is None:
        return ["0", "0", "0", "0", "", "", "empty"]
    files, oldest, log = table.data_files(), *oldest_version(table)
    return [
        f"{sum(file.rows for file in files):,}",
        f"{len(table.session_dates()):,}",
        f"{len(files):,}",
        f"{figures(table).size_bytes / MEGABYTE:,.1f}",
        f"{oldest} to {table.version}",
        f"{log.made_at(oldest):%Y-%m-%d %H:%M}",
        "log as committed",
    ]


def oldest_version(table: OpenTable) -> tuple[int, CommitLog]:
    """Return the oldest version that can be read, and the log it is in."""
    archive = CommitLog(archive_root(table.root))
    log = archive if archive.commits() else table.log
    return log.commits()[0], log


def version_cells(table: OpenTable, version: int) -> Sequence[str]:
    """Return what the list says of one commit."""
    actions = table.log.actions(version)
    added = [action["add"] for action in actions if "add" in action]
    info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
    rows = sum(json.loads(add["stats"])["numRecords"] for add in added)
    removed = sum("remove" in action for action in actions)
    at = f"{table.log.made_at(version):%Y-%m-%d %H:%M:%S}"
    return [at, f"{len(added):,}", f"{rows:,}", f"{removed:,}", str(info.get("run_id", ""))]


def scrub_sentence(found: Scrubbed) -> str:
    """Return what a scrub came to."""
    looked = f"{found.files:,} data files, {found.size_bytes / MEGABYTE:,.1f} MB, and their logs"
    return f"{looked}: {len(found.damages) or 'none'} not as committed"


def maintained_screen(done: Sequence[Maintained]) -> ScreenTable:
    """Return before and after of each table."""
    screen = ScreenTable("Table", "Files", "Files on disk", "MB on disk", "Log entries", "Seconds")
    screen.columns[0].no_wrap = True
    for one in done:
        pairs = [
            (one.before.files, one.after.files),
            (one.before.files_kept, one.after.files_kept),
            (round(one.before.size_bytes / MEGABYTE, 1), round(one.after.size_bytes / MEGABYTE, 1)),
            (one.before.log_entries, one.after.log_entries),
        ]
        cells = [f"{before:,} → {after:,}" for before, after in pairs]
        screen.add_row(one.table, *cells, f"{one.seconds:.1f}")
    return screen


def print_healed(console: Console, done: Sequence[Healed]) -> None:
    """Print what was repaired, losses in red."""
    for healed in done:
        lost = f"; [red]{healed.lost_rows:,} rows are lost[/]" if healed.lost_rows else ""
        console.print(f"{healed.table}: {healed.did}{lost}")
    if not done:
        console.print("Nothing to repair.")
