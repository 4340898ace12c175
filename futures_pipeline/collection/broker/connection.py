"""One session with IB Gateway or TWS: connect, ask, subscribe, leave.

The only door to ``ib_async``'s connection. It asks for no account data, and nothing here can
place or change an order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import ib_async

from futures_pipeline.collection.broker.codes import CLIENT_ID_TAKEN, INVALID_REQUEST, redacted
from futures_pipeline.collection.broker.guards import (
    cap_frames,
    forbid_orders,
    report_handler_errors,
)
from futures_pipeline.collection.broker.unreachable import why_unreachable
from futures_pipeline.config import GatewaySettings
from futures_pipeline.domain.errors import GatewayRefused, GatewayUnavailable, RequestFailed
from futures_pipeline.domain.instruments import Instrument, Kind

log = logging.getLogger(__name__)

# ib_async's own throttle sends in bursts; these leave its messages evenly, 40 a second.
MAX_MESSAGES, MESSAGE_SPACING_SECONDS = 1, 0.025
# 233 last trade in milliseconds, 588 futures open interest, 106 implied volatility.
GENERIC_TICKS = {Kind.FUTURE: "106,233,588", Kind.ETF: "106,233", Kind.INDEX: ""}
# 100 option volume, 101 open interest, 106 implied volatility.
OPTION_TICKS = "100,101,106"
LIVE = 1
Answer = TypeVar("Answer")


class RequestTimedOut(RequestFailed):
    """The broker did not answer in time; the request may be tried again."""


class ClientIdTaken(GatewayRefused):
    """Another connection, or the ghost of one, holds the client id (326)."""


@dataclass(frozen=True, slots=True)
class BrokerMessage:
    """An error or notice of the broker; ``request_id`` -1 and ``con_id`` None: about all."""

    request_id: int
    code: int
    text: str
    con_id: int | None


class GatewaySession:
    """A connected session; make one with :meth:`open`, leave it with :meth:`close`.

    ``lost`` is set when the socket is gone, ``lost_because`` says why where it is known. A
    session is never reused. ``on_message``, ``on_tickers`` and ``on_bars`` are called from
    the event loop with what the broker sends.
    """

    def __init__(self, settings: GatewaySettings, client_id: int | None = None) -> None:
        self.client_id = settings.client_id if client_id is None else client_id
        self.lost = asyncio.Event()
        self.lost_because = ""
        self.handler_errors = 0
        self.on_message: Callable[[BrokerMessage], None] = _ignore
        self.on_tickers: Callable[[Iterable[ib_async.Ticker]], None] = _ignore
        self.on_bars: Callable[[ib_async.RealTimeBarList], None] = _ignore
        self._settings = settings
        self._ib = ib_async.IB()
        self._refused_codes: set[int] = set()
        self._current_time = asyncio.Lock()

    @property
    def server_version(self) -> int:
        return int(self._ib.client.serverVersion())

    async def open(self) -> None:
        """Connect.

        Raises:
            GatewayUnavailable: nothing usable answers.
            ClientIdTaken: the client id is in use.
        """
        self._prepare()
        try:
            await self._connected()
        except (OSError, TimeoutError, ValueError, UnicodeDecodeError) as error:
            self.close()
            raise self._why_not(error) from error
        self._ib.reqMarketDataType(LIVE)
        log.info(
            "gateway_connected address=%s:%d client_id=%d server_version=%d",
            self._settings.host,
            self._settings.port,
            self.client_id,
            self.server_version,
        )

    def close(self) -> None:
        """Leave at once; pending requests end with a ConnectionError."""
        transport = getattr(self._ib.client.conn, "transport", None)
        if transport is not None:
            transport.abort()
        self._ib.disconnect()
        self.lost.set()

    async def futures(self, instrument: Instrument) -> list[ib_async.ContractDetails]:
        """Return the listed and the recently expired contracts of a futures root."""
        return await self.details(
            ib_async.Future(
                instrument.symbol, exchange=instrument.exchange, currency="USD", includeExpired=True
            )
        )

    async def spot(self, instrument: Instrument) -> list[ib_async.ContractDetails]:
        """Return the contract of an ETF or index."""
        wanted: ib_async.Contract
        if instrument.kind is Kind.INDEX:
            wanted = ib_async.Index(instrument.symbol, instrument.exchange, "USD")
        else:
            wanted = ib_async.Stock(instrument.symbol, instrument.exchange, "USD")
        return await self.details(wanted)

    async def details(self, wanted: ib_async.Contract) -> list[ib_async.ContractDetails]:
        """Return the contracts that fit ``wanted``; its empty fields fit all."""
        return await self._ask(wanted.symbol, self._ib.reqContractDetailsAsync(wanted))

    async def option_parameters(self, symbol: str, con_id: int) -> list[ib_async.OptionChain]:
        """Return the expiries and strikes of a stock's options, by exchange."""
        asked = self._ib.reqSecDefOptParamsAsync(symbol, "", "STK", con_id)
        return await self._ask(symbol, asked)

    async def current_time(self, within_seconds: float | None = None) -> datetime:
        """Return the broker's time (UTC, whole seconds): the cheapest sign of life.

        ``within_seconds``: the machine's patience; None is that of every request.
        """
        async with self._current_time:  # of two at a time the library never ends the first
            told = await self._ask("time", self._ib.reqCurrentTimeAsync(), within_seconds)
        return told.astimezone(UTC)

    async def history(
        self, contract: ib_async.Contract, end: datetime | None, duration: str
    ) -> Sequence[ib_async.BarData]:
        """Return one-minute trade bars up to ``end`` (None: now), times in UTC."""
        request = self._ib.reqHistoricalDataAsync(
            contract,
            endDateTime=end,
            durationStr=duration,
            barSizeSetting="1 min",
            whatToShow="TRADES",
            useRTH=False,
            formatDate=2,
            timeout=0,
        )
        bars: ib_async.BarDataList = await self._ask(contract.localSymbol, request)
        return bars

    def stream_quotes(self, contract: ib_async.Contract, kind: Kind) -> ib_async.Ticker:
        """Subscribe to a contract's quotes and return the object that carries them."""
        return self._ib.reqMktData(contract, GENERIC_TICKS[kind])

    def quotes_request(self, ticker: ib_async.Ticker) -> int:
        """Return the request id under which a quote stream runs, 0 when it does not."""
        return int(self._ib.wrapper.ticker2ReqId["mktData"].get(ticker, 0))

    def stream_bars(self, contract: ib_async.Contract) -> ib_async.RealTimeBarList:
        """Subscribe to a contract's five-second trade bars."""
        return self._ib.reqRealTimeBars(contract, 5, "TRADES", useRTH=False)

    def stream_option(self, contract: ib_async.Contract) -> ib_async.Ticker:
        """Subscribe to an option's quotes, greeks, volume and open interest."""
        return self._ib.reqMktData(contract, OPTION_TICKS)

    def end_quotes(self, contract: ib_async.Contract) -> None:
        """Give a quote line back, and forget what its ticker was told."""
        wrapper = self._ib.wrapper
        ticker = wrapper.tickers.get(hash(contract))
        if ticker is None or self.lost.is_set():
            return
        request_id = wrapper.ticker2ReqId["mktData"].get(ticker, 0)
        self._ib.cancelMktData(contract)
        # The library keeps both for ever, and would serve the old prices to a new line.
        wrapper.reqId2Ticker.pop(request_id, None)
        wrapper.tickers.pop(hash(contract), None)

    end_option = end_quotes

    def end_bars(self, bars: ib_async.RealTimeBarList) -> None:
        """Give a bar line back."""
        if not self.lost.is_set():
            self._ib.cancelRealTimeBars(bars)

    def end_streams(self, contract: ib_async.Contract, bars: ib_async.RealTimeBarList) -> None:
        """Give a contract's two lines back."""
        self.end_quotes(contract)
        self.end_bars(bars)

    def _prepare(self) -> None:
        ib = self._ib
        ib.RaiseRequestErrors = True
        ib.client.MaxRequests = MAX_MESSAGES
        ib.client.RequestsInterval = MESSAGE_SPACING_SECONDS  # type: ignore[assignment] # any number
        ib.errorEvent -= ib._onError  # it re-subscribes to account data at every 1102
        ib.errorEvent += self._on_error
        ib.disconnectedEvent += self.lost.set
        ib.pendingTickersEvent += lambda tickers: self.on_tickers(tickers)
        ib.barUpdateEvent += lambda bars, _: self.on_bars(bars)
        forbid_orders(ib)
        cap_frames(ib, self._abandon)
        report_handler_errors(ib, self._count_handler_error)

    async def _connected(self) -> None:
        """Connect without the account requests of ``IB.connectAsync``.

        Ends as soon as the socket closes: the library would wait its time-out for a client
        id that is taken.
        """
        ib, settings = self._ib, self._settings
        ib.wrapper.clientId = self.client_id
        closed = asyncio.Event()
        ib.client.apiError += lambda _: closed.set()
        connecting = asyncio.ensure_future(
            ib.client.connectAsync(  # type: ignore[no-untyped-call] # it is a coroutine
                settings.host, settings.port, self.client_id, settings.connect_timeout_seconds
            )
        )
        ended = asyncio.ensure_future(closed.wait())
        try:
            await asyncio.wait([connecting, ended], return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise ConnectionResetError("the connection was closed during the handshake")
            connecting.result()
        finally:
            for task in (connecting, ended):
                task.cancel()
            await asyncio.gather(connecting, ended, return_exceptions=True)

    async def _ask(
        self, subject: str, answer: Awaitable[Answer], within_seconds: float | None = None
    ) -> Answer:
        limit = within_seconds or self._settings.request_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                return await answer
        except ib_async.RequestError as error:
            raise RequestFailed(subject, error.code, redacted(error.message)) from error
        except TimeoutError as error:
            raise RequestTimedOut(subject, 0, f"nothing within {limit:g} s") from error

    def _on_error(self, request_id: int, code: int, text: str, contract: Any) -> None:
        if not self._ib.client.isReady():
            self._refused_codes.add(code)
        if code == INVALID_REQUEST:  # a warning to the library, which would wait for an answer
            refused = ib_async.RequestError(request_id, code, text)
            self._ib.wrapper._endReq(  # type: ignore[no-untyped-call] # it has no hints
                request_id, refused, success=False
            )
        con_id = getattr(contract, "conId", None) or None
        self.on_message(BrokerMessage(request_id, code, redacted(text), con_id))

    def _count_handler_error(self) -> None:
        self.handler_errors += 1

    def _abandon(self, reason: str) -> None:
        """Leave a session that cannot be trusted any more."""
        self.lost_because = reason
        transport = getattr(self._ib.client.conn, "transport", None)
        if transport is not None:
            transport.abort()

    def _why_not(self, error: Exception) -> GatewayUnavailable | GatewayRefused:
        where = f"{self._settings.host}:{self._settings.port}"
        if CLIENT_ID_TAKEN in self._refused_codes:
            return ClientIdTaken(
                f"gateway {where}: client id {self.client_id} is already in use; "
                "stop the other program or set gateway.client_id"
            )
        if self.lost_because:
            return GatewayUnavailable(
                f"gateway {where}: {self.lost_because}; check that it is an IB Gateway or TWS"
            )
        return GatewayUnavailable(
            f"gateway {where}: {why_unreachable(error, self._settings.connect_timeout_seconds)}"
        )


def _ignore(data: object) -> None:
    """Take data that nobody has asked to be told about."""
