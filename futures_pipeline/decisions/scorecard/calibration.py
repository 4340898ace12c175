"""Whether a confidence of 0.7 is right seven times in ten."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from futures_pipeline.decisions.scorecard.score import apart, directional, wins

EDGES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

CALIBRATION_SCHEMA: Mapping[str, pl.DataType] = {
    "confidence_from": pl.Float64(),
    "confidence_to": pl.Float64(),
    "n": pl.Int64(),
    "mean_confidence": pl.Float64(),
    "win_rate": pl.Float64(),
    "win_rate_low": pl.Float64(),
    "win_rate_high": pl.Float64(),
}


class Calibration(NamedTuple):
    """How confidence and win rate agree.

    ``bins``: ``CALIBRATION_SCHEMA``, only those with calls. ``mean_gap``: the mean distance of
    confidence from win rate over the bins, weighted by calls. ``brier``: the mean squared
    distance of confidence from what happened (always saying 0.5 gets 0.25). None of no call.
    """

    bins: pl.DataFrame
    mean_gap: float | None
    brier: float | None


def calibration(graded: pl.DataFrame) -> Calibration:
    """Return how well confidence says the chance of being right.

    ``graded``: rows of ``outcomes`` of one symbol, source and horizon. Confidence was made to
    rank signals, not to be a chance, so a gap is a finding to show and no error.
    """
    calls = apart(directional(graded.filter(pl.col("confidence").is_not_null())))
    if calls.is_empty():
        return Calibration(pl.DataFrame(schema=CALIBRATION_SCHEMA), None, None)
    rows = []
    for low, high in pairwise(EDGES):
        inside = calls.filter(_within(low, high))
        if inside.height:
            won = wins(inside)
            rows.append((low, high, won.n, inside["confidence"].mean(), *won[:3]))
    bins = pl.DataFrame(rows, schema=CALIBRATION_SCHEMA, orient="row")
    gap = ((bins["mean_confidence"] - bins["win_rate"]).abs() * bins["n"]).sum() / calls.height
    right = (calls["direction"] * calls["log_return"] > 0).cast(pl.Float64())
    squared = (calls["confidence"] - right).pow(2)
    return Calibration(bins, float(gap), float(squared.sum()) / calls.height)


def _within(low: float, high: float) -> pl.Expr:
    """Return whether confidence is in a bin; the last one includes its end."""
    value = pl.col("confidence")
    return (value >= low) & ((value <= high) if high == EDGES[-1] else (value < high))
