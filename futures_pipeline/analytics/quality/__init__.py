"""Faults of data that break no rule of a row: series that stand still, lag, or do not belong.

Every function returns ``FINDINGS``: a row for each fault, none when all is well.
"""

from futures_pipeline.analytics.quality.findings import FINDINGS, regular_hours
from futures_pipeline.analytics.quality.freshness import stale_symbols
from futures_pipeline.analytics.quality.pairs import (
    INDEX_PAIRS,
    misaligned_pairs,
    pair_correlations,
    uncorrelated_pairs,
)
from futures_pipeline.analytics.quality.same_contract import changes_of_other_prices
from futures_pipeline.analytics.quality.series import end_labelled, flat_series, frozen_quotes
from futures_pipeline.analytics.quality.stale_legs import stale_legs

__all__ = [
    "FINDINGS",
    "INDEX_PAIRS",
    "changes_of_other_prices",
    "end_labelled",
    "flat_series",
    "frozen_quotes",
    "misaligned_pairs",
    "pair_correlations",
    "regular_hours",
    "stale_legs",
    "stale_symbols",
    "uncorrelated_pairs",
]
