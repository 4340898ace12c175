"""How far apart two log prices are, in units of how far they usually are.

Source: QUANT_SPEC 3.8; Engle and Granger 1987, MacKinnon 2010 (critical values).
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.latches import latch
from futures_pipeline.analytics.kernels.compiled import Floats
from futures_pipeline.analytics.market_time import UTC_TIME

TRAILING_SESSIONS = 20
LEAST_SESSIONS = 10
OPEN_BEYOND, CLOSE_WITHIN = 2.0, 0.5
SMALLEST_DEVIATION = 1e-9  # of log prices: far below a tick
# 5 % of the residual test of two series with a constant: limit, 1/n and 1/n^2 terms.
CRITICAL = (-3.33613, -6.1101, -6.823)

SPREAD_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "at": UTC_TIME,
    "contract_futures": pl.String(),
    "contract_spot": pl.String(),
    "slope": pl.Float64(),
    "spread": pl.Float64(),
    "z": pl.Float64(),
    "is_wide": pl.Boolean(),
    "label": pl.String(),
    "sessions": pl.Int64(),
    "reason": pl.String(),
}


def spread_bands(pairs: pl.DataFrame, session_dates: Sequence[date]) -> pl.DataFrame:
    """Return the spread of a pair and its distance from the usual.

    Args:
        pairs: ``paired_returns`` of hourly returns, with 20 sessions of history. Of each
            futures contract its own: a spread never crosses a roll, so the history of the
            contract must be there too.
        session_dates: the sessions to return.

    Returns:
        ``SPREAD_SCHEMA``, ascending by ``at``. ``spread`` = log futures - ``slope`` log spot,
        the slope by least squares over the 20 sessions before; ``z`` in standard deviations
        from the mean over them. ``is_wide`` begins beyond 2 and ends within 0.5, anew in each
        session. ``label``: ``mean_reverting`` when the Engle-Granger test says so at 5 %, else
        ``relative_strength``. Null with a ``reason``: ``fewer_than_10_sessions`` of the contract
        (``sessions`` says how many), ``flat_series`` or ``no_price``. No look-ahead.
    """
    legs = pl.col("price_futures").log(), pl.col("price_spot").log()
    prices = pairs.select(
        "session_date", "at", "contract_futures", "contract_spot", x=legs[1], y=legs[0]
    )
    parts = [pl.DataFrame(schema=SPREAD_SCHEMA)]
    parts += [_of_session(prices, day) for day in sorted(set(session_dates))]
    z = pl.col("z")
    wide = latch(z.abs() > OPEN_BEYOND, z.abs() < CLOSE_WITHIN, ["session_date"])
    return (
        pl.concat(parts)
        .sort("at")
        .with_columns(is_wide=pl.when(z.is_not_null()).then(wide))
        .select(*SPREAD_SCHEMA)
    )


def residual_statistic(y: Floats, x: Floats) -> tuple[float, float]:
    """Return the Engle-Granger statistic of two series and its 5 % critical value.

    Below the critical value the residual returns to its mean. One lag of its difference.
    """
    residual = y - _fitted(y, np.column_stack([np.ones_like(x), x]))
    moves = np.diff(residual)
    design = np.column_stack([residual[1:-1], moves[:-1]])
    coefficients, *_ = np.linalg.lstsq(design, moves[1:])
    rest = moves[1:] - design @ coefficients
    free = len(rest) - design.shape[1]
    inverse = np.linalg.inv(design.T @ design)
    error = np.sqrt(float(rest @ rest) / free * inverse[0, 0])
    n = len(y) - 1
    critical = CRITICAL[0] + CRITICAL[1] / n + CRITICAL[2] / n**2
    return float(coefficients[0] / error), critical


def _of_session(prices: pl.DataFrame, day: date) -> pl.DataFrame:
    rows = prices.filter(session_date=day)
    contracts = rows["contract_futures"].unique()
    same = prices.filter(
        pl.col("session_date") < day, pl.col("contract_futures").is_in(contracts.to_list())
    )
    days = same["session_date"].unique().sort().tail(TRAILING_SESSIONS)
    before = same.filter(pl.col("session_date").is_in(days.to_list())).drop_nulls(["x", "y"])
    x, y = before["x"].to_numpy(), before["y"].to_numpy()
    unknown = None
    if len(days) < LEAST_SESSIONS:
        unknown = "fewer_than_10_sessions"
    elif len(x) == 0 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        unknown = "flat_series"
    bands = rows.with_columns(sessions=pl.lit(len(days), pl.Int64))
    if unknown is not None:
        nothing = bands.with_columns(reason=pl.lit(unknown))
        return nothing.select(_column(nothing, name) for name in SPREAD_SCHEMA)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    usual = y - slope * x
    statistic, critical = residual_statistic(y, x)
    spread = pl.col("y") - slope * pl.col("x")
    measured = bands.with_columns(
        slope=pl.lit(slope),
        spread=spread,
        z=(spread - float(usual.mean())) / max(float(usual.std()), SMALLEST_DEVIATION),
        label=pl.lit("mean_reverting" if statistic < critical else "relative_strength"),
        reason=pl.when(spread.is_null()).then(pl.lit("no_price")),
    )
    return measured.select(_column(measured, name) for name in SPREAD_SCHEMA)


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    column = pl.col(name) if name in frame.columns else pl.lit(None)
    return column.cast(SPREAD_SCHEMA[name]).alias(name)


def _fitted(y: Floats, design: Floats) -> Floats:
    coefficients, *_ = np.linalg.lstsq(design, y)
    fitted: Floats = design @ coefficients
    return fitted
