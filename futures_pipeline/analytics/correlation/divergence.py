"""Episodes in which two markets that move together stop doing so.

Source: QUANT_SPEC 3.8.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from futures_pipeline.analytics.correlation.latches import in_a_row, latch
from futures_pipeline.analytics.market_time import UTC_TIME

BELOW, UNTIL = 0.2, 0.3
REFERENCE_SESSIONS = 20
UNUSUAL_DEVIATIONS = 3.0

EPISODE_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "started_at": UTC_TIME,
    "ended_at": UTC_TIME,
    "is_over": pl.Boolean(),
    "duration_minutes": pl.Float64(),
    "severity": pl.String(),
    "minimum": pl.Float64(),
    "readings": pl.Int64(),
    "meaning": pl.String(),
    "earlier_episodes": pl.Int64(),
}


def divergence_states(rolling: pl.DataFrame) -> pl.DataFrame:
    """Add the state of divergence to each row of ``rolling_correlations``.

    Args:
        rolling: one pair's, ascending; 20 sessions before give the usual level.

    Returns:
        The rows with ``is_minor`` (three readings in a row below 0.2, until one above 0.3),
        ``is_major`` (the upper bound of the interval below 0.2 three times, until a reading
        above 0.3) and ``is_unusual`` (below the median of the 20 sessions before by three
        median deviations; null without those sessions). Each session begins without
        divergence. An unknown reading begins and ends nothing. No look-ahead.
    """
    r, by = pl.col("correlation"), ["session_date"]
    back = r > UNTIL
    return rolling.join(_usual_lows(rolling), on="session_date", how="left").select(
        *rolling.columns,
        is_minor=latch(in_a_row(r < BELOW, by), back, by),
        is_major=latch(in_a_row(pl.col("high") < BELOW, by), back, by),
        is_unusual=r < pl.col("usual_low"),
    )


def divergence_episodes(states: pl.DataFrame, *, is_index_pair: bool) -> pl.DataFrame:
    """Return the episodes of divergence of one pair.

    Args:
        states: ``divergence_states``, ascending.
        is_index_pair: both follow one index (ES and SPY), so that a divergence is a fault of
            the data.

    Returns:
        ``EPISODE_SCHEMA``, ascending by start. ``ended_at`` is the first reading after it, or
        the last reading of the session while ``is_over`` is false; no episode crosses a
        session. ``severity``: ``major`` when it was so at any reading, else ``minor``.
        ``minimum``: the lowest correlation. ``meaning``: ``divergence`` or ``data_fault``.
        ``earlier_episodes``: how many came before in these rows.
    """
    diverges = pl.col("is_minor") | pl.col("is_major")
    begins = diverges & ~diverges.shift(1, fill_value=False).over("session_date")
    following = pl.col("at").shift(-1).over("session_date")
    marked = states.with_columns(following=following, episode=begins.cum_sum()).filter(diverges)
    over = pl.col("following").last().is_not_null()
    ended = pl.coalesce(pl.col("following").last(), pl.col("at").last())
    return (
        marked.group_by("episode", maintain_order=True)
        .agg(
            pl.col("session_date").first(),
            pl.col("at").first().alias("started_at"),
            ended.alias("ended_at"),
            over.alias("is_over"),
            pl.when(pl.col("is_major").any())
            .then(pl.lit("major"))
            .otherwise(pl.lit("minor"))
            .alias("severity"),
            pl.col("correlation").min().alias("minimum"),
            pl.len().alias("readings"),
        )
        .with_columns(
            duration_minutes=(pl.col("ended_at") - pl.col("started_at")).dt.total_seconds() / 60,
            meaning=pl.lit("data_fault" if is_index_pair else "divergence"),
            earlier_episodes=pl.int_range(pl.len()),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in EPISODE_SCHEMA.items())
    )


def _usual_lows(rolling: pl.DataFrame) -> pl.DataFrame:
    """Return, by session, the level that a usual reading stays above."""
    known = rolling.drop_nulls("correlation").partition_by("session_date", as_dict=True)
    days = rolling["session_date"].unique().sort().to_list()
    values = [
        known[(day,)]["correlation"].to_numpy() if (day,) in known else np.empty(0) for day in days
    ]
    lows: list[float | None] = []
    for number in range(len(days)):
        before = np.concatenate(
            [np.empty(0), *values[max(0, number - REFERENCE_SESSIONS) : number]]
        )
        if number < REFERENCE_SESSIONS or not len(before):
            lows.append(None)
            continue
        middle = np.median(before)
        deviation = np.median(np.abs(before - middle))
        lows.append(float(middle - UNUSUAL_DEVIATIONS * deviation))
    return pl.DataFrame(
        {"session_date": days, "usual_low": lows},
        schema={"session_date": pl.Date(), "usual_low": pl.Float64()},
    )
