"""Signals and decisions as calls: a direction at a moment, which the market then grades.

A moment without a direction (hold, neutral) is a call of 0: it is graded as well, because the
base rate is over all moments, not over those that were chosen.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from futures_pipeline.decisions.rules.rule import Family
from futures_pipeline.decisions.trace import Outcome

PREMARKET, FUTURES, DECISIONS, SHADOW = "premarket", "futures_signal", "decision", "shadow"
WITH_FUTURES, WITHOUT_FUTURES = "with_futures", "without_futures"

CALL_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "source": pl.String(),
    "rule": pl.String(),
    "timestamp": pl.Datetime("us", "UTC"),
    "direction": pl.Int64(),
    "confidence": pl.Float64(),
    "futures_direction": pl.Int64(),
}
SIGNS = {
    "bullish": 1,
    "bearish": -1,
    "neutral": 0,
    "strong_buy": 1,
    "buy": 1,
    "hold": 0,
    "sell": -1,
    "strong_sell": -1,
}


def premarket_calls(signals: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of ``premarket_signals``: the final ones, one a day and symbol."""
    final = signals.filter(pl.col("is_final"), pl.col("bias").is_not_null())
    return _calls(final, PREMARKET, "bias", rule=None)


def futures_calls(signals: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of ``futures_signals``."""
    known = signals.filter(pl.col("signal").is_not_null())
    return _calls(known, FUTURES, "signal", rule=None)


def decision_calls(decisions: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of ``entry_decisions``, and beside them those held back as shadows.

    ``futures_direction`` is what the futures signal of the same moment said, null without one.
    """
    told = pl.col("metadata").str.json_path_match("$.futures_signal")
    signed = decisions.with_columns(futures_direction=_sign(told))
    acted = _calls(signed, DECISIONS, "direction", rule="rule")
    shadows = _calls(
        signed.with_columns(confidence=pl.lit(None, pl.Float64())),
        SHADOW,
        "shadow_direction",
        rule="shadow_rule",
    )
    return pl.concat([acted, shadows])


def compared_calls(decisions: pl.DataFrame) -> pl.DataFrame:
    """Return each decision twice: as it were without the evidence gate, and without futures.

    Read from the trace: the first rule that matched, and the first of those that do not rest
    on futures. Moments under an early warning are left out: futures changed what every rule
    was told, so what the others would have done is not in the trace.
    """
    overridden = pl.col("metadata").str.json_path_match("$.outlook_override") == "true"
    kept = decisions.filter(~overridden.fill_null(False))
    traces = [json.loads(text) for text in kept["trace"]]
    told = pl.col("metadata").str.json_path_match("$.futures_signal")
    plain = kept.with_columns(futures_direction=_sign(told), confidence=pl.lit(None, pl.Float64()))
    parts = []
    for source, families in (
        (WITH_FUTURES, [family.name.lower() for family in Family]),
        (WITHOUT_FUTURES, [Family.ENHANCED.name.lower()]),
    ):
        first = [_first_match(trace, families) for trace in traces]
        said = plain.with_columns(
            pl.Series("direction", [line.get("direction") for line in first], pl.String),
            pl.Series("rule", [line.get("rule") for line in first], pl.String),
        )
        parts.append(_calls(said, source, "direction", rule="rule"))
    return pl.concat(parts)


def _first_match(trace: Sequence[Mapping[str, Any]], families: Sequence[str]) -> Mapping[str, Any]:
    """Return the first line of some families that matched and was not blocked, or nothing."""
    matched = (Outcome.CHOSEN.value, Outcome.LATER.value, Outcome.SHADOW.value)
    return next(
        (line for line in trace if line["outcome"] in matched and line["family"] in families), {}
    )


def _calls(rows: pl.DataFrame, source: str, said: str, rule: str | None) -> pl.DataFrame:
    """Return ``CALL_SCHEMA``; a null word is a call of 0."""
    known = (
        rows
        if "futures_direction" in rows.columns
        else rows.with_columns(futures_direction=_sign(pl.col(said)))
    )
    return known.select(
        "symbol",
        pl.lit(source).alias("source"),
        (pl.col(rule) if rule else pl.lit(None, pl.String())).alias("rule"),
        "timestamp",
        _sign(pl.col(said)).fill_null(0).alias("direction"),
        "confidence",
        "futures_direction",
    ).sort("symbol", "timestamp")


def _sign(word: pl.Expr) -> pl.Expr:
    return word.replace_strict(SIGNS, default=None, return_dtype=pl.Int64())
