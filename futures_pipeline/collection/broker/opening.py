"""How a session comes about: client ids in turn, and the tries at the start."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from futures_pipeline.collection.broker.connection import ClientIdTaken, GatewaySession
from futures_pipeline.config import GatewaySettings
from futures_pipeline.domain.errors import GatewayError

log = logging.getLogger(__name__)

# Client ids that are tried in turn while another connection, or the ghost of one, holds one
# (326): the configured and the next.
CLIENT_IDS = 5


async def opened(settings: GatewaySettings, first_id: int) -> GatewaySession:
    """Return a session under the first client id that is free, from ``first_id`` on.

    Raises:
        GatewayUnavailable: nothing usable answers.
        ClientIdTaken: none of the ids is free.
    """
    start = first_id - settings.client_id
    for step in range(CLIENT_IDS):
        client_id = settings.client_id + (start + step) % CLIENT_IDS
        session = GatewaySession(settings, client_id)
        try:
            await session.open()
        except ClientIdTaken as error:
            log.warning("client_id_taken id=%d reason=%r", client_id, str(error))
        else:
            return session
    raise ClientIdTaken(
        f"gateway {settings.host}:{settings.port}: client ids {settings.client_id} to "
        f"{settings.client_id + CLIENT_IDS - 1} are all in use; stop the other program or set "
        "gateway.client_id"
    )


async def first_session(
    settings: GatewaySettings, pause: Callable[[float], Awaitable[object]]
) -> GatewaySession:
    """Return a session after at most ``connect_attempts`` tries, one second apart.

    Raises:
        GatewayUnavailable, GatewayRefused: the last try's reason.
    """
    for attempt in range(1, settings.connect_attempts + 1):
        try:
            return await opened(settings, settings.client_id)
        except GatewayError as error:
            if attempt == settings.connect_attempts:
                raise
            log.warning("connect_failed attempt=%d reason=%r", attempt, str(error))
            await pause(1.0)
    raise AssertionError("unreachable")


async def until_first(*events: asyncio.Event) -> None:
    """Return when one of ``events`` is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
