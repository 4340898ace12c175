"""``futures-pipeline replay --from D1 --to D2``: past decisions, with futures and without."""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click
import polars as pl
from rich.console import Console
from rich.progress import track
from rich.table import Table

from futures_pipeline.api.deciding.facts import FUTURE_OF
from futures_pipeline.api.deciding.replayed import (
    KINDS,
    Replayed,
    compared,
    replay_sessions,
    replayed_rows,
)
from futures_pipeline.api.store import store_of
from futures_pipeline.commands.deciding.assess_tables import say
from futures_pipeline.commands.options import with_settings
from futures_pipeline.config import Settings, load_settings
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.storage.tables import BARS_1M

DAY = click.DateTime(["%Y-%m-%d"])
UNKNOWN = "-"


@click.command()
@click.option("--from", "first", type=DAY, required=True, help="First session date.")
@click.option("--to", "last", type=DAY, required=True, help="Last session date.")
@click.option("--symbols", help="ETFs, by comma; default all that are collected.")
@with_settings
def replay(
    first: datetime, last: datetime, symbols: str | None, config: Path | None, data: Path | None
) -> None:
    """Decide the moments of past sessions again, with the same functions as live.

    Each moment sees what was observed up to it and nothing later. Compares decisions with
    futures (no evidence gate) and without, by what the ETF did afterwards.
    """
    logging.basicConfig(level=logging.ERROR)
    settings = load_settings(config=config, data=data)
    etfs = chosen_etfs(settings, symbols)
    store, calendar = store_of(settings), calendar_for(settings.clock.now())
    opened = store.open(BARS_1M.name)
    held = opened.session_dates() if opened else []
    days = [day for day in held if first.date() <= day <= last.date() and calendar.regular.on(day)]
    if not days:
        span = f"stored are {held[0]} to {held[-1]}" if held else "nothing is stored yet"
        asked = f"{first.date()} --to {last.date()}"
        raise ConfigurationError("--from", asked, f"dates with an NYSE day between; {span}")
    console = Console()
    sessions = replay_sessions(store, etfs, days, calendar)
    total = len(days) * len(etfs)
    errors = Console(stderr=True)
    found = list(track(sessions, "Deciding sessions", total, console=errors))
    say(console, *summary_lines(found, days))
    console.print(entries_table(found))
    console.print(comparison_table(compared(store, found, calendar)))


def chosen_etfs(settings: Settings, asked: str | None) -> list[str]:
    """Return the ETFs asked for, else all whose future is collected as well."""
    if asked is None:
        held = set(settings.collection.symbols)
        return [spot for spot, future in FUTURE_OF.items() if {spot, future} <= held]
    etfs = [symbol.strip().upper() for symbol in asked.split(",")]
    for symbol in etfs:
        if symbol not in FUTURE_OF:
            raise ConfigurationError("--symbols", symbol, f"of {', '.join(FUTURE_OF)}")
    return etfs


def summary_lines(found: Sequence[Replayed], days: Sequence[date]) -> list[str]:
    """Return what was decided, in words."""
    moments = sum(len(each.decided) for each in found)
    failed = sum(bool(one.live.errors) for each in found for one in each.decided)
    return [
        f"{moments:,} moments of {len(days)} sessions, {days[0]} to {days[-1]}; "
        "each sees what was observed up to it",
        f"{failed} of them with a rule that failed" if failed else "no rule failed",
    ]


def entries_table(found: Sequence[Replayed]) -> Table:
    """Return how often each rule entered: as configured, with futures and without."""
    table = Table("ETF", "Rule", "As configured", "With futures", "Without", title="Entries")
    counts = pl.concat(
        replayed_rows(found, kind).select("symbol", "rule", kind=pl.lit(kind)) for kind in KINDS
    ).drop_nulls("rule")
    wide = counts.pivot("kind", index=["symbol", "rule"], values="kind", aggregate_function="len")
    shown = wide.sort("symbol", "rule")
    for row in shown.iter_rows(named=True):
        table.add_row(row["symbol"], row["rule"], *(str(row.get(kind) or 0) for kind in KINDS))
    return table


def comparison_table(rows: pl.DataFrame) -> Table:
    """Return the win rates with futures and without, with the interval of their difference."""
    table = Table(
        *("ETF", "Horizon", "Moments", "Differing", "With futures", "Without", "Difference"),
        title="Win rate of calls that do not overlap, 95 % interval of the difference",
    )
    for row in rows.iter_rows(named=True):
        table.add_row(
            row["symbol"],
            row["horizon"],
            f"{row['moments']:,}",
            f"{row['differing']:,}",
            _rate(row["win_rate_with"], row["n_with"]),
            _rate(row["win_rate_without"], row["n_without"]),
            _difference(row),
        )
    return table


def _rate(value: float | None, count: int) -> str:
    return UNKNOWN if value is None else f"{100 * value:.1f} % of {count:,}"


def _difference(row: dict[str, float | None]) -> str:
    value, low, high = row["difference"], row["difference_low"], row["difference_high"]
    if value is None or low is None or high is None:
        return "not yet"
    return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) points"
