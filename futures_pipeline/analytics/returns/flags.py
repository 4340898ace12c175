"""What is unusual of a minute, as bits of one number: rows are marked and never deleted.

Source: QUANT_SPEC 3.9. Crossed quotes and duplicates are not among them: the lake refuses the
former into ``quarantine`` and holds each key once.
"""

from collections.abc import Mapping
from enum import IntFlag

import polars as pl

from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.analytics.quality.findings import regular_hours
from futures_pipeline.domain.sessions import TradingCalendar

FLAT_BARS = 5
FULL_SESSION_MINUTES = 1380
FLAG_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "contract": pl.String(),
    "session_date": pl.Date(),
    "at": UTC_TIME,
    "is_regular": pl.Boolean(),
    "quality_flags": pl.Int64(),
}


class Flag(IntFlag):
    """One bit each.

    No statistic uses the minutes that are STALE, and none a return over a GAP of more than
    five, a BAD_TICK or a ROLL. An OUTLIER that stays is a real jump and is kept.
    """

    GAP = 1  # the market was open and there is no bar
    STALE = 2  # nor one in the five minutes before
    FLAT = 4  # the fifth equal close or a later one, in NYSE hours
    ZERO_VOLUME = 8
    OUTLIER = 16  # beyond 10 times the usual return
    BAD_TICK = 32  # takes back the outlier before it
    ROLL = 64  # first session of another contract
    SHORTENED = 128  # the session is shorter than 23 hours
    OFF_TICK = 256  # the close is no multiple of the tick


def quality_flags(
    front: pl.DataFrame,
    bars: pl.DataFrame,
    calendar: TradingCalendar,
    tick_sizes: Mapping[str, float],
) -> pl.DataFrame:
    """Return the flags of each minute.

    Args:
        front: ``front_returns`` of one minute.
        bars: one-minute bars: ``contract``, ``ts_end`` (UTC), ``close`` (price units) and
            ``volume``, unique by the first two.
        calendar: decides regular hours and the length of sessions.
        tick_sizes: smallest price step, by symbol.

    Returns:
        ``FLAG_SCHEMA``, a row for each of ``front``, ascending by symbol and ``at``.
        ``is_regular``: within NYSE hours. No look-ahead.
    """
    days = front["session_date"].unique().sort().to_list()
    of_bar = bars.select("contract", "close", "volume", at=pl.col("ts_end").cast(UTC_TIME))
    known = (
        front.join(of_bar, on=["contract", "at"], how="left")
        .join(_sessions(front, calendar), on=["symbol", "session_date"], how="left")
        .join(regular_hours(calendar.regular, days), on="session_date", how="left")
        .sort("symbol", "at")
        .with_columns(
            is_regular=pl.col("at").is_between("opens_at", "closes_at", closed="right").fill_null(
                False
            ),
            tick=pl.col("symbol").replace_strict(tick_sizes).cast(pl.Float64),
        )
    )  # fmt: skip
    bits = [
        pl.when(holds.fill_null(False)).then(int(flag)).otherwise(0)
        for flag, holds in _tests().items()
    ]
    marked = known.with_columns(quality_flags=pl.sum_horizontal(bits))
    return marked.select(pl.col(name).cast(kind) for name, kind in FLAG_SCHEMA.items())


def flag_counts(flags: pl.DataFrame) -> dict[str, int]:
    """Return how many regular minutes have each flag that any has.

    >>> marks = {"is_regular": [True, True, False], "quality_flags": [1, 3, 16]}
    >>> flag_counts(pl.DataFrame(marks))
    {'gap': 2, 'stale': 1}
    """
    bits = flags.filter("is_regular")["quality_flags"]
    counts = {flag.name.lower(): int(((bits & int(flag)) > 0).sum()) for flag in Flag if flag.name}
    return {name: count for name, count in counts.items() if count}


def _tests() -> dict[Flag, pl.Expr]:
    of_session = ["contract", "session_date"]
    steps = pl.col("close") / pl.col("tick")
    same = [
        pl.col("close") == pl.col("close").shift(back).over(of_session)
        for back in range(1, FLAT_BARS)
    ]
    return {
        Flag.GAP: pl.col("is_open") & (pl.col("age_seconds") > 0).fill_null(True),
        Flag.STALE: pl.col("is_open") & pl.col("price").is_null(),
        Flag.FLAT: pl.col("is_regular") & pl.all_horizontal(same),
        Flag.ZERO_VOLUME: pl.col("volume") == 0,
        Flag.OUTLIER: pl.col("is_outlier"),
        Flag.BAD_TICK: pl.col("reason") == "bad_tick",
        Flag.ROLL: pl.col("is_rolled"),
        Flag.SHORTENED: pl.col("minutes") < FULL_SESSION_MINUTES,
        Flag.OFF_TICK: (steps - steps.round()).abs() > 1e-4,
    }


def _sessions(front: pl.DataFrame, calendar: TradingCalendar) -> pl.DataFrame:
    """Return, by symbol and session, its length and whether another contract leads than before."""
    before = pl.col("contract").shift(1).over("symbol")
    found = front.select("symbol", "session_date", "contract").unique().sort(pl.all())
    lengths = {
        day: None if (session := calendar.globex.on(day)) is None else session.minutes
        for day in found["session_date"].unique()
    }
    minutes = pl.col("session_date").replace_strict(lengths).cast(pl.Int64)
    return found.select(
        "symbol",
        "session_date",
        is_rolled=(pl.col("contract") != before).fill_null(False),
        minutes=minutes,
    )
