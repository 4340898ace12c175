"""What the lead-lag profile shows when there is nothing to show: sessions paired at random."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats, Integers
from futures_pipeline.analytics.lead_lag.profile import MAX_LEAD_MINUTES, lagged_correlations

DRAWS = 200
BAND = (0.025, 0.975)

PLACEBO_SCHEMA: Mapping[str, pl.DataType] = {
    "lead_minutes": pl.Int64(),
    "placebo_low": pl.Float64(),
    "placebo_high": pl.Float64(),
    "placebo_asymmetry_low": pl.Float64(),
    "placebo_asymmetry_high": pl.Float64(),
    "placebo_largest": pl.Float64(),
    "draws": pl.Int64(),
}


def placebo_profile(
    futures: Floats, spot: Floats, seed: int, max_lead_minutes: int = MAX_LEAD_MINUTES
) -> pl.DataFrame:
    """Return the band of the profile of futures against the spot of another session.

    Args:
        futures: as for ``lead_lag_profile``, at least two sessions.
        spot: the same minutes.
        seed: decides the random pairings.
        max_lead_minutes: as for ``lead_lag_profile``.

    Returns:
        ``PLACEBO_SCHEMA``, one row a lead: the middle 95 % of 200 draws of ``correlation`` and
        of the difference of the two sides, and ``placebo_largest``, which the largest absolute
        correlation of all leads exceeds in 5 % of the draws. Each session keeps its own shape
        of the day; only the pairing is random. Null for a single session.

    A real correlation inside its band is noise. A difference inside its band need not be: two
    markets that move together share the noise of both sides, which cancels in their
    difference, so its own error (``lead_lag_profile``) is the smaller one.
    """
    random = np.random.default_rng(seed)
    leads = np.arange(-max_lead_minutes, max_lead_minutes + 1)
    profiles = np.full((DRAWS, len(leads)), np.nan)
    if len(futures) > 1:
        for draw in range(DRAWS):
            partners = spot[other_sessions(random, len(futures))]
            profiles[draw] = lagged_correlations(futures, partners, max_lead_minutes)[0]
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(profiles, BAND, axis=0)
        difference = np.quantile(profiles - profiles[:, ::-1], BAND, axis=0)
        largest = np.quantile(np.abs(profiles).max(axis=1), BAND[1] * 2 - 1)
    tested = leads > 0
    columns = {
        "lead_minutes": leads,
        "placebo_low": low,
        "placebo_high": high,
        "placebo_asymmetry_low": np.where(tested, difference[0], np.nan),
        "placebo_asymmetry_high": np.where(tested, difference[1], np.nan),
        "placebo_largest": np.full(len(leads), largest),
        "draws": np.full(len(leads), DRAWS if len(futures) > 1 else 0),
    }
    frame = pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in PLACEBO_SCHEMA.items())


def other_sessions(random: np.random.Generator, count: int) -> Integers:
    """Return a partner for each session, at random, each used once and none its own."""
    order = random.permutation(count)
    partners = np.empty(count, dtype=np.int64)
    partners[order] = np.roll(order, 1)
    return partners
