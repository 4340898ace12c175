"""Returns out of all proportion, and those that the next one takes back: bad ticks.

Source: QUANT_SPEC 3.9. A jump that stays is the market's and is kept.
"""

import polars as pl

OUTLIER_SIZES = 10.0
TRAILING_RETURNS = 60
LEAST_RETURNS = 20
# Median absolute value of a standard normal.
MEDIAN_MOVE = 0.6745
KEPT_SHARE = 0.2
OF_SESSION = ["contract", "session_date"]


def with_bad_ticks(returns: pl.DataFrame) -> pl.DataFrame:
    """Say which returns are outliers, and leave out those that take one back.

    Args:
        returns: ``contract``, ``session_date``, ``log_return`` (fraction) and ``reason``,
            ascending by time within a contract and session.

    Returns:
        The rows with ``is_outlier``: beyond 10 times the usual size, which is the median of
        the moves (other than 0) among the 60 returns of the session before, in standard
        deviations; false below 20 of them. ``is_undone``: an outlier of which the next return
        takes back four fifths or more; that is known one return later only. The return that
        takes it back is null with reason ``bad_tick``, and no outlier.
    """
    r = pl.col("log_return")
    move = pl.when(r != 0.0).then(r.abs())
    usual = move.rolling_median(TRAILING_RETURNS, min_samples=LEAST_RETURNS).shift(1)
    outlier = r.abs() * MEDIAN_MOVE > OUTLIER_SIZES * usual.over(OF_SESSION)
    jump = pl.when("is_outlier").then(r).shift(1).over(OF_SESSION)
    takes_back = ((jump + r).abs() <= KEPT_SHARE * jump.abs()).fill_null(False)
    return (
        returns.with_columns(is_outlier=outlier.fill_null(False))
        .with_columns(takes_back=takes_back)
        .with_columns(
            is_undone=pl.col("takes_back").shift(-1, fill_value=False).over(OF_SESSION),
            is_outlier=pl.col("is_outlier") & ~pl.col("takes_back"),
            log_return=pl.when(~pl.col("takes_back")).then(r),
            reason=pl.when("takes_back").then(pl.lit("bad_tick")).otherwise("reason"),
        )
        .drop("takes_back")
    )
