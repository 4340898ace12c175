"""What the broker does with each request, as a table from message id to handler.

A handler reads the fields after the message id. It answers at once, starts a stream or a
task, or raises ``Refused``.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from futures_pipeline.simulator.faults.state import UPSTREAM_IDS
from futures_pipeline.simulator.gateway import accounts, history
from futures_pipeline.simulator.gateway.details import MARKET_RULES
from futures_pipeline.simulator.gateway.session import ClientSession
from futures_pipeline.simulator.gateway.streams import BarStream, PartialStream
from futures_pipeline.simulator.market.source import SIDES, last_opened, trades_volume
from futures_pipeline.simulator.market.universe import Listing
from futures_pipeline.simulator.options.details import described
from futures_pipeline.simulator.options.parameters import option_parameters
from futures_pipeline.simulator.options.stream import quote_stream
from futures_pipeline.simulator.protocol import messages
from futures_pipeline.simulator.protocol.limits import HistoryKey
from futures_pipeline.simulator.protocol.ticks import Line
from futures_pipeline.simulator.protocol.wire import Cursor, ProtocolError, Refused

Handler = Callable[[ClientSession, int, Cursor], None]
EXCHANGE_MAP = "9c0001"
COMPETING_SESSION = (10197, "No market data during competing live session")


@dataclass(frozen=True, slots=True)
class Request:
    """How a message starts: whether a version comes first, whether an id follows."""

    handler: Handler
    version: bool
    request_id: bool = True


def dispatch(session: ClientSession, fields: list[str]) -> None:
    """Answer one request; whatever happens, the client hears of it.

    Only a request that needs a lost farm or server waits, until a fault's end dispatches it.
    """
    if session.broker.faults.holds(fields[0]):
        session.waiting.append(fields)
        return
    known = REQUESTS.get(fields[0])
    cursor = Cursor(fields[1:])
    request_id = -1
    try:
        if known is None:
            request_id = _unsupported_id(fields)
            _refuse_by_fault(session, fields[0], request_id, "")
            _unsupported(session, request_id, fields[0])
            return
        cursor.skip(int(known.version))
        request_id = cursor.integer() if known.request_id else -1
        if fields[0] in UPSTREAM_IDS and session.broker.faults.refusals:
            symbol = session.broker.symbol_of(cursor.copy().contract())
            _refuse_by_fault(session, fields[0], request_id, symbol)
        known.handler(session, request_id, cursor)
    except Refused as refused:
        session.error(request_id, refused.code, refused.text)
    except ProtocolError as error:
        session.error(request_id, 320, f"Error reading request. Message: {error}")


def _refuse_by_fault(session: ClientSession, message_id: str, request_id: int, symbol: str) -> None:
    refusal = session.broker.faults.refusal(message_id, symbol)
    if refusal is not None:
        raise Refused(refusal.code, refusal.text.format(request_id=request_id))


def _unsupported_id(fields: list[str]) -> int:
    """Return where to send the refusal of a message that has no handler.

    Older messages carry a version before their id, newer ones do not.
    """
    position = 2 if fields[0] in VERSIONED else 1
    field = fields[position] if len(fields) > position else ""
    return int(field) if field.isdecimal() else -1


def _unsupported(session: ClientSession, request_id: int, message_id: str) -> None:
    session.broker.statistics.unsupported[message_id] += 1
    # Not 321, which would be nearer: ib_async takes that for a warning and waits on.
    session.error(request_id, 320, f"Request {message_id} is not supported by this simulator")


def _contract_details(session: ClientSession, request_id: int, cursor: Cursor) -> None:
    query, expired = cursor.contract(), cursor.flag()
    broker = session.broker
    today = broker.calendar().session_date(broker.now())
    for listing in broker.find(query, expired):
        details = described(listing, broker.hours(listing), today)
        session.send(messages.contract_details(session.version, request_id, details))
    session.send(messages.contract_details_end(request_id))


def _market_data(session: ClientSession, request_id: int, cursor: Cursor) -> None:
    query = cursor.contract()
    if cursor.flag():  # a delta-neutral contract
        cursor.skip(3)
    generics, snapshot, _regulatory = cursor.text(), cursor.flag(), cursor.flag()
    listing = session.broker.find_one(query, expired=False)
    _check_new(session, request_id)
    session.broker.limits.line()
    entitlement = session.broker.faults.entitlement(listing.symbol)
    data_type = session.data_type
    if entitlement is not None:
        session.error(request_id, entitlement.code, entitlement.text)
        data_type = entitlement.data_type or data_type
    session.send(messages.market_data_type(request_id, data_type))
    tick = listing.instrument.tick_size
    session.send(messages.tick_request_parameters(request_id, tick, EXCHANGE_MAP))
    line = Line(request_id, listing, _generics(generics))
    stream = quote_stream(session.broker, line, snapshot)
    session.streams[request_id] = PartialStream(stream, entitlement) if entitlement else stream
    _warn_of_competition(session, request_id)


def _warn_of_competition(session: ClientSession, request_id: int) -> None:
    if session.broker.faults.competing:
        session.error(request_id, *COMPETING_SESSION)


def _generics(text: str) -> frozenset[int]:
    wanted = [part.split(":")[0].strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() for part in wanted):
        raise Refused(321, f"Error validating request.-'bX' : cause - Invalid tick list {text!r}")
    return frozenset(int(part) for part in wanted)


def _realtime_bars(session: ClientSession, request_id: int, cursor: Cursor) -> None:
    query = cursor.contract()
    cursor.skip(1)  # the bar size: five seconds, whatever is asked
    what, regular = cursor.text(), cursor.flag()
    listing = session.broker.find_with_bars(query, expired=False)
    _check_new(session, request_id)
    if what not in ("TRADES", *SIDES[:3]) or (what != "TRADES" and not trades_volume(listing)):
        raise Refused(321, f"Error validating request.-'bX' : cause - Invalid data type {what!r}")
    session.broker.limits.realtime_bars(session.broker.pulse.market())
    session.broker.limits.line()
    stream = BarStream(session.broker, request_id, listing, what, regular)
    session.streams[request_id] = stream
    _warn_of_competition(session, request_id)


def _check_new(session: ClientSession, request_id: int) -> None:
    if request_id in session.streams:
        raise Refused(322, "Error processing request.-'bX' : cause - Duplicate ticker id")


def _cancel_stream(session: ClientSession, request_id: int, _cursor: Cursor) -> None:
    if session.streams.pop(request_id, None) is None and not session.withdraw(request_id):
        raise Refused(300, f"Can't find EId with tickerId:{request_id}")


def _history(session: ClientSession, request_id: int, cursor: Cursor) -> None:
    query, expired = cursor.contract(), cursor.flag()
    end, bar, duration = cursor.text(), cursor.text(), cursor.text()
    regular, what, date_format = cursor.flag(), cursor.text(), cursor.integer()
    keep_up_to_date = cursor.flag()
    listing = session.broker.find_with_bars(query, expired)
    if keep_up_to_date:
        raise Refused(321, "Error validating request.-'bX' : cause - keepUpToDate is not simulated")
    if session.is_running(request_id):
        raise Refused(
            322,
            "Error processing request.-'bX' : cause - "
            "Duplicate ticker ID for API historical data query",
        )
    request = history.parse_request(end, duration, bar, what, session.broker.now())
    key = HistoryKey(listing.con_id, query.exchange, what, end, duration, bar, regular)
    session.broker.limits.history(key, request.bar_seconds, session.broker.pulse.market())
    request = replace(request, regular_only=regular, epoch_dates=date_format == 2)
    session.run_request(request_id, _send_history(session, request_id, listing, request))


async def _send_history(
    session: ClientSession, request_id: int, listing: Listing, request: history.HistoryRequest
) -> None:
    broker = session.broker
    delay = broker.faults.history_delay_seconds
    await broker.until(broker.clock.now() + timedelta(seconds=delay))
    rows: list[tuple[int, messages.Fields]] = []
    hours = broker.hours(listing)
    days = history.sessions_of(request, hours)
    for day in days:
        bars = history.session_bars(broker.market, listing, hours, day, request)
        if bars is not None:
            fields = history.bar_fields(bars, listing, day.session_date, request)
            rows += zip(bars.start.tolist(), fields, strict=True)
        await asyncio.sleep(0)  # a long request must not hold up the streams
    shown = broker.faults.altered(listing.symbol, request.bar_seconds, rows) if rows else None
    if shown is None:
        missing = history.no_data(listing, request.what)
        session.error(request_id, missing.code, missing.text)
        return
    zone = listing.time_zone
    start = history.zoned(days[0].opens_at.timestamp(), zone)
    end = history.zoned(request.end.timestamp(), zone)
    bars_shown = [row for _, row in shown]
    session.send(messages.historical_data(request_id, start, end, bars_shown))


def _cancel_history(session: ClientSession, request_id: int, _cursor: Cursor) -> None:
    if not (session.cancel_request(request_id) or session.withdraw(request_id)):
        raise Refused(366, f"No historical data query found for ticker id:{request_id}")
    raise Refused(
        162,
        "Historical Market Data Service error message:"
        f"API historical data query cancelled: {request_id}",
    )


def _head_timestamp(session: ClientSession, request_id: int, cursor: Cursor) -> None:
    query, expired = cursor.contract(), cursor.flag()
    _regular, what, date_format = cursor.flag(), cursor.text(), cursor.integer()
    broker = session.broker
    listing = broker.find_with_bars(query, expired)
    opened = last_opened(broker.hours(listing).trading, broker.now(), 100_000)
    known = (day for day in opened if broker.market.has_history(listing, day))
    first = next(known, None)
    if first is None:
        raise history.no_data(listing, what)
    epoch = int(first.opens_at.timestamp())
    stamp = str(epoch) if date_format == 2 else f"{first.opens_at:%Y%m%d-%H:%M:%S}"
    session.send(messages.head_timestamp(request_id, stamp))


def _market_data_type(session: ClientSession, _request_id: int, cursor: Cursor) -> None:
    session.data_type = cursor.integer()


def _market_rule(session: ClientSession, rule: int, _cursor: Cursor) -> None:
    increments = {67: 0.25, 239: 0.1}
    if rule not in MARKET_RULES.values():
        raise Refused(321, f"Error validating request.-'bX' : cause - Unknown market rule {rule}")
    session.send(messages.market_rule(rule, increments.get(rule, 0.01)))


def _place_order(session: ClientSession, _order_id: int, _cursor: Cursor) -> None:
    session.broker.statistics.orders_received += 1
    raise Refused(201, "Order rejected - reason:This simulator takes no orders")


def _cancel_order(session: ClientSession, order_id: int, _cursor: Cursor) -> None:
    session.broker.statistics.orders_received += 1
    raise Refused(10147, f"OrderId {order_id} that needs to be cancelled is not found.")


def _ignore(_session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    """A request that the broker never answers."""


# Messages that carry a version before their id, among those without a handler.
VERSIONED = frozenset(
    {"10", "11", "12", "21", "24", "52", "53", "54", "55", "56", "57", "65", "66", "67", "68"}
    | {"69", "70", "72", "73", "75"}
)

REQUESTS: Mapping[str, Request] = {
    "1": Request(_market_data, version=True),
    "2": Request(_cancel_stream, version=True),
    "3": Request(_place_order, version=False),
    "4": Request(_cancel_order, version=True),
    "9": Request(_contract_details, version=True),
    "14": Request(_ignore, version=True, request_id=False),
    "20": Request(_history, version=False),
    "25": Request(_cancel_history, version=True),
    "50": Request(_realtime_bars, version=True),
    "51": Request(_cancel_stream, version=True),
    "58": Request(_place_order, version=True, request_id=False),
    "59": Request(_market_data_type, version=True, request_id=False),
    "78": Request(option_parameters, version=False),
    "87": Request(_head_timestamp, version=False),
    "90": Request(_ignore, version=False),
    "91": Request(_market_rule, version=False),
    "98": Request(_cancel_stream, version=False),
    "5": Request(accounts.open_orders, version=True, request_id=False),
    "6": Request(accounts.account_updates, version=True, request_id=False),
    "7": Request(accounts.executions, version=True),
    "8": Request(accounts.next_id, version=True, request_id=False),
    "15": Request(_ignore, version=True, request_id=False),
    "16": Request(accounts.open_orders, version=True, request_id=False),
    "17": Request(accounts.managed_accounts, version=True, request_id=False),
    "49": Request(accounts.current_time, version=True, request_id=False),
    "61": Request(accounts.positions, version=True, request_id=False),
    "62": Request(accounts.summary, version=True),
    "63": Request(_ignore, version=True),
    "64": Request(_ignore, version=True, request_id=False),
    "74": Request(accounts.positions_multi, version=True),
    "76": Request(accounts.updates_multi, version=True),
    "77": Request(_ignore, version=True),
    "99": Request(accounts.completed_orders, version=False, request_id=False),
}
