"""Pairs as rows of the lake's tables. Judges nothing: a crossed quote is refused in the open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ib_async

from futures_pipeline.collection.binance.messages import Book, Kline, Trade
from futures_pipeline.collection.normalize import Listed, age_seconds
from futures_pipeline.collection.source_health import StreamHealth
from futures_pipeline.domain.instruments import pair

MINUTE = timedelta(minutes=1)
STREAMED, ASKED = "realtime", "history"
LIVE = "live"
NO_CONTRACT_ID = 0  # as the broker's library has it; rows have null


def exchange_name(symbol: str) -> str:
    """Return what the exchange calls a pair.

    >>> exchange_name("BTC/USDT")
    'BTCUSDT'
    """
    return symbol.replace("/", "")


def listed_pair(symbol: str) -> Listed:
    """Return a pair as the ledger knows contracts; the broker's part of it stays empty."""
    return Listed(pair(symbol), symbol, NO_CONTRACT_ID, None, ib_async.Contract())


@dataclass(slots=True)
class State:
    """What is known of a pair now; times are arrivals here, but ``trade``'s own."""

    trade: Trade | None = None
    book: Book | None = None
    heard_at: datetime | None = None

    def age_seconds(self, now: datetime) -> float:
        """Return the market seconds since anything was heard; infinity when nothing ever was."""
        return float("inf") if self.heard_at is None else age_seconds(self.heard_at, now)

    def health(self, symbol: str, oldest_seconds: float, now: datetime) -> StreamHealth:
        """Return how the pair's streams are; ``oldest_seconds``: how old a price still is one."""
        state = "waiting" if self.heard_at is None else "silent"
        if self.age_seconds(now) <= oldest_seconds:
            state = "live"
        data_type = LIVE if self.heard_at else None
        return StreamHealth(symbol, symbol, True, state, self.heard_at, data_type)


def kline_row(symbol: str, kline: Kline, source: str, received_at: datetime) -> dict[str, Any]:
    """Return a finished minute as a row of ``bars_1m``, without its session date.

    ``wap`` is turnover over volume, null without trades. ``data_type`` is null for what was
    asked for afterwards, as with the broker.
    """
    return {
        **_identity(symbol),
        "ts_start": kline.starts_at,
        "ts_end": kline.starts_at + MINUTE,
        "open": kline.open,
        "high": kline.high,
        "low": kline.low,
        "close": kline.close,
        "volume": kline.volume,
        "wap": kline.quote_volume / kline.volume if kline.volume else None,
        "trade_count": kline.trade_count,
        "source": source,
        "data_type": LIVE if source == STREAMED else None,
        "received_at": received_at,
    }


def snapshot_row(symbol: str, state: State, at: datetime) -> dict[str, Any]:
    """Return the present state as a row of ``crypto_snapshots``, without its session date.

    ``volume`` is null: the exchange counts 24 hours, not sessions.
    """
    book, trade = state.book, state.trade
    return {
        **_identity(symbol),
        "timestamp": at,
        "bid": book and book.bid,
        "ask": book and book.ask,
        "bid_size": book and book.bid_size,
        "ask_size": book and book.ask_size,
        "last": trade and trade.price,
        "last_at": trade and trade.at,
        "volume": None,
        "open_interest": None,
        "implied_vol": None,
        "data_type": LIVE,
        "received_at": at,
    }


def _identity(symbol: str) -> dict[str, Any]:
    return {"symbol": symbol, "contract": symbol, "con_id": None, "expiry": None}
