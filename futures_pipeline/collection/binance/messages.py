"""Binance's JSON into values, or one declared error; nothing here knows a socket or a clock.

Names of pairs are the exchange's own, such as BTCUSDT. Only finished minutes are bars.
Source: binance-spot-api-docs, web-socket-streams.md and rest-api.md.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeVar

from futures_pipeline.domain.errors import PipelineError

MINUTE_MS = 60_000
KLINE_FIELDS = 12
# Unsigned decimals as the exchange writes them; float() alone takes nan, 1_0 and blanks.
DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)
MOST_ID = 2**63 - 1
# Milliseconds from 2010 to 2100: a wrong unit of time is no time.
TIMES_MS = range(1_262_304_000_000, 4_102_444_800_000)
SHOWN_CHARACTERS = 120

Listed = TypeVar("Listed")


class MalformedMessage(PipelineError):
    """Bytes from the exchange that are not what its documentation says."""

    def __init__(self, reason: str, content: object) -> None:
        super().__init__(f"binance message: {reason}, have {str(content)[:SHOWN_CHARACTERS]!r}")


@dataclass(frozen=True, slots=True)
class Trade:
    """One aggregate trade; ids of a pair are consecutive. ``quantity`` in the base currency."""

    name: str
    id: int
    price: float
    quantity: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Kline:
    """A finished minute; volumes in the base and in the quote currency."""

    name: str
    starts_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trade_count: int


@dataclass(frozen=True, slots=True)
class Book:
    """Best bid and ask with their sizes in the base currency."""

    name: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The server is about to go; a new connection is wanted soon."""


Message = Trade | Kline | Book | Shutdown


def stream_message(text: str | bytes) -> Message | None:
    """Return what a message of a combined stream says; None for what is not collected.

    Not collected are bars that still grow, answers to commands and events of other kinds.

    Raises:
        MalformedMessage: it is no JSON object, or an event lacks what it must have.

    A message as it comes::

        {"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1736952000101,"s":"BTCUSDT",
         "a":328848000,"p":"69519.18","q":"0.02501","f":1,"l":1,"T":1736952000100,"m":false}}
    """
    whole = _object(_parsed(text))
    event = _object(whole["data"]) if "data" in whole else whole
    if event.get("e") == "aggTrade":
        return _trade(_text(event, "s"), event)
    if event.get("e") == "kline":
        bar = _object(event.get("k"))
        return _closed_kline(_text(event, "s"), bar) if _is_closed(bar) else None
    if event.get("e") == "serverShutdown":
        return Shutdown()
    return _book(event) if "e" not in event and {"u", "s", "b", "a"} <= event.keys() else None


def trade_list(name: str, body: str | bytes) -> list[Trade]:
    """Return the trades of a REST answer, ascending by id.

    Raises:
        MalformedMessage: it is no list of trades, or their ids do not ascend.
    """
    trades = _each(body, lambda row: _trade(name, _object(row)))
    if any(after.id <= before.id for before, after in pairwise(trades)):
        raise MalformedMessage("need ids that ascend", [trade.id for trade in trades])
    return trades


def kline_list(name: str, body: str | bytes) -> list[Kline]:
    """Return the minutes of a REST answer, the one still growing among them.

    Raises:
        MalformedMessage: it is no list of minutes.
    """
    return _each(body, lambda row: _kline_row(name, row))


def server_time(body: str | bytes) -> datetime:
    """Return the exchange's time.

    Raises:
        MalformedMessage: the answer has none.
    """
    return _time(_object(_parsed(body)), "serverTime")


def _each(body: str | bytes, read: Callable[[Any], Listed]) -> list[Listed]:
    rows = _parsed(body)
    if not isinstance(rows, list):
        raise MalformedMessage("need a list", rows)
    return [read(row) for row in rows]


def _trade(name: str, event: Mapping[str, Any]) -> Trade:
    return Trade(
        name=name,
        id=_count(event, "a"),
        price=_positive(event, "p"),
        quantity=_decimal(event, "q"),
        at=_time(event, "T"),
    )


def _is_closed(bar: Mapping[str, Any]) -> bool:
    if bar.get("i") != "1m" or not isinstance(bar.get("x"), bool):
        raise MalformedMessage("need a bar of 1m with x true or false", bar)
    return bar["x"] is True


def _closed_kline(name: str, bar: Mapping[str, Any]) -> Kline:
    starts_at = _time(bar, "t")
    if bar["t"] % MINUTE_MS:
        raise MalformedMessage("need a bar that starts on a minute", bar)
    return Kline(
        name=name,
        starts_at=starts_at,
        open=_positive(bar, "o"),
        high=_positive(bar, "h"),
        low=_positive(bar, "l"),
        close=_positive(bar, "c"),
        volume=_decimal(bar, "v"),
        quote_volume=_decimal(bar, "q"),
        trade_count=_count(bar, "n"),
    )


def _kline_row(name: str, row: object) -> Kline:
    """Return the minute in a row of columns: start, four prices, volume, end, turnover, count."""
    if not isinstance(row, list) or len(row) < KLINE_FIELDS:
        raise MalformedMessage(f"need a list of {KLINE_FIELDS} values", row)
    columns = ("t", "o", "h", "l", "c", "v", "T", "q", "n")
    return _closed_kline(name, dict(zip(columns, row, strict=False)))


def _book(event: Mapping[str, Any]) -> Book:
    return Book(
        name=_text(event, "s"),
        bid=_positive(event, "b"),
        bid_size=_decimal(event, "B"),
        ask=_positive(event, "a"),
        ask_size=_decimal(event, "A"),
    )


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"need JSON ({type(error).__name__})", text) from error


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedMessage("need a JSON object", value)
    return value


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str):
        raise MalformedMessage(f"need a text as {key}", event)
    return value


def _count(event: Mapping[str, Any], key: str) -> int:
    value = event.get(key)
    if type(value) is not int or not 0 <= value <= MOST_ID:  # a bool is an int elsewhere
        raise MalformedMessage(f"need a whole number from 0 as {key}", event)
    return value


def _time(event: Mapping[str, Any], key: str) -> datetime:
    value = _count(event, key)
    if value not in TIMES_MS:
        raise MalformedMessage(f"need milliseconds of this century as {key}", event)
    return datetime.fromtimestamp(value / 1000, UTC)


def _decimal(event: Mapping[str, Any], key: str) -> float:
    value = event.get(key)
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise MalformedMessage(f"need a decimal number as {key}", event)
    return float(value)


def _positive(event: Mapping[str, Any], key: str) -> float:
    value = _decimal(event, key)
    if value <= 0.0:
        raise MalformedMessage(f"need a number above 0 as {key}", event)
    return value
