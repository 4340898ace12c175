"""What the broker lists is remembered beyond a session, and the right contracts are chosen."""

from datetime import date

import ib_async
import pytest

from futures_pipeline.collection.history.plan import Universe
from futures_pipeline.collection.listings import Listings
from futures_pipeline.domain.instruments import UNIVERSE, select_instruments
from futures_pipeline_tests.collection.builders import CALENDAR, NOON, new_york_time

EXPIRIES = {"ESZ4": "20241220", "ESH5": "20250321", "ESM5": "20250620"}


def details(
    symbol: str, name: str, con_id: int, expiry: str = "", **of_contract: str
) -> ib_async.ContractDetails:
    """Return a contract's details as the broker tells them."""
    contract = ib_async.Contract(conId=con_id, symbol=symbol, localSymbol=name, **of_contract)
    return ib_async.ContractDetails(contract=contract, realExpirationDate=expiry)


def futures_of_es() -> list[ib_async.ContractDetails]:
    return [
        details("ES", name, number, expiry)
        for number, (name, expiry) in enumerate(EXPIRIES.items(), start=1)
    ]


@pytest.fixture
def listings() -> Listings:
    """Return what is known of ES, SPY and VIX."""
    known = Listings()
    known.remember(UNIVERSE["ES"], futures_of_es())
    known.remember(UNIVERSE["SPY"], [details("SPY", "SPY", 9)])
    known.remember(UNIVERSE["VIX"], [details("VIX", "VIX", 10)])
    return known


def universe(listings: Listings, **overrides: str) -> Universe:
    chosen = select_instruments(["ES", "SPY", "VIX"])
    return Universe(chosen, listings.futures, overrides, CALENDAR)


def names(chosen: list[object]) -> list[str]:
    return [listed.local_symbol for listed in chosen]  # type: ignore[attr-defined]


def test_a_future_is_known_by_its_local_symbol_and_spot_by_its_symbol(listings: Listings) -> None:
    assert listings.symbols == {"ES", "SPY", "VIX"}
    assert set(listings.by_name) == {*EXPIRIES, "SPY", "VIX"}
    assert listings.by_name["ESH5"].identity == {
        "symbol": "ES",
        "contract": "ESH5",
        "con_id": 2,
        "expiry": date(2025, 3, 21),
    }
    assert listings.by_name["SPY"].expiry is None


def test_the_broker_s_real_expiry_counts_with_or_without_its_time() -> None:
    known = Listings()
    known.remember(UNIVERSE["ES"], [details("ES", "ESH5", 2, "20250321 08:30:00 US/Central")])

    assert known.by_name["ESH5"].expiry == date(2025, 3, 21)


def test_the_front_month_is_streamed_and_in_the_overlap_the_next_as_well(
    listings: Listings,
) -> None:
    def current(*when: int) -> list[str]:
        chosen = listings.current(universe(listings), new_york_time(*when))
        return [name for name in names(chosen) if name.startswith("ES")]

    assert current(2025, 1, 15, 10) == ["ESH5"]
    assert current(2025, 3, 14, 16) == ["ESH5", "ESM5"]
    assert current(2025, 3, 16, 18) == ["ESM5"]  # the Sunday evening is Monday's session


def test_spot_is_always_streamed(listings: Listings) -> None:
    assert set(names(listings.current(universe(listings), NOON))) == {"ESH5", "SPY", "VIX"}


def test_a_front_month_of_the_settings_is_taken(listings: Listings) -> None:
    chosen = listings.due(universe(listings, ES="ESM5"), "ES", date(2025, 1, 15))

    assert names(chosen)[0] == "ESM5"


def test_a_new_answer_takes_the_place_of_the_old_one(listings: Listings) -> None:
    more = [*futures_of_es()[1:], details("ES", "ESU5", 4, "20250919")]
    listings.remember(UNIVERSE["ES"], more)
    listings.remember(UNIVERSE["ES"], more)

    assert [it.local_symbol for it in listings.futures["ES"]] == ["ESH5", "ESM5", "ESU5"]


def test_an_empty_answer_does_not_forget_what_is_known(listings: Listings) -> None:
    """The contract service may be asleep when a session begins."""
    listings.remember(UNIVERSE["ES"], [])
    listings.remember(UNIVERSE["ES"], [ib_async.ContractDetails(contract=None)])
    listings.remember(UNIVERSE["SPY"], [])

    assert names(listings.current(universe(listings), NOON)) == ["SPY", "VIX", "ESH5"]


def test_a_contract_that_has_left_the_list_can_still_be_asked_of_history(
    listings: Listings,
) -> None:
    listings.remember(UNIVERSE["ES"], futures_of_es()[1:])

    assert listings.by_name["ESZ4"].con_id == 1


def test_nothing_is_known_of_a_symbol_without_contracts() -> None:
    known = Listings()
    known.remember(UNIVERSE["NQ"], [])

    assert known.symbols == set()
    assert known.by_name == {}
