"""Asking Binance's REST for what the streams left out, within its weights."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx

from futures_pipeline.collection.binance.messages import (
    Kline,
    MalformedMessage,
    Trade,
    kline_list,
    server_time,
    trade_list,
)
from futures_pipeline.collection.broker.pacing import Gate, RateLimit
from futures_pipeline.collection.clock_offset import Offset, offset_of
from futures_pipeline.config.binance import LOOPBACK
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import PipelineError

# Source: binance-spot-api-docs, rest-api.md: 6000 weight a minute for an address. Half of it is
# left to other programs there.
WEIGHT = RateLimit(requests=3000, per_seconds=60.0)
KLINES_WEIGHT, TRADES_WEIGHT, TIME_WEIGHT = 2, 4, 1
# The exchange counts for the whole address; beyond this nothing is asked until its next minute.
MOST_USED_WEIGHT = 5000
ROWS_PER_REQUEST = 1000
TIMEOUT_SECONDS = 10.0
TOO_MANY, BANNED = 429, 418
UNTOLD_WAIT_SECONDS = {TOO_MANY: 60.0, BANNED: 300.0}
MINUTE, MILLISECOND = timedelta(minutes=1), timedelta(milliseconds=1)
Query = Mapping[str, str | int]
Found = TypeVar("Found")

log = logging.getLogger(__name__)
# The library tells of every single request at INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


class RestFailed(PipelineError):
    """A REST request was not answered as wanted; ``is_final`` when asking again is pointless."""

    def __init__(self, subject: str, kind: str, text: str, is_final: bool = False) -> None:
        super().__init__(f"{subject}: {text}")
        self.kind = kind
        self.is_final = is_final


class Rest:
    """The REST host; every request waits until it keeps the limits."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._gate = Gate(WEIGHT, clock)
        self._client = httpx.AsyncClient(
            base_url=url, timeout=TIMEOUT_SECONDS, trust_env=not is_loopback(url)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, error, trace
        await self._client.aclose()

    async def klines(self, name: str, start: datetime, end: datetime) -> list[Kline]:
        """Return the minutes that start in ``[start, end)``, ascending; the last may still grow.

        Raises:
            RestFailed: not all of them could be had.
        """
        found: list[Kline] = []
        while start < end:
            query: Query = {
                "symbol": name,
                "interval": "1m",
                "startTime": _milliseconds(start),
                "endTime": _milliseconds(end - MILLISECOND),
                "limit": ROWS_PER_REQUEST,
            }
            body = await self._get("/api/v3/klines", query, KLINES_WEIGHT)
            part = _read(partial(kline_list, name), body)
            found += [kline for kline in part if start <= kline.starts_at < end]
            if not part:
                break
            start = max(start, part[-1].starts_at) + MINUTE
        return found

    async def trades(self, name: str, first: int) -> list[Trade]:
        """Return up to 1000 trades from id ``first`` on, ascending.

        Raises:
            RestFailed: they could not be had.
        """
        query: Query = {"symbol": name, "fromId": first, "limit": ROWS_PER_REQUEST}
        body = await self._get("/api/v3/aggTrades", query, TRADES_WEIGHT)
        return _read(partial(trade_list, name), body)

    async def offset(self) -> Offset:
        """Return how far the exchange's clock is ahead of ours.

        Raises:
            RestFailed: it could not be had.
        """
        use = await self._gate.enter(TIME_WEIGHT)
        asked_at = self._clock.now()
        try:
            response = await self._send("/api/v3/time", {})
        finally:
            self._gate.leave(use, self._clock.now().timestamp())
        answered_at = self._clock.now()
        return offset_of(_read(server_time, response.content), asked_at, answered_at)

    async def _get(self, path: str, query: Query, weight: int) -> bytes:
        use = await self._gate.enter(weight)
        try:
            response = await self._send(path, query)
        finally:
            self._gate.leave(use, self._clock.now().timestamp())
        return response.content

    async def _send(self, path: str, query: Query) -> httpx.Response:
        try:
            response = await self._client.get(path, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"no answer ({type(error).__name__} {error}); is binance.rest_url right?"
            raise RestFailed(f"binance {path}", "no_answer", reason) from error
        self._obey(response)
        if response.status_code != httpx.codes.OK:
            raise _refusal(path, response)
        return response

    def _obey(self, response: httpx.Response) -> None:
        """Hold everything back for as long as the exchange says, or counts too much."""
        now = self._clock.now().timestamp()
        if response.status_code in UNTOLD_WAIT_SECONDS:
            told = _number(response.headers.get("Retry-After"))
            wait = UNTOLD_WAIT_SECONDS[response.status_code] if told is None else float(told)
            self._gate.hold(now + wait)
            level = logging.ERROR if response.status_code == BANNED else logging.WARNING
            log.log(level, "rest_refused status=%d wait=%.0f", response.status_code, wait)
        used = _number(response.headers.get("X-MBX-USED-WEIGHT-1M"))
        if used is not None and used > MOST_USED_WEIGHT:
            self._gate.hold((now // 60.0 + 1.0) * 60.0)


def is_loopback(url: str) -> bool:
    """Return whether a URL means this machine, which no proxy stands before."""
    return urlsplit(url).hostname in LOOPBACK


def _refusal(path: str, response: httpx.Response) -> RestFailed:
    status, text = response.status_code, response.text[:200]
    is_limit = status in UNTOLD_WAIT_SECONDS
    is_final = httpx.codes.is_client_error(status) and not is_limit
    remedy = "; check binance.symbols and binance.rest_url" if is_final else ""
    kind = "pacing" if is_limit else f"http_{status}"
    return RestFailed(f"binance {path}", kind, f"answered {status} {text}{remedy}", is_final)


def _read(read: Callable[[bytes], Found], body: bytes) -> Found:
    try:
        return read(body)
    except MalformedMessage as error:
        raise RestFailed("binance answer", "malformed", str(error)) from error


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
