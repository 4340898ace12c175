"""Past sessions decided again: the same functions, as of each minute, with futures and without."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from futures_pipeline.api.deciding.facts import checked_etf, pair_facts
from futures_pipeline.api.deciding.moments import engine_of, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.deciding.warned import warned_session
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.early_warning.machine import Level, WarningState
from futures_pipeline.decisions.engine import Comparison
from futures_pipeline.decisions.rows import decision_rows
from futures_pipeline.decisions.scorecard.calls import decision_calls
from futures_pipeline.decisions.scorecard.confirmation import with_and_without
from futures_pipeline.decisions.scorecard.outcomes import outcomes
from futures_pipeline.decisions.signals.premarket import PremarketSignal
from futures_pipeline.decisions.signals.timing import decision_ticks
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.tables import BARS_1M

KINDS = ("live", "with_futures", "without_futures")


@dataclass(frozen=True, slots=True)
class Replayed:
    """One session of one ETF, decided at each of its moments; none where NYSE was shut."""

    symbol: str
    session_date: date
    night: PremarketSignal | None
    decided: Sequence[Comparison]


def replay_sessions(
    store: Store, symbols: Sequence[str], days: Sequence[date], calendar: TradingCalendar
) -> Iterator[Replayed]:
    """Yield each session of each ETF, decided from what was to be known at each moment.

    ``days``: Globex sessions, ascending. Stored signals and warnings are not used: those of the
    moments are computed, the early warning from the session before the first on.
    """
    tables = Sources(store)
    for symbol in symbols:
        state: WarningState | None = None
        before = calendar.globex.before(days[0], 1) if days else ()
        for day in (*(session.session_date for session in before), *days):
            warned, state = warned_session(pair_facts(tables, checked_etf(symbol), day), state)
            if day in days:
                yield _session(tables, symbol, (day, calendar), warned)


def _session(
    tables: Sources, symbol: str, of: tuple[date, TradingCalendar], warned: pl.DataFrame
) -> Replayed:
    day, calendar = of
    engine = engine_of(tables.settings)
    night: PremarketSignal | None = None
    found: list[Comparison] = []
    for at in decision_ticks(day, calendar):
        moment = moment_of(tables, symbol, at)
        if not found:
            said = moment.premarket().said
            night = said if isinstance(said, PremarketSignal) else None
        found.append(engine.compare(moment.context(night, _level(warned, at))))
    return Replayed(symbol, day, night, found)


def _level(warned: pl.DataFrame, at: datetime) -> Level | None:
    seen = warned.filter(pl.col("timestamp") <= at)
    return None if seen.is_empty() else Level(seen["level"][-1])


def compared(store: Store, found: Sequence[Replayed], calendar: TradingCalendar) -> pl.DataFrame:
    """Return ``with_and_without`` of all that was replayed: win rates with and without futures."""
    days = sorted({each.session_date for each in found})
    symbols = sorted({each.symbol for each in found})
    chosen = pl.col("session_date").is_in(days), pl.col("symbol").is_in(symbols)
    columns = ("symbol", "ts_start", "ts_end", "open", "close")
    bars = store.scan(BARS_1M.name).filter(*chosen).select(columns).collect()
    graded = {
        kind: outcomes(decision_calls(replayed_rows(found, kind)), bars, calendar).filter(
            pl.col("source") == "decision"
        )
        for kind in KINDS[1:]
    }
    return with_and_without(graded["with_futures"], graded["without_futures"])


def replayed_rows(found: Sequence[Replayed], kind: str) -> pl.DataFrame:
    """Return the decisions of one kind as rows: live, with_futures or without_futures."""
    return decision_rows(getattr(one, kind) for each in found for one in each.decided)
