"""What is collected: the instruments, their units and their market's hours."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from futures_pipeline.domain.errors import ConfigurationError, UnknownSymbol

# Symbols reach file paths, URLs and log lines, so only these are let in from outside: words
# with single separators between them, which leaves no ``..``, ``/etc`` or ``-option``.
SYMBOL_PATTERN = re.compile(r"[A-Z0-9]+(?:[./=_-][A-Z0-9]+)*")
MAX_SYMBOL_LENGTH = 24
# In place of a symbol, where something is about every one.
ALL_SYMBOLS = "*"
# Base and quote currency, such as BTC/USDT.
PAIR_PATTERN = re.compile(r"[A-Z0-9]{2,11}/[A-Z0-9]{2,11}")
# Source: Binance exchangeInfo, PRICE_FILTER. No pair there has a finer step than the last.
PRICE_STEPS = {"BTC/USDT": 0.01, "ETH/USDT": 0.01}
FINEST_PRICE_STEP = 1e-8


class Kind(StrEnum):
    """What an instrument is; it decides the table, the hours and what is requested."""

    FUTURE = "future"
    ETF = "etf"
    INDEX = "index"
    CRYPTO = "crypto"


SNAPSHOT_TABLES: Mapping[Kind, str] = {
    Kind.FUTURE: "futures_snapshots",
    Kind.ETF: "spot_snapshots",
    Kind.INDEX: "index_snapshots",
    Kind.CRYPTO: "crypto_snapshots",
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """One root symbol.

    ``tick_size`` is in price units; ``multiplier`` in US dollars a point (a share for ETFs), for
    a pair in its quote currency.
    """

    symbol: str
    kind: Kind
    exchange: str
    tick_size: float
    multiplier: float
    name: str

    @property
    def snapshot_table(self) -> str:
        return SNAPSHOT_TABLES[self.kind]


def pair(symbol: str) -> Instrument:
    """Return a pair of currencies, traded around the clock; any pair is one by its form.

    Raises:
        ConfigurationError: ``symbol`` is no base and quote currency with a slash between.

    >>> pair("ETH/USDT").snapshot_table
    'crypto_snapshots'
    """
    if not PAIR_PATTERN.fullmatch(symbol):
        raise ConfigurationError("pair", symbol, "base and quote currency, such as BTC/USDT")
    step = PRICE_STEPS.get(symbol, FINEST_PRICE_STEP)
    return Instrument(symbol, Kind.CRYPTO, "BINANCE", step, 1.0, symbol)


class _Universe(dict[str, Instrument]):
    """What the broker lists. A pair is found as well, but not listed: settings name the pairs."""

    def __missing__(self, symbol: str) -> Instrument:
        if not PAIR_PATTERN.fullmatch(symbol):
            raise KeyError(symbol)
        return pair(symbol)


# Source: CME and NYSE Arca contract specifications; RTY trades in 0.10 points at 50 dollars.
UNIVERSE: Mapping[str, Instrument] = _Universe(
    (instrument.symbol, instrument)
    for instrument in (
        Instrument("ES", Kind.FUTURE, "CME", 0.25, 50.0, "E-mini S&P 500"),
        Instrument("NQ", Kind.FUTURE, "CME", 0.25, 20.0, "E-mini Nasdaq-100"),
        Instrument("RTY", Kind.FUTURE, "CME", 0.10, 50.0, "E-mini Russell 2000"),
        Instrument("SPY", Kind.ETF, "SMART", 0.01, 1.0, "SPDR S&P 500 ETF"),
        Instrument("QQQ", Kind.ETF, "SMART", 0.01, 1.0, "Invesco QQQ Trust"),
        Instrument("IWM", Kind.ETF, "SMART", 0.01, 1.0, "iShares Russell 2000 ETF"),
        Instrument("VIX", Kind.INDEX, "CBOE", 0.01, 1.0, "Cboe Volatility Index"),
    )
)


def checked_symbol(symbol: str) -> str:
    """Return ``symbol`` if it is safe to use in paths, URLs and tables."""
    if len(symbol) > MAX_SYMBOL_LENGTH or not SYMBOL_PATTERN.fullmatch(symbol):
        raise ConfigurationError(
            "symbol",
            symbol,
            f"1 to {MAX_SYMBOL_LENGTH} capital letters and digits, with single . / = _ - between",
        )
    return symbol


def select_instruments(symbols: Iterable[str]) -> tuple[Instrument, ...]:
    """Return the broker's instruments of ``symbols``, in their order.

    Raises:
        UnknownSymbol: a symbol is not in the universe.
    """
    chosen = []
    for symbol in symbols:
        if checked_symbol(symbol) not in UNIVERSE:
            raise UnknownSymbol(symbol, UNIVERSE)
        chosen.append(UNIVERSE[symbol])
    return tuple(chosen)


def instrument(symbol: str) -> Instrument:
    """Return the broker's instrument of a symbol, or a pair by its form.

    Raises:
        UnknownSymbol: it is neither.

    >>> instrument("BTC/USDT").kind, instrument("ES").kind
    (<Kind.CRYPTO: 'crypto'>, <Kind.FUTURE: 'future'>)
    """
    if PAIR_PATTERN.fullmatch(symbol):
        return pair(symbol)
    (found,) = select_instruments([symbol])
    return found
