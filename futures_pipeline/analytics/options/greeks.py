"""Each clean option's volatility and greeks: the broker's where they are sound, else computed.

Source: QUANT_SPEC 7.1.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Booleans, Floats
from futures_pipeline.analytics.options.black76 import (
    LARGEST_VOL,
    LEAST_VOL,
    Contracts,
    forward_deltas,
    greeks,
    implied_vols,
)
from futures_pipeline.analytics.options.cleaning import ABOVE_ITS_PUT, CALL, PUT

BROKER, BROKER_VOL, COMPUTED, MISSING = "broker", "broker_vol", "computed", "missing"
# The best first: each option has the first of them that it can have.
SOURCES = pl.Series([BROKER, BROKER_VOL, COMPUTED, MISSING])
GREEKS = ("delta", "gamma", "vega", "theta")
# Whether a row is a put below the forward or a call at or above it.
OUT_OF_THE_MONEY = (pl.col("right") == PUT) == (pl.col("strike") < pl.col("forward"))
# What the broker sends for "not computed".
NOT_COMPUTED = (-1.0, -2.0)


def with_greeks(chain: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return the clean rows with a volatility and greeks, and where they come from.

    Args:
        chain: ``with_forwards`` of one moment.
        rate: interest, continuous, an annualised fraction.

    Returns:
        The clean rows with ``iv`` (annualised fraction), ``delta``, ``gamma``,
        ``vega``, ``theta`` (units as in ``option_snapshots``), ``forward_delta`` (N(d1), 0 to
        1, of a call of that strike), ``spot`` (US dollars: the row's own underlying price, else
        the median of its symbol's) and ``greeks_source``: broker; broker_vol (its volatility,
        computed greeks); computed, volatility too; missing (null).

    A volatility is computed from the out-of-the-money quote of the strike and serves call and
    put. Greeks stay null without a spot price.
    """
    clean = _with_spot(chain.filter(pl.col("refused").is_null()))
    contracts, own = _contracts(clean, rate), _own_numbers(clean)
    vol = np.where(np.isnan(own["iv"]), _computed_vols(clean, contracts, own["iv"]), own["iv"])
    is_whole: Booleans = np.logical_and.reduce([np.isfinite(it) for it in own.values()])
    numbers = {"iv": vol, "forward_delta": forward_deltas(contracts, vol)}
    numbers |= _filled(contracts, vol, clean["spot"].to_numpy(), own, is_whole)
    place = np.select([is_whole, ~np.isnan(own["iv"]), ~np.isnan(vol)], [0, 1, 2], 3)
    return clean.with_columns_seq(
        *(pl.Series(name, found, nan_to_null=True) for name, found in numbers.items()),
        greeks_source=SOURCES[place],
    )


def _with_spot(clean: pl.DataFrame) -> pl.DataFrame:
    price = pl.col("underlying_price")
    sound = pl.when(price.is_finite() & (price > 0)).then(price)
    return clean.with_columns_seq(spot=sound.fill_null(sound.median().over("symbol")))


def _own_numbers(clean: pl.DataFrame) -> dict[str, Floats]:
    """Return the broker's volatility and greeks, NaN for what it did not compute."""
    told = {name: clean[name].to_numpy() for name in ("iv", *GREEKS)}
    is_sound = {
        "iv": (told["iv"] >= LEAST_VOL) & (told["iv"] <= LARGEST_VOL),
        "delta": np.abs(told["delta"]) < 1,
        "gamma": told["gamma"] >= 0,
        "vega": told["vega"] >= 0,
        "theta": ~np.isin(told["theta"], NOT_COMPUTED),
    }
    return {
        name: np.where(np.isfinite(values) & is_sound[name], values, np.nan)
        for name, values in told.items()
    }


def _computed_vols(clean: pl.DataFrame, contracts: Contracts, own: Floats) -> Floats:
    """Return the volatilities of rows without an own one, NaN elsewhere and where none is known."""
    found = clean.select_seq(above=ABOVE_ITS_PUT, outside=OUT_OF_THE_MONEY)
    calls, outside = np.flatnonzero(found["above"].to_numpy()), found["outside"].to_numpy()
    quote = np.arange(clean.height)
    quote[calls] = np.where(outside[calls], calls, calls + 1)
    quote[calls + 1] = quote[calls]
    wanted = np.flatnonzero(np.isnan(own) & outside[quote])
    vols = np.full(clean.height, np.nan)
    vols[wanted] = implied_vols(contracts[quote[wanted]], clean["mid"].to_numpy()[quote[wanted]])
    return vols


def _filled(
    contracts: Contracts, vol: Floats, spot: Floats, own: Mapping[str, Floats], is_whole: Booleans
) -> dict[str, Floats]:
    """Return the greeks, computed where the broker's are not complete."""
    wanted = np.flatnonzero(~is_whole)
    computed = greeks(contracts[wanted], vol[wanted], spot[wanted])
    filled = {name: own[name].copy() for name in GREEKS}
    for name, values in filled.items():
        values[wanted] = getattr(computed, name)
    return filled


def _contracts(rows: pl.DataFrame, rate: float) -> Contracts:
    forward, strike, years = (rows[it].to_numpy() for it in ("forward", "strike", "years"))
    return Contracts(forward, strike, years, rate, (rows["right"] == CALL).to_numpy())
