"""What the lead-lag profile shows when there is nothing to show: sessions shuffled at random."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats, Integers
from futures_pipeline.analytics.lead_lag.profile import (
    MAX_LEAD_MINUTES,
    in_deviations,
    lagged_correlations,
    sided_products,
)

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
    """Return the bands of the profile of shuffled sessions.

    Args:
        futures: as for ``lead_lag_profile``, at least two sessions.
        spot: the same minutes.
        seed: decides the shuffling.
        max_lead_minutes: as for ``lead_lag_profile``.

    Returns:
        ``PLACEBO_SCHEMA``, one row a lead, the middle 95 % of 200 draws each. ``correlation``:
        of futures with the spot of another session, each keeping its own shape of the day;
        ``placebo_largest`` is what the largest absolute one of all leads exceeds in 5 % of the
        draws. ``asymmetry``: of the same pairs of sessions, but in about half of them, drawn
        anew, futures and spot swap places, so that neither side can be first; null for leads
        up to 0. All null for a single session.

    What lies inside its band is noise. Sessions of other days would not do for the asymmetry:
    two markets that move together share the noise of both sides, which cancels in their
    difference, and only within a session.
    """
    random = np.random.default_rng(seed)
    leads = np.arange(-max_lead_minutes, max_lead_minutes + 1)
    profiles, sided = np.full((2, DRAWS, len(leads)), np.nan)
    if len(futures) > 1:
        for draw in range(DRAWS):
            partners = spot[other_sessions(random, len(futures))]
            profiles[draw] = lagged_correlations(futures, partners, max_lead_minutes)[0]
        sided[:, leads > 0] = _swapped(random, futures, spot, max_lead_minutes)
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(profiles, BAND, axis=0)
        sided_low, sided_high = np.quantile(sided, BAND, axis=0)
        largest = np.quantile(np.abs(profiles).max(axis=1), BAND[1] * 2 - 1)
    columns = {
        "lead_minutes": leads,
        "placebo_low": low,
        "placebo_high": high,
        "placebo_asymmetry_low": sided_low,
        "placebo_asymmetry_high": sided_high,
        "placebo_largest": np.full(len(leads), largest),
        "draws": np.full(len(leads), DRAWS if len(futures) > 1 else 0),
    }
    frame = pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in PLACEBO_SCHEMA.items())


def _swapped(
    random: np.random.Generator, futures: Floats, spot: Floats, max_lead_minutes: int
) -> Floats:
    """Return the asymmetry at each lead above 0 of draws in which sessions swap their legs."""
    a, b = in_deviations(futures), in_deviations(spot)
    by_session = np.full((len(futures), max_lead_minutes), np.nan)
    for lead in range(1, max_lead_minutes + 1):
        products = sided_products(a, b, lead)
        known = np.count_nonzero(~np.isnan(products))
        if known:
            by_session[:, lead - 1] = np.nansum(products, axis=1) / known
    sides = random.choice((-1.0, 1.0), size=(DRAWS, len(futures)))
    drawn: Floats = sides @ by_session
    return drawn


def other_sessions(random: np.random.Generator, count: int) -> Integers:
    """Return a partner for each session, at random, each used once and none its own."""
    order = random.permutation(count)
    partners = np.empty(count, dtype=np.int64)
    partners[order] = np.roll(order, 1)
    return partners
