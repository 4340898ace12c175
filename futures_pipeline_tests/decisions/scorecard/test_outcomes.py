"""What followed a call: prices one could have had, and why there is none."""

import math
from datetime import date, timedelta

import polars as pl
import pytest

from futures_pipeline.decisions.scorecard.outcomes import outcomes
from futures_pipeline.domain.sessions import TradingCalendar, new_york
from futures_pipeline_tests.decisions.scorecard.market import DAY, GRADED_SCHEMA, bars, call, calls

OPEN = new_york(DAY, 9, 30)
# A cent a minute from 480.00 at the open.
WHOLE_DAY = bars(OPEN, [480 + minute / 100 for minute in range(391)])


def by_horizon(found: pl.DataFrame, column: str) -> dict[str, object]:
    return dict(found.select("horizon", column).iter_rows())


def test_a_premarket_call_enters_at_the_open(calendar: TradingCalendar) -> None:
    found = outcomes(calls(call(new_york(DAY, 9, 25))), WHOLE_DAY, calendar)
    assert found.schema == pl.Schema(GRADED_SCHEMA)
    assert by_horizon(found, "entry_price") == {"30m": 480.0, "60m": 480.0, "close": 480.0}
    assert by_horizon(found, "exit_price") == pytest.approx(
        {"30m": 480.30, "60m": 480.60, "close": 483.90}
    )
    assert by_horizon(found, "log_return")["close"] == pytest.approx(math.log(483.9 / 480))


def test_a_call_enters_at_the_first_price_after_it(calendar: TradingCalendar) -> None:
    """Ten seconds into 10:00 the next open is that of 10:01."""
    at = new_york(DAY, 10) + timedelta(seconds=10)
    found = outcomes(calls(call(at)), WHOLE_DAY, calendar).filter(horizon="30m")
    assert found["entry_price"].item() == pytest.approx(480.31)
    assert found["exit_price"].item() == pytest.approx(480.60)


def test_nothing_before_the_call_and_nothing_after_the_horizon_matters(
    calendar: TradingCalendar,
) -> None:
    at = new_york(DAY, 12)
    inside = WHOLE_DAY.filter(
        pl.col("ts_start") >= at, pl.col("ts_end") <= at + timedelta(minutes=30)
    )
    cut = outcomes(calls(call(at)), inside, calendar).filter(horizon="30m")
    whole = outcomes(calls(call(at)), WHOLE_DAY, calendar).filter(horizon="30m")
    assert cut.equals(whole)


def test_a_horizon_over_the_close_is_no_outcome(calendar: TradingCalendar) -> None:
    found = outcomes(calls(call(new_york(DAY, 15, 29))), WHOLE_DAY, calendar)
    assert by_horizon(found, "reason") == {
        "30m": None,
        "60m": "ends_after_the_close",
        "close": None,
    }
    assert by_horizon(found, "log_return")["60m"] is None


@pytest.mark.parametrize(
    ("day", "hour"), [(DAY, 16), (date(2025, 1, 18), 12), (date(2025, 1, 20), 12)]
)
def test_nothing_follows_a_call_of_a_shut_market(
    calendar: TradingCalendar, day: date, hour: int
) -> None:
    """After the close; on a Saturday before a holiday; on the holiday."""
    found = outcomes(calls(call(new_york(day, hour))), WHOLE_DAY, calendar)
    assert set(found["reason"]) == {"market_closed"}
    assert found["log_return"].null_count() == 3


def test_a_shortened_day_ends_at_one(calendar: TradingCalendar) -> None:
    friday = date(2025, 11, 28)
    prices = bars(new_york(friday, 9, 30), [480 + minute / 100 for minute in range(211)])
    found = outcomes(calls(call(new_york(friday, 12, 45))), prices, calendar)
    assert by_horizon(found, "reason")["30m"] == "ends_after_the_close"
    assert by_horizon(found, "exit_price")["close"] == pytest.approx(482.10)


def test_a_gap_is_a_reason_and_no_return(calendar: TradingCalendar) -> None:
    at = new_york(DAY, 12)
    no_entry = WHOLE_DAY.filter(~pl.col("ts_start").is_between(at, at + timedelta(minutes=5)))
    assert by_horizon(outcomes(calls(call(at)), no_entry, calendar), "reason") == dict.fromkeys(
        ("30m", "60m", "close"), "no_entry_price"
    )
    so_far = WHOLE_DAY.filter(pl.col("ts_end") <= at + timedelta(minutes=40))
    assert by_horizon(outcomes(calls(call(at)), so_far, calendar), "reason") == {
        "30m": None,
        "60m": "no_exit_price",
        "close": "no_exit_price",
    }


def test_a_call_in_the_last_minute_has_no_price_left(calendar: TradingCalendar) -> None:
    """The first open after 15:59:30 is that of 16:00, when the day is over."""
    longer = bars(OPEN, [480 + minute / 100 for minute in range(400)])
    found = outcomes(calls(call(new_york(DAY, 15, 59) + timedelta(seconds=30))), longer, calendar)
    assert by_horizon(found, "reason")["close"] == "no_entry_price"


def test_symbols_have_their_own_prices(calendar: TradingCalendar) -> None:
    qqq = bars(OPEN, [400 - minute / 100 for minute in range(391)], "QQQ")
    asked = calls(call(new_york(DAY, 12)), call(new_york(DAY, 12), symbol="QQQ"))
    found = outcomes(asked, pl.concat([WHOLE_DAY, qqq]), calendar).filter(horizon="30m")
    assert found.select("symbol", pl.col("log_return") > 0).rows() == [
        ("QQQ", False),
        ("SPY", True),
    ]


def test_no_call_has_no_outcome(calendar: TradingCalendar) -> None:
    assert outcomes(calls(), WHOLE_DAY, calendar).schema == pl.Schema(GRADED_SCHEMA)
