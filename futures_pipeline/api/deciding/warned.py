"""The early warning of a future: the bars since the newest stored row, through the machine."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import polars as pl

from futures_pipeline.analytics.reference_prices import is_live_bar
from futures_pipeline.api.deciding.facts import Facts, checked_etf, pair_facts
from futures_pipeline.api.deciding.moments import shaping_settings
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.decisions.early_warning.bars import WARNING_SCHEMA, regime_warnings
from futures_pipeline.decisions.early_warning.machine import WarningState, decoded
from futures_pipeline.decisions.early_warning.scales import MOST_SESSIONS, BarScales, bar_scales
from futures_pipeline.decisions.readings.five_minutes import BAR, five_minute_bars
from futures_pipeline.decisions.readings.past import Past
from futures_pipeline.decisions.readings.series import series_by_contract
from futures_pipeline.decisions.receipts import Receipt, code_version, encoded
from futures_pipeline.domain.calendar import calendar_for
from futures_pipeline.storage.tables import REGIME_WARNINGS

# A state that is older is given up, and the session of the moment begins without one.
MOST_SESSIONS_BEHIND = 3


def new_warnings(sources: Sources, symbol: str, until: datetime) -> list[dict[str, Any]]:
    """Return the rows after the newest stored one, up to a moment, of the future of an ETF.

    Ascending by time, each as it is stored but for ``computed_at``.
    """
    facts, rows = _judged(sources, symbol, until)
    return [_stored(sources, facts, row) for row in rows]


def last_warning(sources: Sources, symbol: str, until: datetime) -> dict[str, Any] | None:
    """Return the last row of :func:`new_warnings`, None where there is none."""
    facts, rows = _judged(sources, symbol, until)
    return _stored(sources, facts, rows[-1]) if rows else None


def _judged(sources: Sources, symbol: str, until: datetime) -> tuple[Facts, list[dict[str, Any]]]:
    """Return the warnings after the newest stored one, without names and receipts."""
    day = calendar_for(until).session_date(until - BAR)
    facts = pair_facts(sources, checked_etf(symbol), day)
    past = facts.past
    before = past.calendar.globex.before(past.session_date, MOST_SESSIONS_BEHIND)
    days = [*(session.session_date for session in before), past.session_date]
    stored = sources.rows(REGIME_WARNINGS.name, days, (past.futures_symbol,))
    last = stored.filter(pl.col("timestamp") <= until).sort("timestamp").tail(1).to_dicts()
    state = decoded(last[0]["state"]) if last else None
    first = last[0]["session_date"] if last else past.session_date
    since = last[0]["timestamp"] if last else None
    rows: list[dict[str, Any]] = []
    for day in (day for day in days if day >= first):
        bars = _bars(facts, day).filter(pl.col("at") <= until)
        fresh = bars if since is None else bars.filter(pl.col("at") > since)
        if fresh.is_empty():
            continue
        found = regime_warnings(fresh, _scales(past, day), state)
        state = found.state
        rows += found.rows.to_dicts()
    return facts, rows


def warned_session(
    facts: Facts, state: WarningState | None = None
) -> tuple[pl.DataFrame, WarningState | None]:
    """Return the warnings of the whole session of some facts, and the state to carry on."""
    bars = _bars(facts, facts.past.session_date)
    if bars.is_empty():
        return pl.DataFrame(schema=WARNING_SCHEMA), state
    return regime_warnings(bars, _scales(facts.past, facts.past.session_date), state)


def _bars(facts: Facts, day: date) -> pl.DataFrame:
    past = facts.past
    if day < past.session_date:
        return five_minute_bars(past, past.closes, day)
    live = facts.rows.bars.filter(is_live_bar(), pl.col("session_date") == day)
    return five_minute_bars(past, series_by_contract(live, "ts_end", "close"), day)


@lru_cache(maxsize=64)
def _scales(past: Past, day: date) -> BarScales:
    sessions = past.calendar.globex.before(day, MOST_SESSIONS)
    days = [session.session_date for session in sessions]
    return bar_scales(_past_bars(past, tuple(days)), days)


def _past_bars(past: Past, days: Sequence[date]) -> pl.DataFrame:
    return pl.concat(five_minute_bars(past, past.closes, day) for day in days)


def _stored(sources: Sources, facts: Facts, row: dict[str, Any]) -> dict[str, Any]:
    """Return a warning as it is stored, with what it is made from."""
    at, own = row["timestamp"], row["contract"]
    counted = facts.coverage(at)
    receipt = Receipt(
        table=REGIME_WARNINGS.name,
        symbol=row["symbol"],
        as_of=at,
        versions=sources.versions,
        contracts=(own,),
        data_types=facts.rows.data_types(at),
        coverage={own: counted[own]} if own in counted else {},
        settings=shaping_settings(sources),
        code=code_version(),
    )
    whole = row | {"id": receipt.id, "receipt": encoded(receipt)}
    return {name: whole.get(name) for name in REGIME_WARNINGS.names}
