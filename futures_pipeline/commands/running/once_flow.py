"""The end of ``demo --once``: from data to signals to rules, with futures and without."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl
from rich.console import Console
from rich.table import Table

from futures_pipeline.api.briefs import newest_brief
from futures_pipeline.api.deciding.facts import FUTURE_OF
from futures_pipeline.api.deciding.moments import level_of, moment_of, night_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store, store_of
from futures_pipeline.commands.deciding.assess_tables import say
from futures_pipeline.config import Settings
from futures_pipeline.decisions.brief.words import spoken
from futures_pipeline.decisions.engine import Comparison, Decision, DecisionEngine
from futures_pipeline.decisions.scorecard.calls import WITH_FUTURES, WITHOUT_FUTURES
from futures_pipeline.decisions.signals.timing import decision_ticks
from futures_pipeline.decisions.trace import Outcome
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.domain.sessions import NEW_YORK
from futures_pipeline.storage.tables import BARS_1M, OUTCOMES, SCORECARD

UNKNOWN = "-"
# Sessions in which the last moment of decisions can be: the running one has none in the night.
NEWEST = 4
SAID = {
    Outcome.CHOSEN: "[green]enters[/]",
    Outcome.LATER: "later",
    Outcome.BLOCKED: "[yellow]blocked[/]",
    Outcome.SHADOW: "[yellow]shadow[/]",
    Outcome.ERROR: "[red]error[/]",
    Outcome.NOT_MATCHED: "no",
}


class Told(NamedTuple):
    """One ETF at the moment: a line of the signals, and its decisions with and without futures.

    ``silent``: why it has no signal, None where it has one.
    """

    symbol: str
    signal: Sequence[str]
    silent: str | None
    decisions: Comparison


def print_flow(console: Console, settings: Settings) -> None:
    """Print what the newest moment of the lake says; nothing without bars."""
    store = store_of(settings)
    held = {instrument.symbol for instrument in settings.instruments}
    pairs = [(spot, futures) for spot, futures in FUTURE_OF.items() if {spot, futures} <= held]
    moment = newest_moment(store, [symbol for pair in pairs for symbol in pair])
    if moment is None:
        return
    sources = Sources(store)
    told = [told_of(sources, spot, moment) for spot, _ in pairs]
    console.print(available_table(store, pairs))
    console.print(signals_table(told, moment))
    say(console, *(f"{one.symbol} has no signal: {one.silent}" for one in told if one.silent))
    console.print(rules_table(told))
    for one in told:
        say(console, *decision_lines(one))
    say(console, *entry_counts(store), *standings(store))
    brief = newest_brief(settings.data)
    if brief is not None:
        say(console, f"Morning brief of {brief.session_date}: {brief.html}")


def newest_moment(store: Store, symbols: Sequence[str]) -> datetime | None:
    """Return the last moment of decisions that the bars of all symbols reach; None without any."""
    bars = store.scan(BARS_1M.name).filter(pl.col("symbol").is_in(symbols))
    ends = bars.group_by("symbol").agg(pl.col("ts_end").max()).collect()["ts_end"].to_list()
    days = bars.select(pl.col("session_date").unique().sort()).collect()["session_date"]
    if not ends:
        return None
    calendar, until = calendar_for(min(ends)), min(ends)
    ticks = (tick for day in days[-NEWEST:] for tick in decision_ticks(day, calendar))
    return max((tick for tick in ticks if tick <= until), default=None)


def told_of(sources: Sources, symbol: str, moment: datetime) -> Told:
    """Return what is said of an ETF at a moment; the gate is left open for the comparison."""
    at = moment_of(sources, symbol, moment)
    night, signal = night_of(sources, symbol, moment), at.signal().row
    line = (
        symbol,
        UNKNOWN if night is None else f"{night.bias}, {night.z:+.2f}",
        "none" if signal["signal"] is None else spoken(signal["signal"]),
        UNKNOWN if signal["confidence"] is None else f"{signal['confidence']:.2f}",
        UNKNOWN if signal["momentum"] is None else f"{100 * signal['momentum']:+.2f} %",
        UNKNOWN
        if signal["basis_deviation_bp"] is None
        else f"{signal['basis_deviation_bp']:+.1f} bp",
    )
    context = at.context(night, level_of(sources, symbol, moment))
    silent = None if signal["signal"] else spoken(signal["reason"])
    return Told(symbol, line, silent, DecisionEngine().compare(context))


def available_table(store: Store, pairs: Sequence[tuple[str, str]]) -> Table:
    """Return how much of each leg is stored."""
    screen = Table("Symbol", "Sessions", "Bars", "Newest (UTC)", title="Data")
    rows = store.scan(BARS_1M.name).group_by("symbol").agg(
        pl.n_unique("session_date"), pl.len(), pl.col("ts_end").max()
    )  # fmt: skip
    held = {symbol: rest for symbol, *rest in rows.collect().iter_rows()}
    for symbol in [*(leg for spot, futures in pairs for leg in (futures, spot)), "VIX"]:
        sessions, bars, newest = held.get(symbol, (0, 0, None))
        at = UNKNOWN if newest is None else f"{newest:%Y-%m-%d %H:%M}"
        screen.add_row(symbol, f"{sessions:,}", f"{bars:,}", at)
    return screen


def signals_table(told: Sequence[Told], moment: datetime) -> Table:
    """Return the signals of the moment."""
    at = f"{moment:%Y-%m-%d %H:%M} UTC, {moment.astimezone(NEW_YORK):%H:%M} New York"
    screen = Table(
        *("ETF", "Night, z", "Signal", "Confidence", "Momentum", "Basis off fair"),
        title=f"Signals, {at}",
    )
    for one in told:
        screen.add_row(*one.signal)
    return screen


def rules_table(told: Sequence[Told]) -> Table:
    """Return what becomes of every rule, with futures (the evidence gate off) and without."""
    names = [one.symbol for one in told]
    screen = Table(
        *("Rule", *names),
        title="Rules: with futures/without",
        caption="later: matches behind the one that enters",
    )
    pairs = [(one.decisions.with_futures, one.decisions.without_futures) for one in told]
    for number, trace in enumerate(pairs[0][0].trace if pairs else ()):
        outcomes = [
            "/".join(SAID[decision.trace[number].outcome] for decision in both) for both in pairs
        ]
        screen.add_row(trace.rule, *outcomes)
    return screen


def decision_lines(one: Told) -> list[str]:
    """Return both decisions of an ETF in words."""
    both = one.decisions
    return [
        f"{one.symbol} with futures: {decided_text(both.with_futures)}",
        f"{one.symbol} without: {decided_text(both.without_futures)}",
    ]


def decided_text(decision: Decision) -> str:
    """Return a decision as a sentence, with what it lacked."""
    degraded = decision.degraded
    lacking = f" (not known: {spoken(','.join(degraded))})" if degraded else ""
    return f"{decision.action}: {decision.reason}{lacking}"


def entry_counts(store: Store) -> list[str]:
    """Return how many of the graded moments entered, with futures and without, by ETF."""
    rows = store.scan(OUTCOMES.name).filter(
        pl.col("source").is_in([WITH_FUTURES, WITHOUT_FUTURES]), pl.col("horizon") == "30m"
    )
    counts = rows.group_by("symbol").agg(
        *(
            pl.col("direction").filter(pl.col("source") == source).ne(0).sum().alias(source)
            for source in (WITH_FUTURES, WITHOUT_FUTURES)
        ),
        (pl.col("source") == WITH_FUTURES).sum().alias("moments"),
    )
    return [
        f"{symbol}: of {moments} stored moments, {entered} enter with futures, {without} without"
        for symbol, entered, without, moments in counts.sort("symbol").collect().iter_rows()
    ]


def standings(store: Store) -> list[str]:
    """Return what the newest scorecard says of each ETF's futures signal and decisions."""
    rows = store.scan(SCORECARD.name).filter(
        pl.col("session_date") == pl.col("session_date").max(),
        pl.col("slice") == "all",
        pl.col("horizon") == "30m",
        pl.col("source").is_in(["premarket", "futures_signal", WITH_FUTURES, WITHOUT_FUTURES]),
    )
    said = rows.select("symbol", "source", "sentence").sort("symbol", "source").collect()
    return [
        f"{symbol} {source.replace('_', ' ')}, 30 minutes: {sentence}"
        for symbol, source, sentence in said.iter_rows()
    ]
