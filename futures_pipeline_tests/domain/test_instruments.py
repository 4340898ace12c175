"""The universe, and the symbols that are let in from outside."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol
from futures_pipeline.domain.instruments import (
    FINEST_PRICE_STEP,
    UNIVERSE,
    Kind,
    checked_symbol,
    pair,
    select_instruments,
)

HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "...",
    "/",
    "../../x",
    "../X",
    "A/../B",
    "A//B",
    "A/./B",
    "/ETC/PASSWD",
    ".HIDDEN",
    "ES/",
    "ES.",
    "-RF",
    "=A1",
    "a/b",
    "es",
    "ES\x00",
    "ES\n",
    " ES",
    "%2e",
    "%2E%2E",
    "E\\S",
    "A" * 25,
    "A" * 300,
    "ES\u202e",
    "\u05d0\u05d1",
    "\U0001f4c8",
    "\uff25\uff33",  # full-width ES
    "\u0663",  # an Arabic digit
]


@pytest.mark.parametrize("symbol", HOSTILE)
def test_hostile_symbols_are_refused(symbol: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^symbol: .* must be 1 to 24"):
        checked_symbol(symbol)
    with pytest.raises(ConfigurationError):
        select_instruments(["ES", symbol])


@pytest.mark.parametrize(
    "symbol", [*UNIVERSE, "BRK.B", "EUR/USD", "ES=F", "BTC-USD", "ES_F", "ESH6", "A" * 24]
)
def test_symbols_in_use_pass(symbol: str) -> None:
    assert checked_symbol(symbol) == symbol


@given(st.text(alphabet=st.sampled_from("AZ09./=_-a%\\ \x00\n\u202e"), max_size=30))
def test_what_passes_is_one_word_or_words_with_single_separators(symbol: str) -> None:
    try:
        checked_symbol(symbol)
    except ConfigurationError:
        return
    words = re.split(r"[./=_-]", symbol)
    assert all(word.isascii() and word.isalnum() and word == word.upper() for word in words)
    assert len(symbol) <= 24


def test_an_unknown_symbol_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownSymbol, match=r"'A/B' is not known; known are ES, NQ"):
        select_instruments(["A/B"])


def test_instruments_come_in_the_order_asked_for() -> None:
    assert [i.symbol for i in select_instruments(["VIX", "ES"])] == ["VIX", "ES"]


@pytest.mark.parametrize(
    ("symbol", "tick", "multiplier", "table"),
    [
        ("ES", 0.25, 50.0, "futures_snapshots"),
        ("NQ", 0.25, 20.0, "futures_snapshots"),
        ("RTY", 0.10, 50.0, "futures_snapshots"),
        ("SPY", 0.01, 1.0, "spot_snapshots"),
        ("VIX", 0.01, 1.0, "index_snapshots"),
    ],
)
def test_contract_specifications(symbol: str, tick: float, multiplier: float, table: str) -> None:
    instrument = UNIVERSE[symbol]
    assert (instrument.tick_size, instrument.multiplier) == (tick, multiplier)
    assert instrument.snapshot_table == table


@pytest.mark.parametrize(
    ("symbol", "step"), [("BTC/USDT", 0.01), ("ETH/USDT", 0.01), ("1INCH/FDUSD", FINEST_PRICE_STEP)]
)
def test_any_pair_is_an_instrument_by_its_form(symbol: str, step: float) -> None:
    found = pair(symbol)

    assert (found.symbol, found.kind, found.tick_size) == (symbol, Kind.CRYPTO, step)
    assert found.snapshot_table == "crypto_snapshots"
    assert UNIVERSE[symbol] == found


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "BTC/", "/USDT", "BTC/USDT/X", "btc/usdt", "B/U", ""]
)
def test_what_is_no_pair_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigurationError, match="such as BTC/USDT"):
        pair(symbol)
    with pytest.raises(KeyError):
        UNIVERSE[symbol]


def test_the_broker_lists_no_pair() -> None:
    """Else the broker would be asked for it: by default its symbols are all that are listed."""
    assert all(instrument.kind is not Kind.CRYPTO for instrument in UNIVERSE.values())
    with pytest.raises(UnknownSymbol):
        select_instruments(["BTC/USDT"])
