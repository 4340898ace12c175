"""What is said of one moment: signals and decisions, each as a row with its receipt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl

from futures_pipeline.analytics.predictive_value.assessment import Usefulness
from futures_pipeline.analytics.regimes import Asked, known_row, market_regime
from futures_pipeline.api.deciding.facts import Facts, checked_etf, facts_at
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.config import Settings
from futures_pipeline.decisions.context import (
    DecisionContext,
    FuturesNumbers,
    OptionNumbers,
    decision_context,
)
from futures_pipeline.decisions.early_warning.machine import Level
from futures_pipeline.decisions.engine import Decision, DecisionEngine, Policy
from futures_pipeline.decisions.readings.today import (
    Known,
    futures_reading,
    premarket_reading,
    spot_price,
)
from futures_pipeline.decisions.receipts import Receipt, code_version, encoded
from futures_pipeline.decisions.rows import decision_row, premarket_of, signal_row
from futures_pipeline.decisions.signals.basis import Basis
from futures_pipeline.decisions.signals.market_signal import FuturesMarketSignal, market_signal
from futures_pipeline.decisions.signals.premarket import PremarketSignal, premarket_signal
from futures_pipeline.decisions.signals.timing import (
    MOST_FUTURES_AGE_MINUTES,
    open_minutes,
    premarket_ticks,
)
from futures_pipeline.decisions.signals.words import Unavailable
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.storage.remembered import rows_of
from futures_pipeline.storage.tables import (
    BARS_1M,
    ENTRY_DECISIONS,
    FUTURES_SIGNALS,
    MARKET_REGIMES,
    PREDICTIVE_VALUE,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
    Table,
)

VIX = "VIX"
# Of this horizon's row the predictive value is shown; the verdict is of the whole pair.
SHOWN_MINUTES = 15
# An assessment or a regime that is older says nothing of today.
RECENT_SESSIONS = 10


class Said(NamedTuple):
    """What was said of a moment, and the row it is stored as."""

    said: FuturesMarketSignal | PremarketSignal | Unavailable | Decision
    row: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One ETF at one moment: what is stored around it, read once."""

    sources: Sources
    at: datetime
    facts: Facts
    known: Known
    regime: Mapping[str, Any]

    @property
    def symbol(self) -> str:
        return self.facts.past.spot_symbol

    def signal(self) -> Said:
        """Return the futures signal, or why there is none."""
        reading, read = futures_reading(self.facts.past, self.facts.today, self.at, self.known)
        fault = self.facts.fault_at(self.at)
        said = self._stopped(fault) if fault else market_signal(reading)
        row = signal_row(said) | read._asdict() | _basis_columns(reading.basis)
        return Said(said, self.stored(FUTURES_SIGNALS, row))

    def premarket(self) -> Said:
        """Return the pre-market signal, or why there is none."""
        reading, read = premarket_reading(self.facts.past, self.facts.today, self.at, self.known)
        fault = self.facts.fault_at(self.at)
        said = self._stopped(fault) if fault else premarket_signal(reading)
        row = signal_row(said) | read._asdict() | {"vix": self.known.vix}
        return Said(said, self.stored(PREMARKET_SIGNALS, row))

    def decision(self, night: PremarketSignal | None, level: Level | None) -> Said:
        """Return the decision, given the night's signal and the early warning."""
        said = engine_of(self.sources.settings).evaluate(self.context(night, level))
        return Said(said, self.stored(ENTRY_DECISIONS, decision_row(said)))

    def context(self, night: PremarketSignal | None, level: Level | None) -> DecisionContext:
        """Return what the rules are told; the futures signal counts in NYSE's hours alone."""
        past = self.facts.past
        is_regular = past.calendar.regular.is_open(self.at)
        signal = self.signal().said if is_regular else None
        asked = Asked(
            self.symbol,
            self.at,
            past.session_date,
            vix=self.known.vix,
            price=spot_price(past, self.facts.today, self.at),
        )
        return decision_context(
            market_regime(asked, self.regime),
            OptionNumbers(
                self.regime.get("put_call_pctile_60"), self.regime.get("iv_atm_30d"), vix3m=None
            ),
            FuturesNumbers(
                signal=signal if isinstance(signal, FuturesMarketSignal) else None,
                premarket=night,
                early_warning=level,
                verdict=self.known.verdict,
            ),
        )

    def stored(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of a table with its name and receipt; ``computed_at`` is the writer's."""
        past = self.facts.past
        lead = past.leads.get(past.session_date)
        contracts = (lead.contract,) if lead else ()
        receipt = self.receipt(table, (*contracts, self.symbol))
        named = {"id": receipt.id, "session_date": past.session_date, "receipt": encoded(receipt)}
        whole = row | named
        return {name: whole.get(name) for name in table.names}

    def receipt(self, table: Table, contracts: tuple[str, ...]) -> Receipt:
        """Return what a row of this moment is made from."""
        return Receipt(
            table=table.name,
            symbol=self.symbol,
            as_of=self.at,
            versions=self.sources.versions,
            contracts=contracts,
            data_types=self.facts.rows.data_types(self.at),
            coverage=self.facts.coverage(self.at),
            settings=shaping_settings(self.sources),
            code=code_version(),
        )

    def _stopped(self, why: str) -> Unavailable:
        return Unavailable(self.symbol, self.facts.past.futures_symbol, self.at, why)


def engine_of(settings: Settings) -> DecisionEngine:
    """Return all rules, under the policy of the settings."""
    told = settings.decisions
    return DecisionEngine(policy=Policy(told.gate, told.base_contracts))


def moment_of(sources: Sources, symbol: str, at: datetime) -> Moment:
    """Return an ETF at a moment.

    Raises:
        ConfigurationError: the symbol is no ETF with a future, or the time has no zone.
        CalendarError: the moment lies outside the calendar.
    """
    legs = checked_etf(symbol)
    if at.tzinfo is None:
        raise ConfigurationError("as_of", at, "a time with its zone, such as UTC")
    facts = facts_at(sources, legs, at)
    regime = _regime(sources, facts, at)
    return Moment(sources, at, facts, _known(sources, facts, at, regime), regime)


def night_of(sources: Sources, symbol: str, at: datetime) -> PremarketSignal | None:
    """Return the newest pre-market signal of the day by a moment.

    The stored one, which was said then; one that was never stored is computed. None before
    04:00 New York, on days without NYSE, and where there is no signal.
    """
    facts = facts_at(sources, checked_etf(symbol), at)
    past = facts.past
    ticks = [t for t in premarket_ticks(past.session_date, past.calendar) if t <= at]
    if not ticks:
        return None
    rows = sources.rows(PREMARKET_SIGNALS.name, [past.session_date], (symbol,))
    seen = rows.filter(pl.col("timestamp") <= at).sort("timestamp")
    if not seen.is_empty():
        return premarket_of(seen.row(-1, named=True))
    said = moment_of(sources, symbol, ticks[-1]).premarket().said
    return said if isinstance(said, PremarketSignal) else None


def level_of(sources: Sources, symbol: str, at: datetime) -> Level | None:
    """Return the stored early warning of an ETF's future at a moment, None when too old."""
    past = facts_at(sources, checked_etf(symbol), at).past
    before = past.calendar.globex.before(past.session_date, 1)
    days = [*(session.session_date for session in before), past.session_date]
    rows = sources.rows(REGIME_WARNINGS.name, days, (past.futures_symbol,))
    seen = rows.filter(pl.col("timestamp") <= at).sort("timestamp").tail(1)
    for row in seen.iter_rows(named=True):
        age = open_minutes(row["timestamp"], at, past.calendar.globex)
        return Level(row["level"]) if age <= MOST_FUTURES_AGE_MINUTES else None
    return None


def decided(sources: Sources, symbol: str, at: datetime) -> Said:
    """Return the decision of a moment, with the stored night and warning."""
    night, level = night_of(sources, symbol, at), level_of(sources, symbol, at)
    return moment_of(sources, symbol, at).decision(night, level)


def shaping_settings(sources: Sources) -> dict[str, dict[str, Any]]:
    """Return the settings that what is said depends on, by section."""
    told = sources.settings
    return {
        "collection": told.collection.model_dump(mode="json", include={"roll", "front_month"}),
        "decisions": told.decisions.model_dump(mode="json"),
    }


def _known(sources: Sources, facts: Facts, at: datetime, regime: Mapping[str, Any]) -> Known:
    verdict, value = _predictive_value(sources, facts)
    return Known(
        vix=_vix(sources, facts, at),
        regime=market_regime(
            Asked(facts.past.spot_symbol, at, facts.past.session_date), regime
        ).derived_regime,
        verdict=verdict,
        predictive_value=value,
        carry_rate=sources.settings.decisions.carry_rate,
    )


def _vix(sources: Sources, facts: Facts, at: datetime) -> float | None:
    """Return the newest VIX of today or of the NYSE day before, points."""
    past = facts.past
    before = past.calendar.regular.before(past.session_date, 1)[-1].session_date
    days = [
        session.session_date for session in past.calendar.globex.between(before, past.session_date)
    ]
    columns = ("session_date", "ts_end", "close")
    rows = rows_of(
        sources.parts(BARS_1M.name, days), days, (VIX,), columns, pl.Schema(BARS_1M.schema)
    )
    newest = rows.filter(pl.col("ts_end") <= at).select(
        pl.col("close").get(pl.col("ts_end").arg_max())
    )
    value: float | None = newest.item() if rows.height and newest.height else None
    return value


def _regime(sources: Sources, facts: Facts, at: datetime) -> Mapping[str, Any]:
    """Return the newest row of ``market_regimes`` from before the session, empty without one."""
    past = facts.past
    rows = sources.rows(MARKET_REGIMES.name, _earlier(facts), (past.spot_symbol,))
    asked = Asked(past.spot_symbol, at, past.session_date)
    return known_row(asked, rows, past.calendar.regular)


def _predictive_value(sources: Sources, facts: Facts) -> tuple[Usefulness | None, float]:
    """Return the pair's newest verdict from before the session, and its value, 0 without one."""
    past = facts.past
    rows = sources.rows(PREDICTIVE_VALUE.name, _earlier(facts), None)
    own = rows.filter(
        futures_symbol=past.futures_symbol,
        spot_symbol=past.spot_symbol,
        horizon_minutes=SHOWN_MINUTES,
    ).sort("session_date")
    for row in own.tail(1).iter_rows(named=True):
        return Usefulness(row["pair_verdict"]), row["predictive_value"]
    return None, 0.0


def _earlier(facts: Facts) -> list[Any]:
    past = facts.past
    before = past.calendar.globex.before(past.session_date, RECENT_SESSIONS)
    return [session.session_date for session in before]


def _basis_columns(found: Basis | None) -> dict[str, Any]:
    if found is None:
        return {"basis_reason": "no_futures_price"}
    return {
        "basis_fair": found.fair_points,
        "basis_deviation_bp": found.deviation_bp,
        "basis_reason": found.reason,
    }
