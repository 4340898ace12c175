"""The broker's objects into rows of the lake's tables; its sentinels into null.

Judges nothing: a crossed quote passes and is refused by the table's rules, in the open.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ib_async
import polars as pl

from futures_pipeline.collection.streaming.bars import MINUTE, Bar
from futures_pipeline.domain.instruments import Instrument, Kind
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.schemas import LAKE_COLUMNS
from futures_pipeline.storage.spool import NewBatch
from futures_pipeline.storage.tables import TABLES

DATA_TYPES = {1: "live", 2: "frozen", 3: "delayed", 4: "delayed_frozen"}
NO_PRICE = -1.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract being collected; ``expiry`` is None for what does not expire."""

    instrument: Instrument
    local_symbol: str
    con_id: int
    expiry: date | None
    broker_contract: ib_async.Contract

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "symbol": self.instrument.symbol,
            "contract": self.local_symbol,
            "con_id": self.con_id,
            "expiry": self.expiry,
        }


def number(value: float | None) -> float | None:
    """Return a delivered number; None for the broker's "nothing": NaN and -1."""
    return None if value is None or math.isnan(value) or value == NO_PRICE else float(value)


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask with their sizes; None where a side is missing."""

    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None

    @property
    def is_crossed(self) -> bool:
        return self.bid is not None and self.ask is not None and self.bid > self.ask


NO_QUOTE = Quote(None, None, None, None)


def quote_of(ticker: ib_async.Ticker) -> Quote:
    """Return the ticker's present bid and ask."""
    sides = (ticker.bid, ticker.ask, ticker.bidSize, ticker.askSize)
    return Quote(*(number(value) for value in sides))


def snapshot_row(
    listed: Listed,
    ticker: ib_async.Ticker,
    quote: Quote,
    times: tuple[datetime, datetime | None],
) -> dict[str, Any]:
    """Return the present state of a contract as a row, without its session date.

    ``times``: when it is observed, and when its last price arrived here. The exchange's own
    time of the last trade is used where there is one; an index has none, so its price is as
    old as its arrival.
    """
    observed_at, arrived_at = times
    stamped = ticker.rtTime or ticker.lastTimestamp or ticker.delayedLastTimestamp
    is_index = listed.instrument.kind is Kind.INDEX
    last_at = arrived_at if is_index and stamped is None else stamped
    return {
        **listed.identity,
        "timestamp": observed_at,
        "bid": quote.bid,
        "ask": quote.ask,
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
        "last": number(ticker.last),
        "last_at": None if last_at is None else last_at.astimezone(UTC),
        "volume": number(ticker.volume),
        "open_interest": number(ticker.futuresOpenInterest),
        "implied_vol": number(ticker.impliedVolatility),
        "data_type": DATA_TYPES.get(ticker.marketDataType, "live"),
        "received_at": observed_at,
    }


def five_second_bar(bar: ib_async.RealTimeBar) -> Bar:
    """Return the library's real-time bar; its time is the start of the bar."""
    return Bar(
        bar.time.astimezone(UTC),
        bar.open_,
        bar.high,
        bar.low,
        bar.close,
        number(bar.volume),
        number(bar.wap),
        None if bar.count < 0 else bar.count,
    )


def history_bar(bar: ib_async.BarData) -> Bar:
    """Return the library's historical bar; needs formatDate 2, which makes times aware."""
    if not isinstance(bar.date, datetime):
        raise TypeError(f"history bar: need an intraday time, got the date {bar.date}")
    return Bar(
        bar.date.astimezone(UTC),
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        number(bar.volume),
        number(bar.average),
        None if bar.barCount < 0 else bar.barCount,
    )


def bar_row(
    listed: Listed, bar: Bar, source: str, data_type: str | None, received_at: datetime
) -> dict[str, Any]:
    """Return a one-minute bar as a row, without its session date.

    ``data_type`` is None for history: its answers do not say.
    """
    is_index = listed.instrument.kind is Kind.INDEX
    return {
        **listed.identity,
        "ts_start": bar.starts_at,
        "ts_end": bar.starts_at + MINUTE,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": None if is_index else bar.volume,
        "wap": None if is_index or bar.wap == 0 else bar.wap,
        "trade_count": None if is_index else bar.trade_count,
        "source": source,
        "data_type": data_type,
        "received_at": received_at,
    }


def to_batches(
    table: str, rows: Iterable[dict[str, Any]], calendar: TradingCalendar, time_column: str
) -> list[NewBatch]:
    """Return one batch for each session that the rows belong to."""
    by_session: dict[date, list[dict[str, Any]]] = {}
    for row in rows:
        day = calendar.session_date(row[time_column])
        by_session.setdefault(day, []).append({**row, "session_date": day})
    schema = {name: kind for name, kind in TABLES[table].schema.items() if name not in LAKE_COLUMNS}
    return [
        NewBatch(
            table=table,
            session_date=day,
            rows=pl.DataFrame(content, schema=schema, orient="row"),
            observed_from=min(row[time_column] for row in content),
            observed_to=max(row[time_column] for row in content),
        )
        for day, content in sorted(by_session.items())
    ]


def finished(bars: Iterable[Bar], window: tuple[datetime, datetime], now: datetime) -> list[Bar]:
    """Return the bars that start in [from, to) and had ended by ``now``."""
    start, end = window
    return [bar for bar in bars if start <= bar.starts_at < end and bar.starts_at + MINUTE <= now]


def expiry_date(text: str) -> date | None:
    """Return the date in the broker's ``realExpirationDate``, None when it is empty."""
    return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date() if text else None


def age_seconds(since: datetime, now: datetime) -> float:
    """Return how long ago ``since`` was; never negative."""
    return max((now - since) / timedelta(seconds=1), 0.0)
