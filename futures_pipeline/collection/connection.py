"""One session with IB Gateway or TWS: connect, ask, subscribe, leave.

The only door to ``ib_async``'s connection. Nothing here can place or change an order, and
the connection is opened read-only.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import ib_async

from futures_pipeline.collection.broker_codes import CLIENT_ID_TAKEN, FARM_BROKEN, FARM_OK
from futures_pipeline.config import GatewaySettings
from futures_pipeline.domain.errors import GatewayRefused, GatewayUnavailable, RequestFailed
from futures_pipeline.domain.instruments import Instrument, Kind

log = logging.getLogger(__name__)

# ib_async's own throttle sends in bursts; these leave its messages evenly, 40 a second.
MAX_MESSAGES, MESSAGE_SPACING_SECONDS = 1, 0.025
# 233 last trade in milliseconds, 588 futures open interest, 106 implied volatility.
GENERIC_TICKS = {Kind.FUTURE: "106,233,588", Kind.ETF: "106,233", Kind.INDEX: ""}
LIVE = 1
Answer = TypeVar("Answer")


class RequestTimedOut(RequestFailed):
    """The broker did not answer in time; the request may be tried again."""


class GatewaySession:
    """A connected session; make one with :meth:`open`, leave it with :meth:`close`.

    ``lost`` is set when the socket is gone. A session is never reused.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._ib = ib_async.IB()
        self._codes: list[tuple[int, str]] = []
        self.lost = asyncio.Event()
        self.on_tickers: Callable[[Iterable[ib_async.Ticker]], None] = _ignore
        self.on_bars: Callable[[ib_async.RealTimeBarList], None] = _ignore

    async def open(self) -> None:
        """Connect, read-only.

        Raises:
            GatewayUnavailable: nothing usable answers.
            GatewayRefused: the client id is taken or the session was refused.
        """
        ib, where = self._ib, f"{self._settings.host}:{self._settings.port}"
        ib.RaiseRequestErrors = True
        ib.client.MaxRequests = MAX_MESSAGES
        ib.client.RequestsInterval = MESSAGE_SPACING_SECONDS  # type: ignore[assignment] # any number
        ib.errorEvent -= ib._onError  # it re-subscribes to account data at every 1102
        ib.errorEvent += self._on_error
        ib.disconnectedEvent += self.lost.set
        ib.pendingTickersEvent += lambda tickers: self.on_tickers(tickers)
        ib.barUpdateEvent += lambda bars, _: self.on_bars(bars)
        for name in ib.events:
            getattr(ib, name).error_event += _log_handler_error
        try:
            await ib.connectAsync(
                self._settings.host,
                self._settings.port,
                clientId=self._settings.client_id,
                timeout=self._settings.connect_timeout_seconds,
                readonly=True,
                fetchFields=ib_async.StartupFetch(0),
            )
        except (OSError, TimeoutError, ValueError, UnicodeDecodeError) as error:
            self.close()
            raise self._unavailable(error, where) from error
        ib.reqMarketDataType(LIVE)
        log.info("gateway_connected address=%s server_version=%d", where, ib.client.serverVersion())

    def close(self) -> None:
        """Leave at once; pending requests end with a ConnectionError."""
        transport = getattr(self._ib.client.conn, "transport", None)
        if transport is not None:
            transport.abort()
        self._ib.disconnect()
        self.lost.set()

    async def futures(self, instrument: Instrument) -> list[ib_async.ContractDetails]:
        """Return the listed and the recently expired contracts of a futures root."""
        wanted = ib_async.Future(
            instrument.symbol, exchange=instrument.exchange, currency="USD", includeExpired=True
        )
        return await self._ask(instrument.symbol, self._ib.reqContractDetailsAsync(wanted))

    async def spot(self, instrument: Instrument) -> list[ib_async.ContractDetails]:
        """Return the contract of an ETF or index."""
        wanted: ib_async.Contract
        if instrument.kind is Kind.INDEX:
            wanted = ib_async.Index(instrument.symbol, instrument.exchange, "USD")
        else:
            wanted = ib_async.Stock(instrument.symbol, instrument.exchange, "USD")
        return await self._ask(instrument.symbol, self._ib.reqContractDetailsAsync(wanted))

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

    def stream_bars(self, contract: ib_async.Contract) -> ib_async.RealTimeBarList:
        """Subscribe to a contract's five-second trade bars."""
        return self._ib.reqRealTimeBars(contract, 5, "TRADES", useRTH=False)

    def end_streams(self, contract: ib_async.Contract, bars: ib_async.RealTimeBarList) -> None:
        """Give a contract's two lines back."""
        self._ib.cancelMktData(contract)
        self._ib.cancelRealTimeBars(bars)

    async def _ask(self, subject: str, answer: Awaitable[Answer]) -> Answer:
        limit = self._settings.request_timeout_seconds
        try:
            return await asyncio.wait_for(answer, limit)
        except ib_async.RequestError as error:
            raise RequestFailed(subject, error.code, error.message) from error
        except TimeoutError as error:
            raise RequestTimedOut(subject, 0, f"nothing within {limit:g} s") from error

    def _on_error(self, request_id: int, code: int, text: str, contract: Any) -> None:
        del contract
        self._codes.append((code, text))
        self._codes = self._codes[-50:]
        if code in FARM_OK:
            log.debug("farm_ok code=%d text=%r", code, text)
        elif code in FARM_BROKEN:
            log.warning("farm_broken code=%d text=%r", code, text)
        else:
            log.warning("broker_message code=%d request=%d text=%r", code, request_id, text)

    def _unavailable(self, error: Exception, where: str) -> GatewayUnavailable | GatewayRefused:
        if any(code == CLIENT_ID_TAKEN for code, _ in self._codes):
            return GatewayRefused(
                f"gateway {where}: client id {self._settings.client_id} is already in use; "
                "stop the other program or set gateway.client_id"
            )
        if isinstance(error, ConnectionRefusedError):
            return GatewayUnavailable(
                f"gateway {where}: nothing listens there; start IB Gateway or TWS with its API "
                "enabled, or correct gateway.host and gateway.port"
            )
        if isinstance(error, TimeoutError):
            return GatewayUnavailable(
                f"gateway {where}: something accepted the connection but did not answer as an "
                f"IB Gateway within {self._settings.connect_timeout_seconds:g} s; check the port, "
                "and whether the Gateway waits at its login dialog"
            )
        return GatewayUnavailable(
            f"gateway {where}: cannot connect ({error or type(error).__name__}); check "
            "gateway.host and gateway.port, and that the Gateway's API is enabled"
        )


async def first_session(
    settings: GatewaySettings, pause: Callable[[float], Awaitable[object]]
) -> GatewaySession:
    """Return a session after at most ``connect_attempts`` tries, one second apart.

    Raises:
        GatewayUnavailable, GatewayRefused: the last try's reason.
    """
    for attempt in range(1, settings.connect_attempts + 1):
        session = GatewaySession(settings)
        try:
            await session.open()
        except (GatewayUnavailable, GatewayRefused) as error:
            if attempt == settings.connect_attempts:
                raise
            log.warning("connect_failed attempt=%d reason=%r", attempt, str(error))
            await pause(1.0)
        else:
            return session
    raise AssertionError("unreachable")


async def until_first(*events: asyncio.Event) -> None:
    """Return when one of ``events`` is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
            with suppress(asyncio.CancelledError):
                await wait


def _ignore(data: object) -> None:
    """Take data that nobody has asked to be told about."""


def _log_handler_error(event: Any, error: Exception) -> None:
    log.error("event_handler_failed event=%s", event, exc_info=error)
