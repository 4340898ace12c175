"""What a session owes: the market's open minutes of the contracts that are collected in it."""

from datetime import date, timedelta

import polars as pl
import pytest

from futures_pipeline.analytics.expected_streams import STREAMS, expected_streams
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.domain.sessions import TradingCalendar, new_york

WEDNESDAY = date(2025, 1, 15)
NOTHING = pl.DataFrame(schema={"symbol": pl.String, "contract": pl.String, "expiry": pl.Date})


def expected(
    calendar: TradingCalendar,
    symbol: str,
    *days: date,
    seen: pl.DataFrame = NOTHING,
    override: str | None = None,
) -> pl.DataFrame:
    overrides = {symbol: override} if override else {}
    found = expected_streams([UNIVERSE[symbol]], days, seen, overrides, calendar)
    assert set(found["stream"]) <= set(STREAMS)
    return found.filter(stream="bars")


def minutes(found: pl.DataFrame) -> int:
    return int((found["closes_at"] - found["opens_at"]).dt.total_minutes().sum())


def contracts(found: pl.DataFrame) -> list[str]:
    return sorted(found["contract"].unique())


@pytest.mark.parametrize(
    ("symbol", "day", "owed"),
    [
        ("ES", WEDNESDAY, 23 * 60),
        ("SPY", WEDNESDAY, 120 + 780),  # the evening before, and 04:00 to 17:00
        ("VIX", WEDNESDAY, 390),
        ("SPY", date(2025, 1, 13), 780),  # a Monday has no evening before
        ("ES", date(2025, 11, 3), 23 * 60),  # the Monday after the clocks changed
        ("SPY", date(2025, 1, 9), 120),  # NYSE shut for the day of mourning, not the evening
        ("VIX", date(2025, 1, 9), 0),
        ("ES", date(2025, 1, 9), 15 * 60 + 30),
        ("ES", date(2025, 11, 28), 19 * 60 + 15),  # the day after Thanksgiving ends at 13:15
        ("SPY", date(2025, 11, 28), 555),  # Thursday evening NYSE is shut; 04:00 to 13:15
        ("ES", date(2025, 1, 18), 0),  # a Saturday
        ("BTC/USDT", WEDNESDAY, 24 * 60),  # with the pause before it
        ("BTC/USDT", date(2025, 1, 13), 3 * 24 * 60),  # from Friday's close to Monday's
        ("BTC/USDT", date(2025, 1, 9), 16 * 60 + 30),  # Globex closes early; pairs go on
        ("BTC/USDT", date(2025, 1, 10), (7 + 24) * 60 + 30),  # under the date of the day after
        ("BTC/USDT", date(2025, 1, 18), 0),
    ],
)
def test_every_open_minute_inside_the_globex_session_is_owed(
    calendar: TradingCalendar, symbol: str, day: date, owed: int
) -> None:
    assert minutes(expected(calendar, symbol, day)) == owed


def test_spans_are_utc_and_both_streams_owe_the_same(calendar: TradingCalendar) -> None:
    both = expected_streams([UNIVERSE["VIX"]], [WEDNESDAY], NOTHING, {}, calendar)

    open_, close = new_york(WEDNESDAY, 9, 30), new_york(WEDNESDAY, 16)
    assert both.rows() == [
        (WEDNESDAY, "VIX", "VIX", stream, open_, close) for stream in ("bars", "snapshots")
    ]


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2025, 3, 6), ["ESH5"]),
        (date(2025, 3, 7), ["ESH5", "ESM5"]),  # ten sessions before the 21st
        (date(2025, 3, 14), ["ESH5", "ESM5"]),
        (date(2025, 3, 17), ["ESM5"]),  # the Monday of expiry week
    ],
)
def test_contracts_of_which_nothing_came_are_owed_by_rule(
    calendar: TradingCalendar, day: date, due: list[str]
) -> None:
    assert contracts(expected(calendar, "ES", day)) == due


def test_the_brokers_expiry_overrules_the_rule(calendar: TradingCalendar) -> None:
    """A week earlier, the overlap begins a week earlier."""
    day, expiry = date(2025, 2, 28), date(2025, 3, 14)
    seen = pl.DataFrame([("ES", "ESH5", expiry)], schema=NOTHING.schema, orient="row")

    assert contracts(expected(calendar, "ES", day, seen=seen)) == ["ESH5", "ESM5"]
    assert contracts(expected(calendar, "NQ", day, seen=seen)) == ["NQH5"]


def test_rows_without_an_expiry_name_no_contract(calendar: TradingCalendar) -> None:
    seen = pl.DataFrame([("ES", "ESF5", None)], schema=NOTHING.schema, orient="row")
    assert contracts(expected(calendar, "ES", WEDNESDAY, seen=seen)) == ["ESH5"]


@pytest.mark.parametrize("contract", ["ESM5", "ESZ6"])
def test_the_configured_front_month_is_owed_however_far_ahead(
    calendar: TradingCalendar, contract: str
) -> None:
    assert contracts(expected(calendar, "ES", WEDNESDAY, override=contract)) == [contract]


def test_several_sessions_come_in_order_and_once(calendar: TradingCalendar) -> None:
    days = [WEDNESDAY, WEDNESDAY - timedelta(days=1), WEDNESDAY]
    found = expected(calendar, "ES", *days)
    assert found["session_date"].to_list() == [days[1], WEDNESDAY]
