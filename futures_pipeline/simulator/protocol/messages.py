"""The server's messages: one pure function each, values in, the tuple of fields out.

Only the messages whose layout differs between the versions 157 to 178 take ``version``.
Times are epoch seconds, prices in the contract's units.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

Fields = tuple[str, ...]
Value = str | int | float | None

SIZE_FIELDS_VERSION = 164
REJECT_FIELD_VERSION = 166
NO_AGGREGATE_GROUP = 2147483647
PRICE_BASED = 1  # a computation's attribute: made from prices, not from returns


@dataclass(frozen=True, slots=True)
class DetailsText:
    """The values of a contract details message, in the broker's own text forms."""

    symbol: str
    sec_type: str
    last_trade_date: str
    exchange: str
    local_symbol: str
    trading_class: str
    con_id: int
    min_tick: float
    multiplier: str
    order_types: str
    valid_exchanges: str
    under_con_id: int
    long_name: str
    primary_exchange: str
    contract_month: str
    time_zone: str
    trading_hours: str
    liquid_hours: str
    aggregate_group: int
    under_symbol: str
    under_sec_type: str
    market_rules: str
    real_expiry: str
    stock_type: str
    suggested_size: int
    strike: float = 0.0
    right: str = ""


@dataclass(frozen=True, slots=True)
class Computation:
    """What was computed of an option's price; None is what could not be."""

    implied_vol: float | None
    delta: float | None
    price: float | None
    dividends: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    underlying_price: float | None


# What stands for None in each of them: -2 where -1 could be a value.
EMPTY = Computation(-1.0, -2.0, -1.0, -1.0, -2.0, -2.0, -2.0, -1.0)


def text(value: Value) -> str:
    """Return a value as the protocol writes it; a float so that it reads back exactly.

    >>> text(4780.25), text(12.0), text(None)
    ('4780.25', '12.0', '')
    """
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def size_text(size: float) -> str:
    """Return a size or volume: whole numbers without a point, never an exponent.

    >>> size_text(142000.0), size_text(0.5)
    ('142000', '0.5')
    """
    return str(int(size)) if float(size).is_integer() else repr(float(size))


def _fields(*values: Value) -> Fields:
    return tuple(text(value) for value in values)


def server_version(version: int, now: str) -> Fields:
    """Answer to the handshake; ``now`` like ``20250425 15:23:54 EST``."""
    return _fields(version, now)


def managed_accounts(account: str) -> Fields:
    return _fields(15, 1, account)


def next_valid_id(order_id: int) -> Fields:
    return _fields(9, 1, order_id)


def error(version: int, request_id: int, code: int, message: str) -> Fields:
    """An error or notice; -1 as ``request_id`` concerns the connection."""
    reject = ("",) if version >= REJECT_FIELD_VERSION else ()
    return _fields(4, 2, request_id, code, message, *reject)


def contract_details(version: int, request_id: int, it: DetailsText) -> Fields:
    """One matching contract."""
    old = version < SIZE_FIELDS_VERSION
    head = (10, 8, request_id) if old else (10, request_id)
    multiplier_of_size: Sequence[Value] = (1,) if old else ()
    sizes: Sequence[Value] = (1, 1, it.suggested_size)
    if old:
        sizes = (it.suggested_size,) if version == SIZE_FIELDS_VERSION - 1 else ()
    return _fields(
        *head,
        *(it.symbol, it.sec_type, it.last_trade_date, size_text(it.strike), it.right),
        *(it.exchange, "USD"),
        *(it.local_symbol, it.trading_class, it.trading_class, it.con_id, it.min_tick),
        *multiplier_of_size,
        *(it.multiplier, it.order_types, it.valid_exchanges, 1, it.under_con_id, it.long_name),
        *(it.primary_exchange, it.contract_month, "", "", ""),
        *(it.time_zone, it.trading_hours, it.liquid_hours),
        *("", "", 0, it.aggregate_group, it.under_symbol, it.under_sec_type),
        *(it.market_rules, it.real_expiry, it.stock_type),
        *sizes,
    )


def contract_details_end(request_id: int) -> Fields:
    return _fields(52, 1, request_id)


def market_data_type(request_id: int, data_type: int) -> Fields:
    return _fields(58, 1, request_id, data_type)


def tick_request_parameters(request_id: int, min_tick: float, exchange_map: str) -> Fields:
    return _fields(81, request_id, min_tick, exchange_map, 3)


def tick_price(request_id: int, kind: int, price: float, size: float, mask: int) -> Fields:
    """A price with its size; ``mask`` 1 means that the quote can be traded against."""
    return _fields(1, 6, request_id, kind, price, size_text(size), mask)


def tick_size(request_id: int, kind: int, size: float) -> Fields:
    return _fields(2, 6, request_id, kind, size_text(size))


def tick_generic(request_id: int, kind: int, value: float) -> Fields:
    return _fields(45, 6, request_id, kind, float(value))


def tick_string(request_id: int, kind: int, value: str) -> Fields:
    return _fields(46, 6, request_id, kind, value)


def tick_option_computation(request_id: int, kind: int, it: Computation) -> Fields:
    """Implied volatility and greeks, as of the bid, ask, last or model price."""
    pairs = zip(astuple(it), astuple(EMPTY), strict=True)
    values: list[Value] = [empty if value is None else value for value, empty in pairs]
    return _fields(21, request_id, kind, PRICE_BASED, *values)


def option_parameters(
    request_id: int,
    chain: tuple[str, int, str, str],
    expiries: Sequence[str],
    strikes: Sequence[float],
) -> Fields:
    """The options of one exchange; ``chain``: exchange, underlying id, class, multiplier."""
    listed: list[Value] = [len(expiries), *expiries, len(strikes), *strikes]
    return _fields(75, request_id, *chain, *listed)


def option_parameters_end(request_id: int) -> Fields:
    return _fields(76, request_id)


def snapshot_end(request_id: int) -> Fields:
    return _fields(57, 1, request_id)


def realtime_bar(request_id: int, start: int, prices: Sequence[float], rest: Fields) -> Fields:
    """A five-second bar under its start; ``prices`` open high low close, ``rest`` as in 17."""
    return (*_fields(50, 3, request_id, start, *prices), *rest)


def bar_rest(volume: float, wap: float, count: int) -> Fields:
    """Volume, average price and number of trades, the tail of every bar."""
    return (size_text(volume), size_text(wap) if wap == -1 else text(float(wap)), str(count))


def historical_data(request_id: int, start: str, end: str, bars: Iterable[Fields]) -> Fields:
    """All bars of one answer; each bar holds eight fields, its date first."""
    rows = list(bars)
    values = [field for row in rows for field in row]
    return (*_fields(17, request_id, start, end, len(rows)), *values)


def head_timestamp(request_id: int, stamp: str) -> Fields:
    return _fields(88, request_id, stamp)


def current_time(epoch_seconds: int) -> Fields:
    return _fields(49, 1, epoch_seconds)


def market_rule(rule: int, increment: float) -> Fields:
    """A rule with one price increment for every price."""
    return _fields(93, rule, 1, 0, increment)


def position_end() -> Fields:
    return _fields(62, 1)


def open_order_end() -> Fields:
    return _fields(53, 1)


def completed_orders_end() -> Fields:
    return _fields(102)


def executions_end(request_id: int) -> Fields:
    return _fields(55, 1, request_id)


def account_value(tag: str, value: str, currency: str, account: str) -> Fields:
    return _fields(6, 2, tag, value, currency, account)


def account_download_end(account: str) -> Fields:
    return _fields(54, 1, account)


def account_summary(request_id: int, account: str, tag: str, value: str) -> Fields:
    return _fields(63, 1, request_id, account, tag, value, "USD")


def account_summary_end(request_id: int) -> Fields:
    return _fields(64, 1, request_id)


def account_multi_end(request_id: int) -> Fields:
    return _fields(74, 1, request_id)


def position_multi_end(request_id: int) -> Fields:
    return _fields(72, 1, request_id)
