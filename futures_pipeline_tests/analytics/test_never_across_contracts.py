"""No number is computed of two contracts: from rows as collected to changes and joined bars.

ESM5 stands 1,000 points above ESH5 here, and neither moves more than 20: a number that holds
any of both would stand out.
"""

from datetime import date, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from futures_pipeline.analytics.changes import METRICS, ChangeSettings, change_metrics
from futures_pipeline.analytics.continuous import continuous
from futures_pipeline.analytics.reference_prices import reference_prices
from futures_pipeline.analytics.rolls import front_month_schedule, session_volumes
from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.domain.contracts import FuturesContract, calendar_roll, volume_rule
from futures_pipeline.domain.sessions import new_york
from futures_pipeline_tests.analytics.frames import all_hours, snapshots, stacked, stored_bars

CALENDAR = load_calendar(date(2025, 1, 2), date(2025, 12, 31))
LISTED = [
    FuturesContract(date(2025, 3, 21), "ES", "ESH5", 1),
    FuturesContract(date(2025, 6, 20), "ES", "ESM5", 2),
]
LEVELS = {"ESH5": 5600.0, "ESM5": 6600.0}
MOST_POINTS = 20.0
MOST_RETURN = MOST_POINTS / 5600.0
# From Wednesday of the overlap to Wednesday of expiry week, over the roll on Sunday evening.
START, END = new_york(date(2025, 3, 12), 10), new_york(date(2025, 3, 19), 16)
DAYS = [
    session.session_date
    for session in CALENDAR.globex.between(date(2025, 3, 12), date(2025, 3, 20))
]
STEP = timedelta(minutes=30)

Row = tuple[int, str, float, str]
ROWS = st.lists(
    st.tuples(
        st.integers(0, (END - START) // STEP),
        st.sampled_from(list(LEVELS)),
        st.floats(0.0, MOST_POINTS),
        st.sampled_from(["live", "live", "live", "delayed", "frozen"]),
    ),
    max_size=150,
    unique_by=lambda row: row[:2],  # as the tables are
)
OVERRIDES = st.sampled_from([{}, {"ES": "ESH5"}, {"ES": "ESM5"}])
MODES = st.sampled_from([ChangeSettings(), ChangeSettings(mode="literal")])


def quotes(rows: list[Row]) -> pl.DataFrame:
    """Snapshots with a fresh last; what is not live is priced at 1 point."""
    return snapshots(
        *(
            {"contract": name, "timestamp": at, "last": price, "last_at": at, "data_type": kind}
            for at, name, price, kind in map(observed, rows)
        )
    )


def minute_bars(rows: list[Row]) -> pl.DataFrame:
    """Bars of the stream."""
    parts = [
        stored_bars(CALENDAR, (name, at, price), source="realtime", data_type=kind)
        for at, name, price, kind in map(observed, rows)
    ]
    return stacked([stored_bars(CALENDAR), *parts])


def observed(row: Row) -> tuple[datetime, str, float, str]:
    step, name, above, kind = row
    price = LEVELS[name] + above if kind == "live" else 1.0
    return START + step * STEP, name, price, kind


def changes(shots: list[Row], bars: list[Row], chosen: ChangeSettings) -> pl.DataFrame:
    prices = reference_prices(quotes(shots), minute_bars(bars), {"ES": 0.25})
    return change_metrics(prices, all_hours(CALENDAR), CALENDAR, DAYS, chosen)


@settings(deadline=None, max_examples=60)
@given(ROWS, ROWS, MODES)
def test_no_change_holds_two_contracts(
    shots: list[Row], bars: list[Row], chosen: ChangeSettings
) -> None:
    """Interleaved, each contract has the changes it has alone, to the bit."""
    found = changes(shots, bars, chosen)
    for metric in METRICS:
        assert found[f"change_{metric}"].abs().fill_null(0.0).le(MOST_POINTS).all()
        assert found[f"return_{metric}"].abs().fill_null(0.0).le(MOST_RETURN).all()
    for name in LEVELS:
        own = [[row for row in rows if row[1] == name] for rows in (shots, bars)]
        assert_frame_equal(
            found.filter(contract=name), changes(own[0], own[1], chosen), check_exact=True
        )


@settings(deadline=None, max_examples=60)
@given(ROWS, OVERRIDES, st.booleans())
def test_no_return_of_the_joined_series_holds_two_contracts(
    rows: list[Row], overrides: dict[str, str], by_volume: bool
) -> None:
    """By every rule and override: rolls move, returns stay those of one contract."""
    bars = minute_bars(rows)
    traded = session_volumes(bars)
    rule = volume_rule(CALENDAR.globex, traded) if by_volume else calendar_roll
    schedule = front_month_schedule(bars, LISTED, rule, overrides)
    series = continuous(bars, schedule, CALENDAR, "none")
    returns = series["log_return"].drop_nulls()
    assert returns.abs().le(MOST_RETURN).all()
    assert schedule.select("symbol", "session_date").is_unique().all()
    led = series.group_by("session_date").agg(pl.col("contract").n_unique())["contract"]
    assert set(led) <= {1}
    assert series["close"].ge(min(LEVELS.values())).all()  # none that is not live
