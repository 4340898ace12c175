"""REST requests of public market data, answered from the generated pairs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from futures_pipeline.simulator.binance import payloads
from futures_pipeline.simulator.binance.prices import EPOCH, Pair

DEFAULT_ROWS, MOST_ROWS = 500, 1000
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its JSON body and how long the client is told to wait (0: not told)."""

    status: int
    body: Any
    retry_after_seconds: int = 0

    @property
    def text(self) -> str:
        return json.dumps(self.body, separators=(",", ":"))


class BadRequest(ValueError):
    """A request that the exchange does not accept, with its own code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def answer(path: str, query: str, pairs: Mapping[str, Pair], now: datetime) -> Answer:
    """Return the answer to one request at the exchange's time ``now``."""
    try:
        return Answer(200, _body(path, dict(parse_qsl(query)), pairs, now))
    except BadRequest as error:
        return Answer(400, {"code": error.code, "msg": str(error)})


def _body(path: str, query: Mapping[str, str], pairs: Mapping[str, Pair], now: datetime) -> Any:
    if path == "/api/v3/ping":
        return {}
    if path == "/api/v3/time":
        return {"serverTime": int(now.timestamp() * 1000)}
    if "symbol" not in query:
        raise BadRequest(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null.")
    pair = pairs.get(query["symbol"])
    if pair is None:
        raise BadRequest(-1121, "Invalid symbol.")
    limit = min(_number(query, "limit", DEFAULT_ROWS), MOST_ROWS)
    rows = _klines if path == "/api/v3/klines" else _trades
    return rows(pair, query, limit, now)


def _klines(pair: Pair, query: Mapping[str, str], limit: int, now: datetime) -> list[Any]:
    """Return the bars from ``startTime`` on, or the last ones; the present minute's as it is."""
    if query.get("interval") != "1m":
        raise BadRequest(-1120, "Invalid interval.")
    end = min(_moment(query, "endTime", now), now)
    start = max(_moment(query, "startTime", end - limit * MINUTE), EPOCH)
    if end < start:
        return []
    present = int(now.timestamp()) // 60 * 60
    closed = pair.klines(start, min(end, datetime.fromtimestamp(present, UTC)))
    rows = payloads.kline_rows(closed)
    growing = pair.kline_until(present, pair.newest(now))
    if growing is not None and end.timestamp() >= present:
        rows += payloads.kline_rows(growing)
    return rows[:limit]


def _trades(pair: Pair, query: Mapping[str, str], limit: int, now: datetime) -> list[Any]:
    """Return the trades from ``fromId`` on, or the last ones."""
    newest = pair.newest(now)
    first = _number(query, "fromId", newest - limit + 1)
    return payloads.trade_rows(pair.trades(first, min(newest, first + limit - 1)))


def _moment(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    if name not in query:
        return default
    return datetime.fromtimestamp(_number(query, name, 0) / 1000, UTC)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)
