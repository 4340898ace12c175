"""``futures-pipeline import-options``: recorded or bought option chains into the lake."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table as ScreenTable

from futures_pipeline.commands.options import start_up, with_settings
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.importing import Importer, SessionImport
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.option_files import OptionFile, read_map


@click.command("import-options")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--map",
    "map_path",
    required=True,
    type=click.Path(path_type=Path),
    help="TOML file that says what the columns are; see docs/options.md.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be stored, and what refused.")
@with_settings
def import_options(
    files: Sequence[Path], map_path: Path, dry_run: bool, config: Path | None, data: Path | None
) -> None:
    """Bring option chains of FILES (Parquet or CSV) into the lake.

    Each row is filed under the session of its quote and judged by the rules of
    option_snapshots; refused rows go to quarantine. What is stored is not stored again.
    """
    logging.basicConfig(level=logging.ERROR)
    settings = (load_settings if dry_run else start_up)(config=config, data=data)
    mapping = read_map(map_path)
    opened = [OptionFile(path, mapping) for path in files]
    console = Console()
    found = [result for file in opened for result in _imported(file, settings, dry_run)]
    console.print(sessions_table(found))
    console.print(reasons_table(found))
    console.print(_said(found, dry_run), highlight=False, soft_wrap=True)


def _imported(file: OptionFile, settings: Settings, dry_run: bool) -> Iterator[SessionImport]:
    now = settings.clock.now()
    calendar: TradingCalendar = calendar_for(now)
    importer = Importer(Lake(settings.lake_path), settings.instruments, calendar)
    number = file.number()
    sessions = file.sessions(calendar)
    screen = Console(stderr=True)
    for day, begin, end in track(sessions, file.path.name, transient=True, console=screen):
        mapped = file.session(day, begin, end)
        if dry_run:
            yield importer.looked_at(mapped, day, number)
        else:
            yield importer.imported(mapped, day, number, now)


def sessions_table(found: Sequence[SessionImport]) -> ScreenTable:
    """Return what becomes of the rows of each session."""
    screen = ScreenTable("Session")
    for name in ("Rows", "New", "Revised", "Stored before", "Repeated", "Refused"):
        screen.add_column(name, justify="right")
    for one in found:
        counts = (one.read, one.new, one.revised, one.stored, one.repeated)
        refused = sum(one.refused.values())
        screen.add_row(str(one.session_date), *(f"{count:,}" for count in (*counts, refused)))
    return screen


def reasons_table(found: Sequence[SessionImport]) -> ScreenTable:
    """Return why rows were refused, and what else was noticed, over all sessions."""
    refused: Counter[tuple[str, str]] = Counter()
    notes: Counter[str] = Counter()
    for one in found:
        refused.update(one.refused)
        notes.update(one.notes)
    screen = ScreenTable("What", "Rows", "Why")
    screen.columns[1].justify = "right"
    for (rule, says), rows in refused.most_common():
        screen.add_row(f"refused: {rule}", f"{rows:,}", f"the rule: {says}")
    repeated = sum(one.repeated for one in found)
    if repeated:
        screen.add_row("repeated", f"{repeated:,}", "one row an option and moment is kept")
    for note, rows in notes.most_common():
        if rows:
            what, _, why = note.partition(": ")
            screen.add_row(what, f"{rows:,}", why)
    return screen


def _said(found: Sequence[SessionImport], dry_run: bool) -> str:
    kept = sum(one.new + one.revised for one in found)
    if dry_run:
        return f"Dry run: {kept:,} rows would be stored; nothing was written."
    if not kept:
        stored = sum(one.stored for one in found)
        refused = sum(sum(one.refused.values()) for one in found)
        return f"Nothing was stored: {stored:,} rows were before, {refused:,} are refused."
    first, last = min(it.session_date for it in found), max(it.session_date for it in found)
    return (
        f"Stored {kept:,} rows. Their statistics: "
        f"futures-pipeline derive-options --from {first} --to {last}"
    )
