"""Real contracts joined across their rolls; skipped where the recorded data is absent."""

import math
import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from futures_pipeline.analytics.continuous import continuous, roll_table
from futures_pipeline.analytics.rolls import front_month_schedule, session_volumes
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import FuturesContract, volume_rule
from futures_pipeline_tests.analytics.frames import MINUTE

CALENDAR = load_calendar(date(2024, 1, 1), date(2025, 12, 31))
RECORDED = Path(
    os.environ.get("FUTURES_PIPELINE_RECORDED_DATA")
    or Path(__file__).resolve().parents[3] / "shared" / "data"
)
EXPIRIES = {
    "ESZ4": date(2024, 12, 20),
    "ESH5": date(2025, 3, 21),
    "ESM5": date(2025, 6, 20),
    "ESU5": date(2025, 9, 19),
}
LISTED = [FuturesContract(expiry, "ES", name, 1) for name, expiry in EXPIRIES.items()]
MONDAY = date(2025, 3, 17)


def test_recorded_contracts_of_half_a_year() -> None:
    """ESZ4 to ESH5 on 16 December 2024; the March roll falls in a hole of the recording."""
    rows = recorded()
    schedule = front_month_schedule(rows, LISTED)
    december, march = roll_table(rows, schedule, CALENDAR).to_dicts()
    assert (december["old_contract"], december["new_contract"]) == ("ESZ4", "ESH5")
    assert (december["session_date"], december["reason"]) == (date(2024, 12, 16), None)
    # Three months of interest less dividends, some 3 % a year.
    assert 1.005 < december["ratio"] < 1.015
    assert (march["session_date"], march["reason"]) == (MONDAY, "no_price_at_anchor")
    # Until Friday ESH5 traded a third of ESZ4, so volume rolls with the calendar here.
    by_volume = front_month_schedule(
        rows, LISTED, volume_rule(CALENDAR.globex, session_volumes(rows))
    )
    assert by_volume.equals(schedule)
    half = rows.filter(pl.col("session_date") < MONDAY)
    series = continuous(half, front_month_schedule(half, LISTED), CALENDAR)
    assert set(series["contract"]) == {"ESZ4", "ESH5"}
    assert series["adjusted_close"].null_count() == 0
    own = series.filter(~pl.col("is_roll")).select(
        pl.col("log_return") - pl.col("adjusted_close").log().diff().over("contract")
    )
    assert own.to_series().abs().max() < 1e-12
    # The first return of ESH5 spans the hole in the recording, in ESH5 alone.
    (first,) = series.filter("is_roll").to_dicts()
    its_past = rows.filter(pl.col("contract") == "ESH5", pl.col("ts_end") < first["ts_end"])
    before = its_past.sort("ts_end")["close"].to_list()[-1]
    assert first["session_date"] == date(2024, 12, 23)
    assert first["log_return"] == pytest.approx(math.log(first["close"] / before))
    whole = continuous(rows, schedule, CALENDAR)
    assert whole.filter(contract="ESH5")["adjusted_close"].null_count() > 70_000
    assert whole.filter(contract="ESM5")["adjusted_close"].null_count() == 0


def recorded() -> pl.DataFrame:
    path = RECORDED / "es_contracts_1m_2024_2025.parquet"
    if not path.exists():
        pytest.skip(f"recorded data is absent: no {path.name} in FUTURES_PIPELINE_RECORDED_DATA")
    wanted = pl.col("symbol").is_in(list(EXPIRIES))
    source = pl.read_parquet(path).filter(wanted).rename({"symbol": "contract"})
    sessions = pl.DataFrame(
        [(s.session_date, s.opens_at, s.closes_at) for s in CALENDAR.globex.sessions],
        schema={
            "session_date": pl.Date,
            "opens_at": source["ts_utc"].dtype,
            "until": source["ts_utc"].dtype,
        },
        orient="row",
    )
    labelled = source.sort("ts_utc").join_asof(sessions, left_on="ts_utc", right_on="opens_at")
    return labelled.with_columns(
        symbol=pl.lit("ES"),
        ts_start=pl.col("ts_utc"),
        ts_end=pl.col("ts_utc") + MINUTE,
        volume=pl.col("volume").cast(pl.Float64),
        source=pl.lit("history"),
        data_type=pl.lit(None, pl.String),
    )
