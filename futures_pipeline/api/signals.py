"""Signals and decisions for notebooks and pages: computed on request, or explained."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from futures_pipeline.api.deciding.again import stored_row
from futures_pipeline.api.deciding.moments import decided, engine_of, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.store import Store, open_store
from futures_pipeline.decisions.context import DecisionContext
from futures_pipeline.decisions.engine import Decision
from futures_pipeline.decisions.signals.market_signal import FuturesMarketSignal
from futures_pipeline.decisions.signals.words import Unavailable
from futures_pipeline.domain.errors import ConfigurationError

JSON_COLUMNS = ("legs", "metadata", "trace", "receipt")


def generate_signal(
    symbol: str, as_of: datetime | None = None, *, data: Path | str | None = None
) -> FuturesMarketSignal | Unavailable:
    """Return the futures' signal for an ETF as of a moment; None is the market's now.

    Nothing later than the moment is used. Where there is no signal, ``reason`` says why.

    Raises:
        ConfigurationError: the symbol is no ETF with a future, or ``as_of`` has no time zone.
        CalendarError: ``as_of`` lies outside the calendar.
    """
    store = open_store(data)
    said = moment_of(Sources(store), symbol, _moment(store, as_of)).signal().said
    assert isinstance(said, FuturesMarketSignal | Unavailable)
    return said


def evaluate(
    asked: DecisionContext | str,
    as_of: datetime | None = None,
    *,
    data: Path | str | None = None,
) -> Decision:
    """Return what the rules would do: with a context of your own, or for an ETF as of a moment.

    The evidence gate and the usual size are those of the settings. For an ETF the night's
    signal and the early warning are the stored ones.

    Raises:
        ConfigurationError: the symbol is no ETF with a future, or ``as_of`` has no time zone or
            is given beside a context.
        CalendarError: ``as_of`` lies outside the calendar.
    """
    store = open_store(data)
    if isinstance(asked, str):
        said = decided(Sources(store), asked, _moment(store, as_of)).said
        assert isinstance(said, Decision)
        return said
    if as_of is not None:
        raise ConfigurationError("as_of", as_of, "left out: a context has its own time")
    return engine_of(store.settings).evaluate(asked)


def explain(decision_id: str, *, data: Path | str | None = None) -> dict[str, Any]:
    """Return a stored signal, warning or decision by its id, with its receipt.

    Columns to values; legs, metadata, trace and receipt as lists and dicts. The trace has for
    every rule its outcome, its conditions with value and distance, and why it did not act.

    Raises:
        ConfigurationError: no row has this id.
    """
    row = stored_row(open_store(data), decision_id)
    told = {name: json.loads(row[name]) for name in JSON_COLUMNS if row.get(name)}
    return row | told


def _moment(store: Store, as_of: datetime | None) -> datetime:
    return store.settings.clock.now() if as_of is None else as_of
