"""What a fault is, and the hours in which faults are looked for."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from futures_pipeline.analytics.market_time import UTC_TIME
from futures_pipeline.domain.sessions import Timetable

# ``subject``: a contract, a symbol or a pair; ``measured``: the number that is wrong, in the
# unit that ``says`` names.
FINDINGS: Mapping[str, pl.DataType] = {
    "session_date": pl.Date(),
    "subject": pl.String(),
    "measured": pl.Float64(),
    "says": pl.String(),
}


def as_findings(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of ``FINDINGS``, ascending by session and subject."""
    columns = (pl.col(name).cast(dtype) for name, dtype in FINDINGS.items())
    return rows.select(columns).sort("session_date", "subject")


def regular_hours(regular: Timetable, session_dates: Sequence[date]) -> pl.DataFrame:
    """Return ``session_date``, ``opens_at`` and ``closes_at`` (UTC) of the days it opens on."""
    sessions = [session for day in session_dates if (session := regular.on(day)) is not None]
    return pl.DataFrame(
        [(each.session_date, each.opens_at, each.closes_at) for each in sessions],
        schema={"session_date": pl.Date(), "opens_at": UTC_TIME, "closes_at": UTC_TIME},
        orient="row",
    )


def within(rows: pl.DataFrame, at: str, hours: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose time ``at`` lies in ``(opens_at, closes_at]``, with both columns."""
    joined = rows.join(hours, on="session_date")
    return joined.filter(pl.col(at) > pl.col("opens_at"), pl.col(at) <= pl.col("closes_at"))


def most_traded(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of each symbol's contract with the greatest ``volume`` in a session."""
    of_contract = ["session_date", "symbol", "contract"]
    volumes = rows.group_by(of_contract).agg(pl.col("volume").fill_null(0.0).max())
    best = volumes.sort("volume", "contract", descending=[True, False])
    fronts = best.unique(["session_date", "symbol"], keep="first", maintain_order=True)
    return rows.join(fronts.select(of_contract), on=of_contract, how="semi")
