"""Which options exist on a day, and how a request finds them."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.simulator.options.chain import (
    Board,
    all_strikes,
    expiries,
    find,
    is_option,
    option_listing,
    strikes,
)
from futures_pipeline.simulator.protocol.wire import ContractQuery

REGULAR = load_calendar(date(2010, 1, 1), date(2027, 12, 31)).regular
TODAY = date(2025, 1, 15)
BOARD = Board(TODAY, REGULAR, {"SPY": 586.0, "IWM": 221.0})


def query(**values: object) -> ContractQuery:
    """Return a contract block as a client sends it for SPY's options."""
    block = {
        "con_id": 0,
        "symbol": "SPY",
        "sec_type": "OPT",
        "expiry": "20250221",
        "exchange": "SMART",
        "primary_exchange": "",
        "currency": "USD",
        "local_symbol": "",
        "trading_class": "SPY",
    }
    return ContractQuery(**{**block, **values})  # type: ignore[arg-type]


def test_the_near_expiries_are_daily_then_weekly_then_monthly() -> None:
    found = expiries("SPY", TODAY, REGULAR)

    # Monday 20 January is a holiday, 31 January and 28 February are month ends and Fridays.
    assert [f"{day:%m-%d}" for day in found[:14]] == [
        *("01-15", "01-16", "01-17", "01-21", "01-22", "01-23"),
        *("01-24", "01-31", "02-07", "02-14", "02-21", "02-28", "03-21", "03-31"),
    ]
    assert found[14:16] == (date(2025, 4, 17), date(2025, 5, 16))


def test_a_third_friday_without_trading_moves_to_the_day_before() -> None:
    """18 April 2025 is Good Friday."""
    assert date(2025, 4, 17) in expiries("IWM", TODAY, REGULAR)
    assert date(2025, 4, 18) not in expiries("IWM", TODAY, REGULAR)


def test_the_day_of_mourning_is_no_expiry() -> None:
    """NYSE was shut on Thursday 9 January 2025."""
    assert date(2025, 1, 9) not in expiries("SPY", date(2025, 1, 6), REGULAR)


def test_small_month_ends_are_no_expiry_of_iwm() -> None:
    february, april_end = date(2025, 2, 18), date(2025, 4, 30)
    assert april_end in expiries("QQQ", february, REGULAR)
    assert april_end not in expiries("IWM", february, REGULAR)
    assert date(2025, 3, 31) in expiries("IWM", february, REGULAR)


@given(st.dates(date(2010, 1, 4), date(2026, 1, 1)), st.sampled_from(["SPY", "QQQ", "IWM"]))
def test_expiries_are_sessions_from_today_on(today: date, symbol: str) -> None:
    found = expiries(symbol, today, REGULAR)

    assert all(a < b for a, b in pairwise(found))
    assert found[0] >= today
    assert all(REGULAR.on(day) for day in found)
    # There is always something about 30 days ahead to interpolate between.
    ahead = [(day - today).days for day in found]
    assert any(20 <= days <= 30 for days in ahead)
    assert any(30 <= days <= 45 for days in ahead)


def test_strikes_are_a_dollar_apart_near_the_money_and_five_beyond() -> None:
    found = strikes(586.0, 30)

    assert {b - a for a, b in pairwise(found) if 540 < a < 630} == {1.0}
    assert {b - a for a, b in pairwise(found) if a < 500 or a > 640} == {5.0}


def test_not_every_expiry_has_every_strike() -> None:
    assert 587.0 in all_strikes("SPY", BOARD)
    assert find(query(expiry="20250221", strike=587.0), BOARD) != []
    assert find(query(expiry="20250620", strike=587.0), BOARD) == []


def test_local_symbols_are_occs() -> None:
    """OCC's 21 characters, as in the captures of the real broker."""
    listing = option_listing("SPY", date(2024, 11, 15), 540.0, "C")
    assert listing.local_symbol == "SPY   241115C00540000"
    assert option_listing("IWM", TODAY, 221.5, "P").local_symbol == "IWM   250115P00221500"


def test_a_request_without_strike_or_right_finds_the_whole_expiry() -> None:
    found = find(query(), BOARD)

    assert len(found) == 2 * len(strikes(586.0, 37))
    assert {(listing.last_trade, listing.right) for listing in found} == {
        (date(2025, 2, 21), "C"),
        (date(2025, 2, 21), "P"),
    }


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"strike": 590.0, "right": "C"}, ["SPY   250221C00590000"]),
        ({"strike": 590.0}, ["SPY   250221C00590000", "SPY   250221P00590000"]),
        ({"strike": 590.0, "right": "P", "exchange": "CBOE"}, ["SPY   250221P00590000"]),
        ({"strike": 590.25}, []),
        ({"exchange": "CME"}, []),
        ({"trading_class": "2SPY"}, []),
        ({"multiplier": "10"}, []),
        ({"expiry": "20250222"}, []),
        ({"expiry": "20250114"}, []),
        ({"symbol": "QQQ", "trading_class": ""}, []),
        ({"local_symbol": "SPY   250221C00590000", "expiry": ""}, ["SPY   250221C00590000"]),
        ({"local_symbol": "SPY   250222C00590000"}, []),
        ({"local_symbol": "NONSENSE"}, []),
        ({"con_id": 4711}, []),
        ({"con_id": 2_000_000_000}, []),
    ],
)
def test_what_a_request_finds(values: dict[str, object], names: list[str]) -> None:
    found = [listing.local_symbol for listing in find(query(**values), BOARD)]
    assert found == names


@given(
    st.sampled_from(["SPY", "QQQ", "IWM"]),
    st.dates(date(2010, 1, 1), date(2050, 1, 1)),
    st.integers(1, 4000),
    st.sampled_from("CP"),
)
def test_ids_are_unique_stable_and_fit_in_32_bits(
    symbol: str, expiry: date, half_dollars: int, right: str
) -> None:
    """Whoever has an id finds exactly the option it was given for."""
    listing = option_listing(symbol, expiry, half_dollars / 2, right)
    others = {
        option_listing(symbol, expiry, half_dollars / 2, other).con_id for other in ("C", "P")
    }
    others.add(option_listing(symbol, expiry, half_dollars / 2 + 0.5, right).con_id)

    assert len(others) == 3
    assert listing.con_id < 2**31
    assert is_option(query(con_id=listing.con_id, sec_type="", symbol=""))


def test_an_id_alone_finds_its_option() -> None:
    listing = find(query(strike=590.0, right="P"), BOARD)[0]
    block = query(con_id=listing.con_id, symbol="", sec_type="", expiry="", trading_class="")

    assert find(block, BOARD) == [listing]
