"""Faults of the connection itself: lost, mute, refused, or out of step."""

import asyncio
import struct
from collections.abc import Mapping
from functools import partial

from futures_pipeline.simulator.faults.table import Fault, Lasting, lasting
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.gateway.session import NOTICES
from futures_pipeline.simulator.protocol import messages, wire
from futures_pipeline.simulator.protocol.limits import MESSAGE_RATE

EVERY_CLIENT = -1
UPSTREAM_LOST_TEXT = "Connectivity between IBKR and Trader Workstation has been lost."


async def fin(gateway: Gateway) -> None:
    gateway.drop(reset=False)


async def rst(gateway: Gateway) -> None:
    gateway.drop(reset=True)


async def stall(gateway: Gateway) -> Lasting:
    """Hold back what connected clients would get; they get it when the fault ends."""
    held = list(gateway.sessions.values())
    for session in held:
        session.hold(reading=True)
    yield None
    for session in held:
        session.release(reading=True)


async def half_open(gateway: Gateway) -> Lasting:
    """Neither read nor write: even a client's leaving is not seen, so its id stays held."""
    held = list(gateway.sessions.values())
    for session in held:
        session.hold(reading=False)
    yield None
    for session in held:
        session.release(reading=False)


async def restart(gateway: Gateway) -> Lasting:
    gateway.refuse()
    gateway.drop(reset=False)
    yield None
    await gateway.accept()


async def nightly_reset(gateway: Gateway) -> Lasting:
    gateway.notify(1100, UPSTREAM_LOST_TEXT)
    gateway.refuse()
    gateway.drop(reset=False)
    yield None
    await gateway.accept()


async def closed_door(gateway: Gateway, door: str) -> Lasting:
    """Let new connections wait at a point of the opening."""
    doors = gateway.broker.faults.doors
    opened = doors[door] = asyncio.Event()
    yield None
    del doors[door]
    opened.set()


async def ghost(gateway: Gateway, client_id: int) -> Lasting:
    """Hold a client id for a connection that is gone; -1 is every id in use now."""
    ids = set(gateway.sessions) if client_id == EVERY_CLIENT else {client_id}
    ghosts = gateway.broker.faults.ghosts
    ghosts |= ids
    for session in [gateway.sessions[number] for number in ids & set(gateway.sessions)]:
        session.close(reset=True)
    yield None
    ghosts -= ids


async def rate_exceeded(gateway: Gateway, errors: int) -> None:
    for session in list(gateway.sessions.values()):
        for _ in range(errors):
            session.error(-1, MESSAGE_RATE.code, MESSAGE_RATE.text)
        session.close()


async def lost_framing(gateway: Gateway, extra: int) -> None:
    """Announce ``extra`` more bytes than a message has, so that it swallows the next ones."""
    for session in list(gateway.sessions.values()):
        _, code, text = NOTICES[0]
        correct = wire.frame(messages.error(session.version, -1, code, text))
        session.write(struct.pack(">I", len(correct) - 4 + extra) + correct[4:])


async def absurd_length(gateway: Gateway) -> None:
    for session in list(gateway.sessions.values()):
        session.write(b"\xff\xff\xff\xff")


async def any_message(gateway: Gateway, fields: str) -> None:
    """Send a message as it stands; ``|`` between its fields."""
    for session in list(gateway.sessions.values()):
        session.send(tuple(fields.split("|")))


CONNECTION_FAULTS: Mapping[str, Fault] = {
    "fin": Fault("every connection is closed in order", fin),
    "rst": Fault("every connection is reset", rst),
    "stall": lasting("connected clients get nothing more, their requests are read", stall),
    "half_open": lasting("sockets are neither read nor written, client ids stay held", half_open),
    "restart": lasting("connections closed, port refuses, then accepts", restart, seconds=30.0),
    "nightly_reset": lasting(
        "1100, connections closed, port refuses for minutes", nightly_reset, seconds=600.0
    ),
    "no_handshake": lasting(
        "new connections are accepted and nothing is said", partial(closed_door, door="handshake")
    ),
    "silent_start": lasting(
        "the handshake is answered, the start of the API is not", partial(closed_door, door="start")
    ),
    "326": lasting("a client id is held by a ghost (-1: those in use)", ghost, client_id=-1),
    "100": Fault("error 100, then the connection is closed", rate_exceeded, {"errors": 3}),
    "lost_framing": Fault("one length prefix is too large", lost_framing, {"extra": 3}),
    "absurd_length": Fault("a length prefix of 4 GB", absurd_length),
    "short_message": Fault("a price tick lacks fields", any_message, {"fields": "1|6|1|4"}),
    "unknown_message": Fault("a message id nobody knows", any_message, {"fields": "999|1|7"}),
}
