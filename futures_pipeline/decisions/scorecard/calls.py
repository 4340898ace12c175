"""Signals and decisions as calls: a direction at a moment, which the market then grades.

A moment without a direction (hold, neutral) is a call of 0: it is graded as well, because the
base rate is over all moments, not over those that were chosen.
"""

from collections.abc import Mapping

import polars as pl

PREMARKET, FUTURES, DECISIONS, SHADOW = "premarket", "futures_signal", "decision", "shadow"

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
