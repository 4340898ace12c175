"""The frames against a slow loop with the scalar calendar; no look-ahead; speed."""

import os
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from futures_pipeline.analytics.changes import (
    ChangeSettings,
    change_metrics,
    reference_prices,
)
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.analytics.frames import (
    BAR_SCHEMA,
    all_hours,
    prices,
    snapshots,
    stacked,
)
from futures_pipeline_tests.analytics.obvious_changes import obvious_changes, session_date

CALENDAR = load_calendar(date(2024, 1, 1), date(2025, 12, 31))
RECORDED = Path(
    os.environ.get("FUTURES_PIPELINE_RECORDED_DATA")
    or Path(__file__).resolve().parents[3] / "shared" / "data"
)
MODES = [ChangeSettings(), ChangeSettings(mode="literal")]
# The Friday before MLK day 2025 to the Wednesday after: a weekend and an early close.
LONG_WEEKEND = (new_york(date(2025, 1, 16), 18), new_york(date(2025, 1, 22), 20))
# The mourning day and the clock change, which random moments would rarely meet.
SPANS = [
    LONG_WEEKEND,
    (new_york(date(2025, 1, 7), 15), new_york(date(2025, 1, 13), 20)),
    (new_york(date(2025, 3, 6), 15), new_york(date(2025, 3, 11), 20)),
    (new_york(date(2024, 11, 27), 9), new_york(date(2024, 12, 3), 20)),
]
CONTRACTS = [("ES", "ESH5"), ("ES", "ESM5"), ("SPY", "SPY"), ("VIX", "VIX")]


def random_prices(seed: int, count: int, span: tuple[datetime, datetime]) -> pl.DataFrame:
    """Observations of every contract at random moments of a span; one in ten without price,
    half of those because they are not live.

    A third lies on quarter hours, so that targets, anchors and opens are met exactly.
    """
    random = np.random.default_rng(seed)
    seconds = int((span[1] - span[0]).total_seconds())
    parts = []
    for symbol, contract in CONTRACTS:
        offsets = random.integers(0, seconds, count)
        on_grid = random.random(count) < 1 / 3
        offsets = np.unique(np.where(on_grid, offsets // 900 * 900, offsets))
        levels = 100 + random.normal(size=len(offsets)).cumsum()
        unknown = random.random(len(offsets)) < 0.1
        rows = [
            (span[0] + timedelta(seconds=int(offset)), None if missing else float(level))
            for offset, level, missing in zip(offsets, levels, unknown, strict=True)
        ]
        part = prices(*rows, symbol=symbol, contract=contract)
        delayed = pl.Series(random.random(len(offsets)) < 0.5) & pl.Series(unknown)
        reason = pl.when(delayed).then(pl.lit("not_live")).alias("price_reason")
        parts.append(part.with_columns(reason))
    return stacked(parts)


def sessions_of(frame: pl.DataFrame) -> list[date]:
    moments = frame["timestamp"].to_list()
    return sorted({session_date(at, CALENDAR) for at in moments})


def assert_as_obvious(frame: pl.DataFrame, days: list[date], chosen: ChangeSettings) -> None:
    hours = all_hours(CALENDAR)
    changes = change_metrics(frame, hours, CALENDAR, days, chosen)
    rows = list(obvious_changes(frame, hours, CALENDAR, days, chosen))
    names = [name for name in changes.columns if name != "price_source"]
    expected = pl.DataFrame(rows, schema={name: changes.schema[name] for name in names})
    assert_frame_equal(changes.select(names), expected, rel_tol=0, abs_tol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 120),
    st.sampled_from(SPANS),
    st.sampled_from(MODES),
)
def test_random_sparse_prices(
    seed: int, count: int, span: tuple[datetime, datetime], chosen: ChangeSettings
) -> None:
    frame = random_prices(seed, count, span)
    days = sessions_of(frame)
    assert_as_obvious(frame, days, chosen)
    assert_as_obvious(frame, days[1::2], chosen)


@pytest.mark.parametrize("chosen", MODES, ids=lambda chosen: chosen.mode)
def test_random_dense_prices_meet_every_reason(chosen: ChangeSettings) -> None:
    frame = random_prices(11, 900, LONG_WEEKEND)
    days = sessions_of(frame)
    assert_as_obvious(frame, days, chosen)
    changes = change_metrics(frame, all_hours(CALENDAR), CALENDAR, days, chosen)
    for metric in ("1h", "4h", "overnight", "daily"):
        assert {
            None,
            "not_live",
            "no_price",
            "no_observation_before",
            "stale_observation",
        } == set(changes[f"reason_{metric}"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from(MODES))
def test_nothing_after_a_moment_changes_its_row(
    seed: int, cut: int, chosen: ChangeSettings
) -> None:
    """Rows up to ``now`` are the same to the bit when the future is moved, emptied or gone."""
    frame = random_prices(seed, 100, LONG_WEEKEND)
    days = sessions_of(frame)
    now = frame["timestamp"].sort()[min(cut, frame.height - 1)]
    is_past = pl.col("timestamp") <= now
    hours = all_hours(CALENDAR)

    def past_rows(changed: pl.DataFrame) -> pl.DataFrame:
        return change_metrics(changed, hours, CALENDAR, days, chosen).filter(is_past)

    expected = past_rows(frame)
    assert expected.height == frame.filter(is_past).height
    price = pl.col("price")
    for future in (
        frame.with_columns(pl.when(is_past).then(price).otherwise(price * 7 + 1)),
        frame.with_columns(pl.when(is_past).then(price)),
        frame.filter(is_past),
    ):
        assert_frame_equal(past_rows(future), expected, check_exact=True)


@pytest.mark.parametrize("chosen", MODES, ids=lambda chosen: chosen.mode)
def test_recorded_es_and_spy(chosen: ChangeSettings) -> None:
    days = [date(2025, 1, 21), date(2025, 1, 22), date(2025, 1, 23)]
    frame = recorded_prices(new_york(date(2025, 1, 17), 9), new_york(days[-1], 20))
    assert_as_obvious(frame, days, chosen)
    changes = change_metrics(frame, all_hours(CALENDAR), CALENDAR, days, chosen)
    futures = changes.filter((pl.col("symbol") == "ES") & (pl.col("reason_daily").is_null()))
    assert futures.height > 4000
    # Scale of real minutes: the S&P 500 moved, and by less than 5 % in a day.
    assert 0.001 < futures["return_daily"].abs().to_numpy().max() < 0.05


def recorded_prices(start: datetime, end: datetime) -> pl.DataFrame:
    parts = []
    for name, contract in (
        ("es_front_1m_2024_2025.parquet", pl.col("contract")),
        ("spy_1m_2024_2025.parquet", pl.lit("SPY")),
    ):
        path = RECORDED / name
        if not path.exists():
            pytest.skip(f"recorded data is absent: no {name} in FUTURES_PIPELINE_RECORDED_DATA")
        ts_end = pl.col("ts_utc") + pl.duration(minutes=1)
        part = pl.scan_parquet(path).filter(ts_end.is_between(start, end))
        parts.append(
            part.select(
                "symbol",
                contract.alias("contract"),
                ts_end.alias("ts_end"),
                "close",
                source=pl.lit("history"),
                data_type=pl.lit(None),
            )
            .collect()
            .cast(pl.Schema(BAR_SCHEMA))
        )
    return reference_prices(snapshots(), stacked(parts), {})


def test_a_session_of_seven_symbols_takes_a_fraction_of_a_second(
    calendar: TradingCalendar,
) -> None:
    """Bounds are far above what two cores need (0.07 s and 0.2 s): they catch loops over rows."""
    sessions = calendar.globex.between(date(2025, 1, 2), date(2025, 2, 6))[-25:]
    minutes = [
        session.opens_at + timedelta(minutes=minute)
        for session in sessions
        for minute in range(session.minutes)
    ]
    one = prices(*((at, 100.0) for at in minutes))
    hours = all_hours(calendar)
    frame = stacked(
        one.with_columns(symbol=pl.lit(symbol), contract=pl.lit(symbol)) for symbol in hours
    )
    days = [session.session_date for session in sessions]
    recent = frame.filter(pl.col("timestamp") >= sessions[-5].opens_at)
    for history, wanted, limit_seconds in ((recent, days[-1:], 2.0), (frame, days, 6.0)):
        started = time.perf_counter()
        changes = change_metrics(history, hours, calendar, wanted)
        seconds = time.perf_counter() - started
        assert changes.height >= 7 * 1380 * (len(wanted) - 1)
        assert seconds < limit_seconds
