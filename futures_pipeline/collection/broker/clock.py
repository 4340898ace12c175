"""The broker's clock against ours, now and then for as long as a session lasts."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from futures_pipeline.collection.broker.connection import GatewaySession
from futures_pipeline.collection.clock_offset import Offset, offset_of
from futures_pipeline.domain.clock import Clock
from futures_pipeline.domain.errors import RequestFailed

EVERY_SECONDS, EVERY_MACHINE_SECONDS = 300.0, 5.0
# Its time is in whole seconds.
RESOLUTION = timedelta(seconds=1)
PATIENCE_MACHINE_SECONDS = 5.0

log = logging.getLogger(__name__)


async def compare_clocks(
    session: GatewaySession, clock: Clock, take: Callable[[Offset], None]
) -> None:
    """Compare until cancelled; ``take`` is handed each offset."""
    pause = max(clock.system_seconds(EVERY_SECONDS), EVERY_MACHINE_SECONDS)
    while True:
        asked_at = clock.now()
        try:
            theirs = await session.current_time(PATIENCE_MACHINE_SECONDS)
        except (RequestFailed, ConnectionError) as error:
            log.warning("clock_not_compared source=ibkr reason=%r", str(error))
        else:
            found = offset_of(theirs, asked_at, clock.now(), RESOLUTION)
            found.tell("ibkr")
            take(found)
        await asyncio.sleep(pause)
