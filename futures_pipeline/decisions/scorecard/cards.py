"""All that is pooled of graded calls: standings, calibration, and what futures added."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from futures_pipeline.decisions.scorecard.calibration import CALIBRATION_SCHEMA, calibration
from futures_pipeline.decisions.scorecard.calls import (
    CALL_SCHEMA,
    DECISIONS,
    SHADOW,
    WITH_FUTURES,
    WITHOUT_FUTURES,
)
from futures_pipeline.decisions.scorecard.confirmation import (
    CONFIRMATION_SCHEMA,
    confirmation,
    with_and_without,
)
from futures_pipeline.decisions.scorecard.outcomes import OUTCOME_COLUMNS
from futures_pipeline.decisions.scorecard.score import GROUP, scorecard

GRADED_SCHEMA: Mapping[str, pl.DataType] = {**CALL_SCHEMA, **OUTCOME_COLUMNS}


@dataclass(frozen=True, slots=True)
class Cards:
    """Frames named by ``symbol``, ``source`` and ``horizon``.

    ``standings``: see :func:`scorecard`. ``calibration``: the bins of :func:`calibration`, with
    its ``mean_gap`` and ``brier`` beside each. ``confirmation``: see :func:`confirmation`, of
    decisions and of shadows. ``comparison``: see :func:`with_and_without`; by symbol and horizon.
    """

    standings: pl.DataFrame
    calibration: pl.DataFrame
    confirmation: pl.DataFrame
    comparison: pl.DataFrame


def cards(graded: pl.DataFrame, cost_bp: Mapping[str, float]) -> Cards:
    """Return the cards of graded calls.

    Args:
        graded: rows of ``outcomes``, of all sessions that may count and no later ones.
        cost_bp: a round trip in each ETF, basis points.
    """
    compared = [graded.filter(source=source) for source in (WITH_FUTURES, WITHOUT_FUTURES)]
    return Cards(
        scorecard(graded, cost_bp),
        _calibrations(graded),
        _confirmations(graded),
        with_and_without(*compared),
    )


def _calibrations(graded: pl.DataFrame) -> pl.DataFrame:
    numbers = {"mean_gap": pl.Float64(), "brier": pl.Float64()}
    parts = [pl.DataFrame(schema={**dict.fromkeys(GROUP, pl.String()), **CALIBRATION_SCHEMA,
                                  **numbers})]  # fmt: skip
    for key, group in graded.group_by(*GROUP, maintain_order=True):
        found = calibration(group)
        named = [pl.lit(value).alias(name) for name, value in zip(GROUP, key, strict=True)]
        gap = pl.lit(found.mean_gap, pl.Float64()).alias("mean_gap")
        brier = pl.lit(found.brier, pl.Float64()).alias("brier")
        parts.append(found.bins.select(*named, pl.all(), gap, brier))
    return pl.concat(parts).sort(*GROUP, "confidence_from")


def _confirmations(graded: pl.DataFrame) -> pl.DataFrame:
    parts = [pl.DataFrame(schema={"source": pl.String(), **CONFIRMATION_SCHEMA})]
    for source in (DECISIONS, SHADOW):
        found = confirmation(graded.filter(source=source))
        parts.append(found.select(pl.lit(source).alias("source"), pl.all()))
    return pl.concat(parts).sort(*GROUP)
