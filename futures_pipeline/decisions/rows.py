"""Signals and decisions as rows of their tables.

Structures inside a row (legs, metadata, trace) are JSON with sorted keys, so that equal
decisions are equal text.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import polars as pl

from futures_pipeline.decisions.engine import Decision
from futures_pipeline.decisions.rules.rule import Entry
from futures_pipeline.decisions.signals.market_signal import FuturesMarketSignal
from futures_pipeline.decisions.signals.premarket import PremarketSignal, Surge
from futures_pipeline.decisions.signals.words import Direction, Unavailable
from futures_pipeline.decisions.trace import RuleTrace

TIME = pl.Datetime("us", "UTC")
SIGNAL_KEY: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "futures_symbol": pl.String(),
    "timestamp": TIME,
}
SIGNAL_END: Mapping[str, pl.DataType] = {
    "volatility": pl.Float64(),
    "volatility_source": pl.String(),
    "degraded": pl.String(),
    "reasoning": pl.String(),
    "reason": pl.String(),
}
FUTURES_SIGNAL_SCHEMA: Mapping[str, pl.DataType] = {
    **SIGNAL_KEY,
    "sentiment": pl.String(),
    "signal": pl.String(),
    "confidence": pl.Float64(),
    "futures_price": pl.Float64(),
    "spot_price": pl.Float64(),
    "basis": pl.Float64(),
    "change_1h": pl.Float64(),
    "change_4h": pl.Float64(),
    "change_daily": pl.Float64(),
    "momentum": pl.Float64(),
    "z": pl.Float64(),
    "observations": pl.Int64(),
    "predictive_value": pl.Float64(),
    **SIGNAL_END,
}
PREMARKET_SIGNAL_SCHEMA: Mapping[str, pl.DataType] = {
    **SIGNAL_KEY,
    "session_date": pl.Date(),
    "bias": pl.String(),
    "surge": pl.String(),
    "confidence": pl.Float64(),
    "futures_price": pl.Float64(),
    "anchor_price": pl.Float64(),
    "change_points": pl.Float64(),
    "range_points": pl.Float64(),
    "move": pl.Float64(),
    "z": pl.Float64(),
    "persistence": pl.Float64(),
    "participation": pl.Float64(),
    "factor": pl.Float64(),
    "is_final": pl.Boolean(),
    **SIGNAL_END,
}
DECISION_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "timestamp": TIME,
    "action": pl.String(),
    "rule": pl.String(),
    "direction": pl.String(),
    "strategy_type": pl.String(),
    "legs": pl.String(),
    "urgency": pl.String(),
    "position_multiplier": pl.Float64(),
    "contracts": pl.Int64(),
    "confidence": pl.Float64(),
    "reason": pl.String(),
    "degraded": pl.String(),
    "errors": pl.String(),
    "shadow_rule": pl.String(),
    "shadow_direction": pl.String(),
    "metadata": pl.String(),
    "trace": pl.String(),
}


def futures_signal_rows(signals: Iterable[FuturesMarketSignal | Unavailable]) -> pl.DataFrame:
    """Return ``futures_signals`` rows; where there is no signal, nulls and a ``reason``."""
    return pl.DataFrame([signal_row(signal) for signal in signals], schema=FUTURES_SIGNAL_SCHEMA)


def premarket_signal_rows(signals: Iterable[PremarketSignal | Unavailable]) -> pl.DataFrame:
    """Return ``premarket_signals`` rows; where there is no signal, nulls and a ``reason``."""
    rows = [signal_row(signal) for signal in signals]
    return pl.DataFrame(rows, schema=PREMARKET_SIGNAL_SCHEMA)


def signal_row(signal: FuturesMarketSignal | PremarketSignal | Unavailable) -> dict[str, Any]:
    """Return a signal's own columns of its table; an unavailable one has its ``reason``."""
    row = asdict(signal)
    if isinstance(signal, Unavailable):
        return row
    if isinstance(signal, PremarketSignal):
        row["is_final"] = signal.is_final
    return row | {"degraded": listed(signal.degraded)}


def premarket_of(row: Mapping[str, Any]) -> PremarketSignal | None:
    """Return the signal that a row of ``premarket_signals`` holds; None where it has none."""
    if row["bias"] is None:
        return None
    told = {field.name: row[field.name] for field in fields(PremarketSignal)}
    words = {
        "bias": Direction(row["bias"]),
        "surge": Surge(row["surge"]),
        "degraded": tuple(row["degraded"].split(",")) if row["degraded"] else (),
    }
    return PremarketSignal(**told | words)


def listed(words: Sequence[str]) -> str | None:
    """Return words by comma, None for none."""
    return ",".join(words) or None


def decision_rows(decisions: Iterable[Decision]) -> pl.DataFrame:
    """Return ``entry_decisions`` rows; what belongs to an entry is null on hold."""
    return pl.DataFrame([decision_row(decision) for decision in decisions], schema=DECISION_SCHEMA)


def decision_row(decision: Decision) -> dict[str, Any]:
    """Return one ``entry_decisions`` row."""
    entry, shadow = decision.entry, decision.shadow
    return {
        "symbol": decision.symbol,
        "timestamp": decision.timestamp,
        "action": decision.action.value,
        "rule": decision.rule,
        "direction": entry.direction.value if entry else None,
        "strategy_type": entry.strategy.strategy_type if entry else None,
        "legs": _text(_legs(entry)) if entry else None,
        "urgency": entry.urgency if entry else None,
        "position_multiplier": entry.multiplier if entry else None,
        "contracts": decision.contracts,
        "confidence": entry.confidence if entry else None,
        "reason": decision.reason,
        "degraded": listed(decision.degraded),
        "errors": listed(decision.errors),
        "shadow_rule": shadow.rule if shadow else None,
        "shadow_direction": shadow.entry.direction.value if shadow and shadow.entry else None,
        "metadata": _text(decision.metadata),
        "trace": _text([_trace_line(line) for line in decision.trace]),
    }


def _trace_line(line: RuleTrace) -> dict[str, Any]:
    return {
        "rule": line.rule,
        "priority": line.priority,
        "family": line.family.name.lower(),
        "outcome": line.outcome.value,
        "note": line.note,
        "conditions": [check._asdict() for check in line.checks],
        "direction": line.entry.direction.value if line.entry else None,
        "position_multiplier": line.entry.multiplier if line.entry else None,
    }


def _legs(entry: Entry) -> list[dict[str, Any]]:
    return [leg._asdict() for leg in entry.strategy.legs]


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
