"""What is made of the broker's lists of options."""

from datetime import date

import ib_async

from futures_pipeline.collection.options.learning import (
    Chains,
    listed_expiries,
    option_contracts,
)


def chain(exchange: str, trading_class: str, *expiries: str) -> ib_async.OptionChain:
    return ib_async.OptionChain(exchange, "756733", trading_class, "100", list(expiries), [590.0])


def details(**values: object) -> ib_async.ContractDetails:
    told = {
        "secType": "OPT",
        "conId": 7,
        "symbol": "SPY",
        "lastTradeDateOrContractMonth": "20250222",
        "strike": 590.0,
        "right": "C",
        "multiplier": "100",
        "exchange": "SMART",
        "localSymbol": "SPY   250221C00590000",
        "tradingClass": "SPY",
    }
    contract = ib_async.Contract(**{**told, **values})  # type: ignore[arg-type]
    return ib_async.ContractDetails(contract=contract, realExpirationDate="20250221")


def test_expiries_are_those_of_the_etfs_own_class() -> None:
    """Beside them stand adjusted contracts, and every exchange repeats the list."""
    chains = [
        chain("CBOE", "SPY", "20250131"),
        chain("SMART", "2SPY", "20250207"),
        chain("SMART", "SPY", "20250321", "20250221", "20250321"),
    ]
    assert listed_expiries(chains, "SPY") == [date(2025, 2, 21), date(2025, 3, 21)]
    assert listed_expiries([], "SPY") == []


def test_the_real_expiry_counts_not_the_login_zones_date() -> None:
    """A gateway far east of New York tells the day after as the last trade date."""
    (found,) = option_contracts([details()], "SPY")
    assert (found.expiry, found.strike, found.right) == (date(2025, 2, 21), 590.0, "C")
    assert (found.local_symbol, found.con_id) == ("SPY   250221C00590000", 7)


def test_adjusted_and_mini_contracts_are_passed_over() -> None:
    told = [details(tradingClass="2SPY"), details(multiplier="10"), ib_async.ContractDetails()]
    assert option_contracts(told, "SPY") == []


def test_a_new_session_begins_with_nothing_known() -> None:
    chains = Chains()
    chains.begin(date(2025, 1, 15))
    chains.expiries["SPY"] = [date(2025, 2, 21)]
    chains.refused.add(7)
    chains.barred["QQQ"] = "not_subscribed"
    chains.begin(date(2025, 1, 15))
    assert (len(chains.expiries), len(chains.refused), len(chains.barred)) == (1, 1, 1)

    chains.begin(date(2025, 1, 16))
    assert (len(chains.expiries), len(chains.refused), len(chains.barred)) == (0, 0, 0)
