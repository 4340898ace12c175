"""One change of a quote as the tick messages of a market data line."""

import math
from dataclasses import dataclass

from futures_pipeline.simulator.market.source import Quote, trades_volume
from futures_pipeline.simulator.market.universe import Listing
from futures_pipeline.simulator.protocol import messages
from futures_pipeline.simulator.protocol.messages import Fields

BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE = range(6)
HIGH, LOW, VOLUME, CLOSE, OPEN = 6, 7, 8, 9, 14
BID_COMPUTATION, ASK_COMPUTATION, LAST_COMPUTATION, MODEL_COMPUTATION = 10, 11, 12, 13
IMPLIED_VOL, LAST_TIME, RT_VOLUME, HALTED, FUTURES_OPEN_INTEREST = 24, 45, 48, 49, 86
GENERIC_IMPLIED_VOL, GENERIC_RT_VOLUME, GENERIC_OPEN_INTEREST = 106, 233, 588
NO_PRICE = -1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One market data request: its id, contract and generic tick list."""

    request_id: int
    listing: Listing
    generics: frozenset[int]


def opening(line: Line, close: float | None, halted: bool) -> list[Fields]:
    """Return what a subscription starts with: the previous close and the halted state."""
    ticks = []
    if close is not None:
        ticks.append(messages.tick_price(line.request_id, CLOSE, close, 0, 0))
    if trades_volume(line.listing):
        ticks.append(messages.tick_generic(line.request_id, HALTED, float(halted)))
    return ticks


def slow_values(line: Line, open_interest: int | None, implied_vol: float | None) -> list[Fields]:
    """Return the generic ticks that move slowly; an unknown one is not sent."""
    ticks = []
    if open_interest is not None and GENERIC_OPEN_INTEREST in line.generics:
        ticks.append(messages.tick_size(line.request_id, FUTURES_OPEN_INTEREST, open_interest))
    if implied_vol is not None and GENERIC_IMPLIED_VOL in line.generics:
        ticks.append(messages.tick_generic(line.request_id, IMPLIED_VOL, implied_vol))
    return ticks


def changes(line: Line, quote: Quote, before: Quote | None, is_open: bool) -> list[Fields]:
    """Return the ticks from one state to the next; all of them when ``before`` is None.

    While the market is closed nobody quotes: bid and ask are -1 with size 0.
    """
    ticks: list[Fields] = []
    if trades_volume(line.listing):
        ticks += _sides(line.request_id, quote, before, is_open)
        if before is None or quote.volume != before.volume:
            ticks += _trade(line, quote)
    elif before is None or quote.last != before.last:
        ticks += _price(line.request_id, LAST, quote.last)
    for kind, name in ((HIGH, "high"), (LOW, "low"), (OPEN, "open")):
        if before is None or getattr(before, name) != getattr(quote, name):
            ticks += _price(line.request_id, kind, getattr(quote, name))
    return ticks


def _sides(request_id: int, quote: Quote, before: Quote | None, is_open: bool) -> list[Fields]:
    ticks: list[Fields] = []
    for kind, size_kind, price, size, known in (
        (BID, BID_SIZE, quote.bid, quote.bid_size, before and (before.bid, before.bid_size)),
        (ASK, ASK_SIZE, quote.ask, quote.ask_size, before and (before.ask, before.ask_size)),
    ):
        if known == (price, size):
            continue
        quoted = is_open and math.isfinite(price)
        shown, amount = (price, size) if quoted else (NO_PRICE, 0.0)
        ticks.append(messages.tick_price(request_id, kind, shown, amount, int(quoted)))
        ticks.append(messages.tick_size(request_id, size_kind, amount))
    return ticks


def _trade(line: Line, quote: Quote) -> list[Fields]:
    if math.isnan(quote.last):
        return []
    request_id = line.request_id
    ticks = [
        messages.tick_price(request_id, LAST, quote.last, quote.last_size, 0),
        messages.tick_size(request_id, LAST_SIZE, quote.last_size),
        messages.tick_string(request_id, LAST_TIME, str(quote.at)),
        messages.tick_size(request_id, VOLUME, quote.volume),
    ]
    if GENERIC_RT_VOLUME in line.generics:
        ticks.append(messages.tick_string(request_id, RT_VOLUME, _rt_volume(quote)))
    return ticks


def _rt_volume(quote: Quote) -> str:
    """Return ``price;size;milliseconds;volume;vwap;single trade``."""
    size, volume = messages.size_text(quote.last_size), messages.size_text(quote.volume)
    return f"{quote.last!r};{size};{quote.at * 1000};{volume};{quote.vwap!r};true"


def _price(request_id: int, kind: int, price: float) -> list[Fields]:
    known = math.isfinite(price)
    return [messages.tick_price(request_id, kind, price, 0, 0)] if known else []
