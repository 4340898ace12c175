"""The exchange's JSON: stream events and rows of REST answers.

Source: binance-spot-api-docs, web-socket-streams.md and rest-api.md.
"""

import json
from typing import Any

from futures_pipeline.simulator.binance.prices import Klines, Trades

MINUTE_MS = 60_000


def wrapped(stream: str, data: dict[str, Any]) -> str:
    """Return an event as a combined stream sends it."""
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


def trade_events(name: str, trades: Trades) -> list[dict[str, Any]]:
    return [
        {
            "e": "aggTrade",
            "E": row["T"] + 1,
            "s": name,
            **{key: row[key] for key in ("a", "p", "q", "f", "l", "T", "m", "M")},
        }
        for row in trade_rows(trades)
    ]


def trade_rows(trades: Trades) -> list[dict[str, Any]]:
    """Return trades as REST lists them; each stands for one single trade."""
    columns = (trades.id, trades.at_ms, trades.price, trades.quantity, trades.buyer_is_maker)
    return [
        {
            "a": number,
            "p": f"{price:.8f}",
            "q": f"{quantity:.8f}",
            "f": number,
            "l": number,
            "T": at_ms,
            "m": maker,
            "M": True,
        }
        for number, at_ms, price, quantity, maker in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def kline_event(name: str, kline: Klines, at_ms: int, is_closed: bool) -> dict[str, Any]:
    """Return the event of one bar, finished or not."""
    (row,) = kline_rows(kline)
    start, opened, high, low, close, volume, end, turnover, count, base, quote, _ = row
    bar = {"t": start, "T": end, "s": name, "i": "1m", "f": 0, "L": 0, "o": opened, "c": close}
    bar |= {"h": high, "l": low, "v": volume, "n": count, "x": is_closed, "q": turnover}
    bar |= {"V": base, "Q": quote, "B": "0"}
    return {"e": "kline", "E": at_ms, "s": name, "k": bar}


def kline_rows(klines: Klines) -> list[list[Any]]:
    """Return bars as REST lists them; takers bought half of everything."""
    columns = (getattr(klines, name).tolist() for name in Klines.__slots__)
    return [
        [
            start * 1000,
            *(f"{price:.8f}" for price in (opened, high, low, close)),
            f"{volume:.8f}",
            start * 1000 + MINUTE_MS - 1,
            f"{turnover:.8f}",
            count,
            f"{volume / 2:.8f}",
            f"{turnover / 2:.8f}",
            "0",
        ]
        for start, opened, high, low, close, volume, turnover, count in zip(*columns, strict=True)
    ]


def book_event(
    name: str, update_id: int, book: tuple[float, float, float, float]
) -> dict[str, Any]:
    bid, bid_size, ask, ask_size = book
    prices = {"b": f"{bid:.8f}", "B": f"{bid_size:.8f}", "a": f"{ask:.8f}", "A": f"{ask_size:.8f}"}
    return {"u": update_id, "s": name, **prices}


def shutdown_event(at_ms: int) -> str:
    return json.dumps({"e": "serverShutdown", "E": at_ms})
