"""Is the pair's futures return of use to a trader of the spot: a verdict for each horizon.

Source: QUANT_SPEC 5.1, 5.3 and 5.4.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from futures_pipeline.analytics.inference import holm
from futures_pipeline.analytics.predictive_value.observations import Observations, observations
from futures_pipeline.analytics.predictive_value.skill import (
    BASIS_POINTS,
    direction,
    information_coefficient,
    net_edge,
    out_of_sample_r2,
    rank_error,
    share_of_good_folds,
)
from futures_pipeline.analytics.returns.pairs import RegularSessions

IN_PROGRESS = "Data collection in progress. Analysis available after 7 days."
HORIZONS_MINUTES = (5, 15, 30, 60)
HEADLINE_MINUTES = 15
LEAST_SESSIONS = 7
LEAST_SESSIONS_FOR_VERDICT = 15
LEAST_OBSERVATIONS = 100
SIGNIFICANCE = 0.05
FOLD_SESSIONS = 5
GOOD_FOLDS = 2 / 3
REGULAR_MINUTES = 390
# Mean absolute value of a standard normal: what a perfect sign earns of a move.
MEAN_MOVE = 0.798
SMALLEST_IC = 0.02
LARGE_IC = 0.20
# Normal quantiles of 5 % one-sided and 80 % power.
POWER = 2.487


class Usefulness(StrEnum):
    """What can be said of a horizon, or of the pair."""

    USEFUL = "USEFUL"
    NOT_USEFUL = "NOT_USEFUL"
    INCONCLUSIVE = "INCONCLUSIVE"


CODES: Mapping[str, float] = {"USEFUL": 1.0, "NOT_USEFUL": 0.0, "INCONCLUSIVE": -1.0}

HORIZON_SCHEMA: Mapping[str, pl.DataType] = {
    "horizon_minutes": pl.Int64(),
    "n_sessions": pl.Int64(),
    "n_obs": pl.Int64(),
    "directional_accuracy": pl.Float64(),
    "da_ci_low": pl.Float64(),
    "da_ci_high": pl.Float64(),
    "base_rate": pl.Float64(),
    "pt_stat": pl.Float64(),
    "pt_pvalue": pl.Float64(),
    "direction_pvalue": pl.Float64(),
    "direction_pvalue_holm": pl.Float64(),
    "ic": pl.Float64(),
    "ic_ci_low": pl.Float64(),
    "ic_ci_high": pl.Float64(),
    "r2_oos": pl.Float64(),
    "signal_to_noise": pl.Float64(),
    "good_folds": pl.Float64(),
    "net_edge_bp": pl.Float64(),
    "net_edge_low_bp": pl.Float64(),
    "cost_bp": pl.Float64(),
    "break_even_ic": pl.Float64(),
    "days_to_conclusion": pl.Float64(),
    "is_powered": pl.Boolean(),
    "predictive_value": pl.Float64(),
    "verdict": pl.String(),
    "reason": pl.String(),
}
FLOATS = (
    "n_obs",
    "directional_accuracy",
    "da_ci_low",
    "da_ci_high",
    "base_rate",
    "pt_stat",
    "pt_pvalue",
    "ic",
    "ic_ci_low",
    "ic_ci_high",
    "r2_oos",
    "signal_to_noise",
    "net_edge_bp",
    "break_even_ic",
    "days_to_conclusion",
    "predictive_value",
)


class Assessment(NamedTuple):
    """The verdict on a pair, the sentence that says it, and ``HORIZON_SCHEMA`` behind it."""

    verdict: Usefulness
    sentence: str
    sessions: int
    horizons: pl.DataFrame

    def floats(self) -> dict[str, float]:
        """Return the numbers of the public door: those of 15 minutes, others by suffix.

        NaN where unknown; empty below 7 sessions. ``verdict_code``: 1 useful, 0 not useful,
        -1 inconclusive; without suffix that of the pair.
        """
        if self.horizons.is_empty():
            return {}
        found = {"n_sessions": float(self.sessions), "verdict_code": CODES[self.verdict]}
        for row in self.horizons.iter_rows(named=True):
            minutes = row["horizon_minutes"]
            suffix = "" if minutes == HEADLINE_MINUTES else f"_{minutes}"
            found |= {
                name + suffix: float("nan") if row[name] is None else float(row[name])
                for name in FLOATS
            }
            if suffix:
                found[f"verdict_code{suffix}"] = CODES[row["verdict"]]
        return found


def assess(sessions: RegularSessions, cost_bp: float, futures: str, spot: str) -> Assessment:
    """Judge whether ``futures`` foretell ``spot``.

    Args:
        sessions: the regular hours of the pair; those with too many gaps are left out.
        cost_bp: a round trip in ``spot``, basis points.
        futures: symbol, for the sentence.
        spot: symbol, for the sentence.

    Below 7 valid sessions there are no horizons and the sentence says so; from 15 sessions and
    100 observations a horizon has a verdict. Rates of error are in QUANT_SPEC 5.4.
    """
    valid = sessions.valid()
    count = len(valid)
    if count < LEAST_SESSIONS:
        empty = pl.DataFrame(schema=HORIZON_SCHEMA)
        return Assessment(Usefulness.INCONCLUSIVE, IN_PROGRESS, count, empty)
    seen = [observations(valid, minutes) for minutes in HORIZONS_MINUTES]
    rows = [
        _horizon(found, minutes, count, cost_bp)
        for found, minutes in zip(seen, HORIZONS_MINUTES, strict=True)
    ]
    corrected = holm(np.array([row["direction_pvalue"] for row in rows]))
    for row, p_value in zip(rows, corrected, strict=True):
        row["direction_pvalue_holm"] = float(p_value)
        row["verdict"], row["reason"] = _verdict(row)
    verdict = overall(rows)
    horizons = pl.DataFrame(rows, schema=HORIZON_SCHEMA).with_columns(
        pl.selectors.float().fill_nan(None)
    )
    return Assessment(verdict, _sentence(verdict, rows, futures, spot), count, horizons)


def overall(rows: list[dict[str, Any]]) -> Usefulness:
    """Return the verdict on the pair from those on its horizons."""
    verdicts = [row["verdict"] for row in rows]
    if Usefulness.USEFUL in verdicts:
        return Usefulness.USEFUL
    powered = [row["verdict"] for row in rows if row["is_powered"]]
    doubt = any(row["direction_pvalue"] < SIGNIFICANCE for row in rows)
    if powered and set(powered) == {Usefulness.NOT_USEFUL} and not doubt:
        return Usefulness.NOT_USEFUL
    return Usefulness.INCONCLUSIVE


def shrunk_value(ic: float, count: int) -> float:
    """Return the predictive value, 0 to 1: the rank correlation less what noise makes of it.

    1 stands for a correlation of 0.20 or more, 0 for none; 0 without an assessment.
    """
    if math.isnan(ic) or ic <= 0.0 or count < 5:
        return 0.0
    t = ic / rank_error(count)
    return min(1.0, ic * max(0.0, 1.0 - 1.0 / t**2) / LARGE_IC)


def _horizon(seen: Observations, minutes: int, sessions: int, cost_bp: float) -> dict[str, Any]:
    signal, outcome = seen
    called = direction(signal, outcome)
    ic = information_coefficient(signal, outcome)
    edge = net_edge(signal, outcome, cost_bp)
    r2 = out_of_sample_r2(signal, outcome)
    explained = max(0.0, r2)
    break_even, needed = _power(seen, cost_bp)
    return {
        "horizon_minutes": minutes,
        "n_sessions": sessions,
        "n_obs": seen.size,
        "directional_accuracy": called.accuracy.value,
        "da_ci_low": called.accuracy.low,
        "da_ci_high": called.accuracy.high,
        "base_rate": called.base_rate,
        "pt_stat": called.pesaran_timmermann,
        "pt_pvalue": called.pesaran_timmermann_p,
        "direction_pvalue": called.p_value,
        "ic": ic.value,
        "ic_ci_low": ic.low,
        "ic_ci_high": ic.high,
        "r2_oos": r2,
        "signal_to_noise": r2 if math.isnan(r2) else explained / (1.0 - explained),
        "good_folds": share_of_good_folds(signal, outcome, FOLD_SESSIONS),
        "net_edge_bp": edge.mean_bp,
        "net_edge_low_bp": edge.low_bp,
        "cost_bp": cost_bp,
        "break_even_ic": break_even,
        "days_to_conclusion": needed / (REGULAR_MINUTES // minutes - 1),
        "is_powered": seen.size >= needed,
        "predictive_value": shrunk_value(ic.value, seen.size),
    }


def _power(seen: Observations, cost_bp: float) -> tuple[float, float]:
    """Return the correlation that pays the costs, and the observations that would show it."""
    known = seen.outcome[~np.isnan(seen.outcome)]
    spread = float(known.std()) * BASIS_POINTS if len(known) else 0.0
    if spread == 0.0:
        return float("nan"), float("nan")
    break_even = max(SMALLEST_IC, cost_bp / (MEAN_MOVE * spread))
    return break_even, (POWER / break_even) ** 2


def _verdict(row: Mapping[str, Any]) -> tuple[Usefulness, str | None]:
    """Return the verdict on a horizon, and why it is inconclusive."""
    if row["n_sessions"] < LEAST_SESSIONS_FOR_VERDICT:
        return Usefulness.INCONCLUSIVE, "fewer_than_15_sessions"
    if row["n_obs"] < LEAST_OBSERVATIONS:
        return Usefulness.INCONCLUSIVE, "fewer_than_100_observations"
    shown = (
        row["direction_pvalue_holm"] < SIGNIFICANCE,
        row["ic_ci_low"] > 0.0,
        row["net_edge_low_bp"] > 0.0,
        row["r2_oos"] > 0.0,
        row["good_folds"] >= GOOD_FOLDS,
    )
    if all(shown):
        return Usefulness.USEFUL, None
    if row["is_powered"] and row["ic_ci_high"] < row["break_even_ic"]:
        return Usefulness.NOT_USEFUL, None
    return Usefulness.INCONCLUSIVE, "mixed_evidence" if row["is_powered"] else "not_powered"


def _sentence(verdict: Usefulness, rows: list[dict[str, Any]], futures: str, spot: str) -> str:
    said = {
        Usefulness.USEFUL: f"{futures} returns foretell {spot} beyond its trading cost",
        Usefulness.NOT_USEFUL: f"{futures} returns foretell too little of {spot} to trade on",
        Usefulness.INCONCLUSIVE: f"what {futures} returns say of {spot} cannot be told yet",
    }[verdict]
    parts = [f"{row['horizon_minutes']} min {_short(row)}" for row in rows]
    return f"{said} ({rows[0]['n_sessions']} sessions): {'; '.join(parts)}"


def _short(row: Mapping[str, Any]) -> str:
    words: str = row["verdict"].lower().replace("_", " ")
    if row["verdict"] != Usefulness.INCONCLUSIVE:
        pays = "above 1" if row["break_even_ic"] > 1.0 else f"{row['break_even_ic']:.3f}"
        return f"{words} (rank correlation {row['ic']:.3f}, break-even {pays})"
    days = row["days_to_conclusion"]
    if row["reason"] == "mixed_evidence":
        return f"{words}, mixed evidence"
    if math.isnan(days):
        return words
    needed = max(LEAST_SESSIONS_FOR_VERDICT, math.ceil(days))
    return f"{words}, about {needed} sessions to conclusion"
