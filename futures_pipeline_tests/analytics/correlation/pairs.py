"""Pairs of returns for the tests of correlation tables."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from futures_pipeline.analytics.returns.pairs import PAIR_SCHEMA
from futures_pipeline.domain.sessions import TradingCalendar

DAYS = (date(2025, 1, 10), date(2025, 3, 14))


def pair_frame(
    calendar: TradingCalendar, sessions: int, rho: float, seed: int = 1, minutes: int = 1
) -> pl.DataFrame:
    """Random returns on the grid of whole sessions, both markets open throughout."""
    chosen = calendar.globex.between(*DAYS)[:sessions]
    rows: list[tuple[date, datetime]] = []
    for session in chosen:
        count = session.minutes // minutes
        rows += [
            (session.session_date, session.opens_at + timedelta(minutes=minutes * (n + 1)))
            for n in range(count)
        ]
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, len(rows))) * 1e-4
    futures, spot = a, rho * a + np.sqrt(1 - rho**2) * b
    days = pl.Series([row[0] for row in rows], dtype=pl.Date)
    return pl.DataFrame(
        {
            "session_date": days,
            "at": pl.Series([row[1] for row in rows], dtype=PAIR_SCHEMA["at"]),
            "contract_futures": "ESH5",
            "contract_spot": "SPY",
            "price_futures": 6000 * np.exp(np.cumsum(futures)),
            "price_spot": 600 * np.exp(np.cumsum(spot)),
            "return_futures": futures,
            "return_spot": spot,
            "both_open": True,
            "is_undone": False,
            "reason": None,
        },
        schema=dict(PAIR_SCHEMA),
    )


def session_dates(pairs: pl.DataFrame) -> list[date]:
    return pairs["session_date"].unique().sort().to_list()


def changed_after(pairs: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """The same rows up to a moment, others after it."""
    later = pl.col("at") > moment
    numbers = ("return_futures", "return_spot", "price_futures", "price_spot")
    return pairs.with_columns(
        *(
            pl.when(later).then(pl.col(name) * -3.7 + 1.0).otherwise(name).alias(name)
            for name in numbers
        ),
        both_open=pl.when(later & (pl.col("at").dt.minute() % 7 == 0))
        .then(False)
        .otherwise("both_open"),
    )
