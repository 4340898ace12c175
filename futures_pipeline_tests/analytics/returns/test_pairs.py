"""Two markets joined on time."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from futures_pipeline.analytics.returns.grid import grid_returns
from futures_pipeline.analytics.returns.pairs import (
    PAIR_SCHEMA,
    front_returns,
    paired_returns,
    regular_sessions,
)
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.analytics.frames import (
    WEDNESDAY,
    all_hours,
    each_minute,
    prices,
    stacked,
)

MINUTE = timedelta(minutes=1)
OPEN, CLOSE = new_york(WEDNESDAY, 9, 30), new_york(WEDNESDAY, 16)
HOLIDAY = date(2025, 1, 20)
SCHEDULE = pl.DataFrame({"symbol": ["ES"], "session_date": [WEDNESDAY], "contract": ["ESH5"]})


def paired(calendar: TradingCalendar, *frames: pl.DataFrame) -> pl.DataFrame:
    days = (WEDNESDAY, HOLIDAY)
    returns = grid_returns(stacked(frames), all_hours(calendar), calendar, days, 1)
    return paired_returns(front_returns(returns, SCHEDULE), "ES", "SPY")


def spot(*rows: tuple[object, float]) -> pl.DataFrame:
    return prices(*rows, symbol="SPY", contract="SPY")


def test_only_the_leading_contract_stands_for_its_symbol(calendar: TradingCalendar) -> None:
    near, far = (
        prices(*each_minute(OPEN, CLOSE, price), contract=contract)
        for price, contract in ((100.0, "ESH5"), (200.0, "ESM5"))
    )
    pairs = paired(calendar, near, far, spot(*each_minute(OPEN, CLOSE, 10.0)))
    assert pairs.schema == pl.Schema(PAIR_SCHEMA)
    assert pairs["contract_futures"].unique().to_list() == ["ESH5"]
    assert pairs["price_futures"].drop_nulls().unique().to_list() == [100.0]


def test_a_gap_removes_a_pair_and_shifts_nothing(calendar: TradingCalendar) -> None:
    random = np.random.default_rng(2)
    minutes = [(OPEN + n * MINUTE, 100 + random.normal()) for n in range(60)]
    holed = minutes[:20] + minutes[35:]
    pairs = paired(calendar, prices(*minutes), spot(*holed))
    both = pairs.drop_nulls(["return_futures", "return_spot"])
    late = both.filter(pl.col("at") > OPEN + 36 * MINUTE)
    assert late["return_futures"].to_list() == late["return_spot"].to_list()
    # Five minutes after its last price SPY is stale; its first new return is that of 10:06.
    missing = pairs.filter(pl.col("at").is_between(OPEN + 25 * MINUTE, OPEN + 35 * MINUTE))
    assert missing["reason"].to_list() == ["spot_stale_price"] * 10 + ["spot_stale_earlier_price"]


def test_regular_sessions_hold_the_minutes_from_the_open(calendar: TradingCalendar) -> None:
    """The holiday, on which NYSE is shut, is left out."""
    legs = [
        stacked(
            make(*((new_york(day, 9) + n * MINUTE, base + n) for n in range(500)))
            for day in (WEDNESDAY, HOLIDAY)
        )
        for make, base in ((prices, 100.0), (spot, 10.0))
    ]
    sessions = regular_sessions(paired(calendar, *legs), calendar)
    assert sessions.dates == (WEDNESDAY,)
    assert sessions.expected_minutes == (390,)
    assert sessions.futures.shape == (1, 391)
    np.testing.assert_allclose(np.exp(sessions.futures[0, [0, 1, 390]]), [130.0, 131.0, 520.0])
    futures, spots = sessions.returns()
    np.testing.assert_allclose(futures[0, 0], np.log(131 / 130))
    np.testing.assert_allclose(spots[0, -1], np.log(430 / 429))


def test_a_session_is_valid_with_four_fifths_of_its_minutes(calendar: TradingCalendar) -> None:
    whole = each_minute(OPEN, CLOSE, 100.0)
    for minutes, count in ((330, 1), (300, 0)):
        pairs = paired(calendar, prices(*whole), spot(*whole[:minutes]))
        assert len(regular_sessions(pairs, calendar).valid()) == count
