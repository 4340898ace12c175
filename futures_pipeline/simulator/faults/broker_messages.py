"""Faults that the broker reports: lost farms, refused requests, data that are not entitled."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from futures_pipeline.simulator.faults.connection import UPSTREAM_LOST_TEXT
from futures_pipeline.simulator.faults.counting import Charge
from futures_pipeline.simulator.faults.state import (
    HISTORY_FARM,
    MARKET_FARM,
    UPSTREAM,
    UPSTREAM_IDS,
    Entitlement,
    Refusal,
)
from futures_pipeline.simulator.faults.table import Fault, Lasting, lasting
from futures_pipeline.simulator.gateway import requests
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.gateway.requests import COMPETING_SESSION
from futures_pipeline.simulator.gateway.session import BROKEN_FARMS, NO_SERVER, NOTICES
from futures_pipeline.simulator.protocol import ticks
from futures_pipeline.simulator.protocol.limits import LINES, PACING

DATA_LOST, DATA_KEPT = 1101, 1102
RESTORED = {
    DATA_LOST: "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
    DATA_KEPT: "Connectivity between IBKR and Trader Workstation has been restored - "
    "data maintained.",
}
NOT_SUBSCRIBED = "Requested market data is not subscribed."
HISTORY, QUOTES, REALTIME_BARS, TICK_BY_TICK = "20", "1", "50", "97"
HMDS = "Historical Market Data Service error message:"
# Live type to delayed type. Source: TWS API, "Tick Types": delayed 66-76, 80-83, 88 and 90.
DELAYED_KINDS = {
    ticks.BID: 66,
    ticks.ASK: 67,
    ticks.LAST: 68,
    ticks.BID_SIZE: 69,
    ticks.ASK_SIZE: 70,
    ticks.LAST_SIZE: 71,
    ticks.HIGH: 72,
    ticks.LOW: 73,
    ticks.VOLUME: 74,
    ticks.CLOSE: 75,
    ticks.OPEN: 76,
    ticks.BID_COMPUTATION: 80,
    ticks.ASK_COMPUTATION: 81,
    ticks.LAST_COMPUTATION: 82,
    ticks.MODEL_COMPUTATION: 83,
    ticks.LAST_TIME: 88,
    ticks.HALTED: 90,
}
DELAY_SECONDS = 900.0
DELAYED = Entitlement(
    10167,
    f"{NOT_SUBSCRIBED} Displaying delayed market data.",
    {str(kind): str(delayed) for kind, delayed in DELAYED_KINDS.items()},
    data_type=3,
)
# Which ticks survive a 10090 is not documented; here the quotes go and the trades stay.
QUOTE_KINDS = {
    *(ticks.BID, ticks.ASK, ticks.BID_SIZE, ticks.ASK_SIZE),
    *(ticks.BID_COMPUTATION, ticks.ASK_COMPUTATION),
}
WITHOUT_QUOTES = Entitlement(
    10090,
    "Part of requested market data is not subscribed. "
    "Subscription-independent ticks are still active.",
    {str(kind): str(kind) for kind in DELAYED_KINDS if kind not in QUOTE_KINDS},
)


async def upstream_lost(gateway: Gateway, code: int, text: str, then: int) -> Lasting:
    """Stop streams and hold requests; ``then`` is how it ends, 0 without a word."""
    gateway.notify(code, text)
    gateway.broker.faults.lost.append(UPSTREAM)
    yield None
    gateway.broker.faults.lost.remove(UPSTREAM)
    if then == DATA_LOST:
        _kill_streams(gateway)
    if then:
        gateway.notify(then, RESTORED[then])
    _resume(gateway)


async def farm_lost(gateway: Gateway, farm: str, streams_die: bool) -> Lasting:
    gateway.notify(*BROKEN_FARMS[farm])
    gateway.broker.faults.lost.append(farm)
    if streams_die:
        _kill_streams(gateway)
    yield None
    gateway.broker.faults.lost.remove(farm)
    gateway.notify(*next((code, text) for name, code, text in NOTICES if name == farm))
    _resume(gateway)


def _kill_streams(gateway: Gateway) -> None:
    for session in gateway.sessions.values():
        session.kill_streams()


def _resume(gateway: Gateway) -> None:
    for session in gateway.sessions.values():
        waiting, session.waiting = session.waiting, []
        for fields in waiting:
            requests.dispatch(session, fields)


async def competing_session(gateway: Gateway) -> Lasting:
    for session in gateway.sessions.values():
        for request_id in session.streams:
            session.error(request_id, *COMPETING_SESSION)
    gateway.broker.faults.competing = True
    yield None
    gateway.broker.faults.competing = False


async def refuse(
    gateway: Gateway, code: int, text: str, message_ids: frozenset[str], symbol: str, count: int
) -> Lasting:
    faults = gateway.broker.faults
    refusal = Refusal(code, text, message_ids, symbol, Charge.of(count))
    faults.refusals.append(refusal)
    yield refusal.charge
    faults.refusals = [other for other in faults.refusals if other is not refusal]


async def entitle(gateway: Gateway, given: Entitlement, symbol: str, delay: float = 0.0) -> Lasting:
    faults = gateway.broker.faults
    entitlement = replace(given, symbols=symbol, delay_seconds=delay)
    faults.entitlements.append(entitlement)
    yield None
    faults.entitlements = [other for other in faults.entitlements if other is not entitlement]


async def mute(gateway: Gateway, message_id: str) -> Lasting:
    muted = gateway.broker.faults.muted
    muted.append(message_id)
    yield None
    muted.remove(message_id)


def _upstream(description: str, code: int, text: str, then: int, seconds: float) -> Fault:
    run = partial(upstream_lost, code=code, text=text, then=then)
    return lasting(description, run, seconds=seconds)


def _refusal(description: str, code: int, text: str, *message_ids: str, count: int = 0) -> Fault:
    run = partial(refuse, code=code, text=text, message_ids=frozenset(message_ids))
    return lasting(description, run, symbol="", count=count)


BROKER_FAULTS: Mapping[str, Fault] = {
    "1100": _upstream("upstream lost, ends without a word", 1100, UPSTREAM_LOST_TEXT, 0, 0.0),
    "1100_1102": _upstream(
        "upstream lost, then restored with data kept", 1100, UPSTREAM_LOST_TEXT, DATA_KEPT, 30.0
    ),
    "1100_1101": _upstream(
        "upstream lost, then restored with every stream dead",
        1100,
        UPSTREAM_LOST_TEXT,
        DATA_LOST,
        30.0,
    ),
    "2110": _upstream("TWS has lost its server, then 1102", *NO_SERVER, DATA_KEPT, 30.0),
    "2103_2104": lasting(
        "market data farm broken, then OK with every stream dead",
        partial(farm_lost, farm=MARKET_FARM, streams_die=True),
        seconds=30.0,
    ),
    "2103_2104_alive": lasting(
        "market data farm broken, then OK and the streams go on",
        partial(farm_lost, farm=MARKET_FARM, streams_die=False),
        seconds=30.0,
    ),
    "2105_2106": lasting(
        "history farm broken: history waits, then OK",
        partial(farm_lost, farm=HISTORY_FARM, streams_die=False),
        seconds=30.0,
    ),
    "10197": lasting("competing live session: all data stop until healed", competing_session),
    "mute": lasting("messages of one id are not sent", mute, message_id="49"),
    "no_positions": lasting("positions are never answered", partial(mute, message_id="62")),
    "200": _refusal(
        "unknown contract",
        200,
        "No security definition has been found for the request",
        *UPSTREAM_IDS,
    ),
    "354": _refusal("quotes are not subscribed", 354, NOT_SUBSCRIBED, QUOTES),
    "10089": _refusal(
        "quotes need a further subscription for the API",
        10089,
        "Requested market data requires additional subscription for API. See link in "
        "'Market Data Connections' dialog for more details.Delayed market data is available.",
        QUOTES,
    ),
    "10168": _refusal(
        "quotes are not subscribed and delayed ones not enabled",
        10168,
        f"{NOT_SUBSCRIBED} Delayed market data is not enabled.",
        QUOTES,
    ),
    "101": _refusal("no more market data lines", 101, LINES.text, QUOTES, REALTIME_BARS),
    "10190": _refusal(
        "no more tick-by-tick requests",
        10190,
        "Max number of tick-by-tick requests has been reached.",
        TICK_BY_TICK,
    ),
    "420": _refusal(
        "five-second bars are not permitted",
        420,
        "Invalid Real-time Query:No market data permissions",
        REALTIME_BARS,
    ),
    "321": _refusal(
        "history: the request is not valid",
        321,
        "Error validating request.-'bW' : cause - Invalid step",
        HISTORY,
    ),
    "162_pacing": _refusal("history: pacing violation", 162, PACING, HISTORY, count=1),
    "162_cancelled": _refusal(
        "history: the query was cancelled",
        162,
        HMDS + "API historical data query cancelled: {request_id}",
        HISTORY,
        count=1,
    ),
    "162_no_permission": _refusal(
        "history: no permission", 162, HMDS + "No market data permissions", HISTORY
    ),
    "10090": lasting(
        "quote lines come without bid and ask",
        partial(entitle, given=WITHOUT_QUOTES),
        symbol="",
    ),
    "10167": lasting(
        "quote lines come delayed, under the delayed types",
        partial(entitle, given=DELAYED),
        symbol="",
        delay=DELAY_SECONDS,
    ),
}
