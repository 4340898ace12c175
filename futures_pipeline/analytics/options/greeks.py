"""Each clean option's volatility and greeks: the broker's where they are sound, else computed.

Source: QUANT_SPEC 7.1.
"""

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.options.black76 import (
    LARGEST_VOL,
    LEAST_VOL,
    Contracts,
    forward_deltas,
    greeks,
    implied_vols,
)
from futures_pipeline.analytics.options.cleaning import CALL, PUT, STRIKE

BROKER, BROKER_VOL, COMPUTED, MISSING = "broker", "broker_vol", "computed", "missing"
GREEKS = ("delta", "gamma", "vega", "theta")
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
    clean = _own_numbers(chain.filter(pl.col("refused").is_null()))
    computed = _computed_vols(clean, rate)
    known = clean.join(computed, on=STRIKE, how="left", maintain_order="left").with_columns(
        own_vol=pl.col("iv"),
        iv=pl.coalesce("iv", "computed_vol"),
    )
    return _filled(known, rate).drop("computed_vol", "own_vol")


def out_of_the_money() -> pl.Expr:
    """Return whether a row is a put below the forward or a call at or above it."""
    is_put = pl.col("right") == PUT
    return is_put == (pl.col("strike") < pl.col("forward"))


def _own_numbers(clean: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with null for what the broker did not compute."""
    vol = pl.col("iv")
    spot = _sound("underlying_price", pl.col("underlying_price") > 0)
    sides = {"delta": pl.col("delta").abs() < 1, "gamma": pl.col("gamma") >= 0}
    sides |= {"vega": pl.col("vega") >= 0, "theta": ~pl.col("theta").is_in(NOT_COMPUTED)}
    return clean.with_columns(
        _sound("iv", vol.is_between(LEAST_VOL, LARGEST_VOL)),
        *(_sound(name, holds) for name, holds in sides.items()),
        spot=spot.fill_null(spot.median().over("symbol")),
    )


def _sound(name: str, holds: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(name).is_finite() & holds).then(pl.col(name)).alias(name)


def _computed_vols(clean: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return ``computed_vol`` of the strikes at which a volatility is missing."""
    is_missing = pl.col("iv").is_null().any().over(STRIKE)
    quotes = clean.filter(is_missing & out_of_the_money())
    vols = implied_vols(_contracts(quotes, rate), quotes["mid"].to_numpy())
    return quotes.select(*STRIKE, computed_vol=pl.Series(vols, nan_to_null=True))


def _filled(known: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return the rows with computed greeks where the broker's are not complete."""
    contracts, vol = _contracts(known, rate), _numbers(known, "iv")
    computed = greeks(contracts, vol, _numbers(known, "spot"))
    is_whole = pl.all_horizontal(pl.col(name).is_not_null() for name in ("own_vol", *GREEKS))
    with_source = known.with_columns(
        forward_delta=pl.Series(forward_deltas(contracts, vol), nan_to_null=True),
        **{
            f"computed_{name}": pl.Series(getattr(computed, name), nan_to_null=True)
            for name in GREEKS
        },
        greeks_source=pl.when(is_whole)
        .then(pl.lit(BROKER))
        .when(pl.col("own_vol").is_not_null())
        .then(pl.lit(BROKER_VOL))
        .when(pl.col("iv").is_not_null())
        .then(pl.lit(COMPUTED))
        .otherwise(pl.lit(MISSING)),
    )
    is_own = pl.col("greeks_source") == BROKER
    return with_source.with_columns(
        pl.when(is_own).then(pl.col(name)).otherwise(f"computed_{name}").alias(name)
        for name in GREEKS
    ).drop(f"computed_{name}" for name in GREEKS)


def _contracts(rows: pl.DataFrame, rate: float) -> Contracts:
    return Contracts(
        forward=_numbers(rows, "forward"),
        strike=_numbers(rows, "strike"),
        years=_numbers(rows, "years"),
        rate=rate,
        is_call=(rows["right"] == CALL).to_numpy(),
    )


def _numbers(rows: pl.DataFrame, name: str) -> Floats:
    """Return a column as an array, NaN for null."""
    values: Floats = rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values
