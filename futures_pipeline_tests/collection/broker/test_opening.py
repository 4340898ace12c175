"""Waiting for the first of several events, and being cancelled while doing so."""

import asyncio

import pytest

from futures_pipeline.collection.broker.opening import until_first


async def test_the_first_event_ends_the_wait() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(until_first(first, second))
    await asyncio.sleep(0)
    second.set()

    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("steps", range(8))
async def test_a_cancellation_is_never_swallowed(steps: int) -> None:
    """Not even one that comes while the other waits are being ended."""
    events = [asyncio.Event() for _ in range(3)]
    waiting = asyncio.create_task(until_first(*events))
    await asyncio.sleep(0)
    events[0].set()
    for _ in range(steps):
        await asyncio.sleep(0)
    if waiting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await waiting
