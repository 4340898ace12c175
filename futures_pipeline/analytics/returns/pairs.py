"""Two markets on one grid: their returns joined on time, and their regular sessions as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from futures_pipeline.analytics.kernels.compiled import Booleans, Floats
from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.domain.sessions import TradingCalendar

MICROSECONDS_A_MINUTE = 60_000_000

PAIR_SCHEMA: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "at": UTC_TIME,
    "contract_futures": pl.String(),
    "contract_spot": pl.String(),
    "price_futures": pl.Float64(),
    "price_spot": pl.Float64(),
    "return_futures": pl.Float64(),
    "return_spot": pl.Float64(),
    "both_open": pl.Boolean(),
    "is_undone": pl.Boolean(),
    "reason": pl.String(),
}


@dataclass(frozen=True, slots=True)
class RegularSessions:
    """The regular hours of a pair on one-minute points; a row is a session, ascending by date.

    ``futures`` and ``spot`` are log prices at 09:30, 09:31, ... New York; NaN where unknown
    or stale, and beyond the close of a shortened session. ``expected_minutes`` is how many
    minutes each session has.
    """

    dates: tuple[date, ...]
    futures: Floats
    spot: Floats
    expected_minutes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.dates)

    def returns(self) -> tuple[Floats, Floats]:
        """Return the one-minute log returns of futures and spot (column 0 ends at 09:31)."""
        return np.diff(self.futures, axis=1), np.diff(self.spot, axis=1)

    def valid(self, least_share: float = 0.8) -> "RegularSessions":
        """Return the sessions in which both legs have enough of the expected minutes.

        Source: QUANT_SPEC 5.1.
        """
        futures, spot = self.returns()
        known = np.minimum(np.sum(~np.isnan(futures), axis=1), np.sum(~np.isnan(spot), axis=1))
        return self.where(known >= least_share * np.array(self.expected_minutes))

    def where(self, keep: Booleans) -> "RegularSessions":
        """Return some of the sessions."""
        chosen = np.flatnonzero(keep).tolist()
        return RegularSessions(
            tuple(self.dates[i] for i in chosen),
            self.futures[chosen],
            self.spot[chosen],
            tuple(self.expected_minutes[i] for i in chosen),
        )


def front_returns(returns: pl.DataFrame, schedule: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ``grid_returns`` whose contract stands for its symbol.

    ``schedule`` is a ``front_month_schedule``; a symbol that is not in it (an ETF, an index, a
    coin) is its own contract.
    """
    leads = schedule.select("symbol", "session_date", "contract")
    scheduled = pl.col("symbol").is_in(schedule["symbol"].unique().to_list())
    fronts = returns.filter(scheduled).join(
        leads, on=["symbol", "session_date", "contract"], how="semi"
    )
    alone = returns.filter(~scheduled, pl.col("contract") == pl.col("symbol"))
    return pl.concat([fronts, alone]).sort("symbol", "at")


def paired_returns(front: pl.DataFrame, futures_symbol: str, spot_symbol: str) -> pl.DataFrame:
    """Join the returns of two symbols on time.

    Args:
        front: ``front_returns``, unique by symbol and ``at``.
        futures_symbol: the leg that is taken to lead where a sign is asked.
        spot_symbol: the other leg.

    Returns:
        ``PAIR_SCHEMA``, ascending by ``at``: a row for each grid point of the sessions in
        which both were observed. ``price_*``: price units, null when unknown or stale.
        ``reason`` is null where both returns are known, else which leg's is not and why, as
        ``spot_stale_price``. ``both_open``: neither market was shut within the interval.
        ``is_undone``: the next return of a leg takes this one back, so it was a bad tick;
        known one return later only.
    """
    legs = [
        front.filter(symbol=symbol).select(
            "session_date",
            "at",
            pl.col("contract").alias(f"contract_{leg}"),
            pl.col("price").alias(f"price_{leg}"),
            pl.col("log_return").alias(f"return_{leg}"),
            pl.col("is_open").alias(f"open_{leg}"),
            pl.col("is_undone").alias(f"undone_{leg}"),
            (pl.lit(f"{leg}_") + pl.col("reason")).alias(f"reason_{leg}"),
        )
        for leg, symbol in (("futures", futures_symbol), ("spot", spot_symbol))
    ]
    joined = legs[0].join(legs[1], on=["session_date", "at"])
    return (
        joined.with_columns(
            both_open=pl.col("open_futures") & pl.col("open_spot"),
            is_undone=pl.col("undone_futures") | pl.col("undone_spot"),
            reason=pl.coalesce("reason_futures", "reason_spot"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in PAIR_SCHEMA.items())
        .sort("at")
    )


def regular_sessions(pairs: pl.DataFrame, calendar: TradingCalendar) -> RegularSessions:
    """Return the NYSE hours of a one-minute pair as arrays.

    ``pairs``: ``paired_returns`` of one-minute returns. A session date on which NYSE stays
    shut is left out; so is a price that the next minute shows to be a bad tick.
    """
    days = pairs["session_date"].unique().sort().to_list()
    regular = [session for day in days if (session := calendar.regular.on(day)) is not None]
    minutes = [session.minutes for session in regular]
    width = max(minutes, default=0) + 1
    table = pl.DataFrame(
        {
            "session_date": [session.session_date for session in regular],
            "opens": [session.opens_at for session in regular],
            "minutes": minutes,
        },
        schema={"session_date": pl.Date(), "opens": UTC_TIME, "minutes": pl.Int64()},
    ).with_row_index("row")
    offset = (pl.col("at") - pl.col("opens")).dt.total_microseconds() // MICROSECONDS_A_MINUTE
    placed = (
        pairs.join(table, on="session_date")
        .with_columns(minute=offset)
        .filter(pl.col("minute").is_between(0, pl.col("minutes")))
    )
    where = (placed["row"].to_numpy(), placed["minute"].to_numpy())
    legs = []
    for leg in ("futures", "spot"):
        log_prices = np.full((len(regular), width), np.nan)
        price = pl.when(~pl.col("is_undone")).then(f"price_{leg}")
        log_prices[where] = placed.select(price).to_series().log().cast(pl.Float64).to_numpy()
        legs.append(log_prices)
    return RegularSessions(
        tuple(session.session_date for session in regular), legs[0], legs[1], tuple(minutes)
    )
