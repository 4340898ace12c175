"""The rows of the scorecard from stored signals, decisions and bars; knows no Dagster.

Loaded by a run and not with the definitions: the statistics take a second to import.
"""

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from futures_pipeline.api.pairs import round_trip_cost_bp
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.scorecard.calls import (
    CALL_SCHEMA,
    compared_calls,
    decision_calls,
    futures_calls,
    premarket_calls,
)
from futures_pipeline.decisions.scorecard.cards import Cards, cards
from futures_pipeline.decisions.scorecard.outcomes import outcomes
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.orchestration.analysis.found import Days, Found
from futures_pipeline.orchestration.analysis.rows import as_rows
from futures_pipeline.storage.tables import (
    BARS_1M,
    CALIBRATION,
    CONFIRMATION,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    OUTCOMES,
    PREMARKET_SIGNALS,
    SCORECARD,
    WITH_AND_WITHOUT,
)

CARD_TABLES = (SCORECARD, CALIBRATION, CONFIRMATION, WITH_AND_WITHOUT)
HEADLINE = {"horizon": "30m", "slice": "all"}


def scored(store: Store, days: Days, until: datetime) -> Found:
    """Return the outcomes of some sessions, and the cards as of the end of each.

    ``until``: up to when rows can be in the lake, UTC; no later price and no later call counts.
    """
    fresh = graded_sessions(store, days, until)
    earlier = store.scan(OUTCOMES.name).filter(
        ~pl.col("session_date").is_in(list(days)), pl.col("session_date") < max(days)
    )
    known = pl.concat([earlier.collect(), fresh])
    cost = {symbol: round_trip_cost_bp(symbol) for symbol in known["symbol"].unique()}
    found = {day: cards(known.filter(pl.col("session_date") <= day), cost) for day in days}
    tables = {OUTCOMES.name: fresh, **_card_rows(found)}
    return Found(tables, {day: sentences(of_day) for day, of_day in found.items()})


def graded_sessions(store: Store, days: Days, until: datetime) -> pl.DataFrame:
    """Return ``outcomes`` rows of some sessions."""
    chosen = pl.col("session_date").is_in(list(days))
    read = {
        table.name: store.scan(table.name).filter(chosen, pl.col("timestamp") <= until).collect()
        for table in (PREMARKET_SIGNALS, FUTURES_SIGNALS, ENTRY_DECISIONS)
    }
    calls = pl.concat(
        [
            pl.DataFrame(schema=CALL_SCHEMA),
            premarket_calls(read[PREMARKET_SIGNALS.name]),
            futures_calls(read[FUTURES_SIGNALS.name]),
            decision_calls(read[ENTRY_DECISIONS.name]),
            compared_calls(read[ENTRY_DECISIONS.name]),
        ]
    )
    known = pl.col("symbol").is_in(calls["symbol"].unique().to_list())
    bars = store.scan(BARS_1M.name).filter(chosen, known, pl.col("ts_end") <= until)
    prices = bars.select("symbol", "ts_start", "ts_end", "open", "close").collect()
    graded = outcomes(calls, prices, calendar_for(store.settings.clock.now()))
    return as_rows(OUTCOMES, [graded])


def sentences(found: Cards) -> list[str]:
    """Return what is said of every symbol and source, over half an hour."""
    rows = found.standings.filter(**HEADLINE).select("symbol", "source", "sentence")
    return [f"{symbol} {source}: {says}" for symbol, source, says in rows.iter_rows()]


def _card_rows(found: Mapping[date, Cards]) -> dict[str, pl.DataFrame]:
    parts: dict[str, list[pl.DataFrame]] = {table.name: [] for table in CARD_TABLES}
    for day, of_day in found.items():
        frames = (of_day.standings, of_day.calibration, of_day.confirmation, of_day.comparison)
        for name, rows in zip(parts, frames, strict=True):
            parts[name].append(rows.with_columns(session_date=pl.lit(day)))
    return {table.name: as_rows(table, parts[table.name]) for table in CARD_TABLES}
