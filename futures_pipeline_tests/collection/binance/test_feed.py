"""One connection kept up: lost, silent, announced to end, too old, refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futures_pipeline.collection.binance import feed as module
from futures_pipeline.collection.binance.feed import (
    LONGEST_WAIT_SECONDS,
    Feed,
    stream_url,
    wait_seconds,
)
from futures_pipeline.collection.binance.messages import Kline, Message, Trade
from futures_pipeline.simulator.faults.binance import exchange_faults
from futures_pipeline_tests.collection.binance.conftest import (
    NAME,
    Simulated,
    eventually,
)


@asynccontextmanager
async def fed(simulated: Simulated, heard: list[Message]) -> AsyncIterator[Feed]:
    feed = Feed(simulated.hosts.stream_url, [NAME], simulated.clock, heard.append)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def strike(simulated: Simulated, name: str) -> None:
    """Start a fault that is over at once."""
    await exchange_faults(simulated.exchange)[name].run(None)  # type: ignore[misc]


@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_waits_are_bounded_and_jittered_from_nothing(failures: int, chance: float) -> None:
    wait = wait_seconds(failures, chance)

    assert 0.0 <= wait <= LONGEST_WAIT_SECONDS
    assert wait == pytest.approx(chance * wait_seconds(failures, 1.0))


def test_all_streams_of_all_pairs_come_over_one_connection() -> None:
    assert stream_url("ws://h/", ["A", "B"]) == (
        "ws://h/stream?streams=a@aggTrade/a@kline_1m/a@bookTicker/b@aggTrade/b@kline_1m/b@bookTicker"
    )


async def test_trades_and_finished_minutes_come(simulated: Simulated) -> None:
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: any(isinstance(it, Kline) for it in heard))
        assert feed.lost_at is None

    pair = simulated.exchange.pairs[NAME]
    (minute, *_) = [it for it in heard if isinstance(it, Kline)]
    truth = pair.klines(minute.starts_at, minute.starts_at + timedelta(minutes=1))
    assert (minute.open, minute.high, minute.low, minute.close) == pytest.approx(
        (truth.open[0], truth.high[0], truth.low[0], truth.close[0])
    )
    ids = [it.id for it in heard if isinstance(it, Trade)]
    assert ids == [*range(ids[0], ids[0] + len(ids))]


@pytest.mark.parametrize("name", ["binance_rst", "binance_1001", "binance_1008"])
async def test_a_lost_connection_is_made_again(simulated: Simulated, name: str) -> None:
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: bool(heard))
        await strike(simulated, name)
        await eventually(lambda: feed.connections == 2 and feed.lost_at is None)
        before = len(heard)
        await eventually(lambda: len(heard) > before)

    assert simulated.exchange.connections == 2


async def test_a_silent_connection_is_left(simulated: Simulated) -> None:
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: bool(heard))
        for line in simulated.exchange.lines:
            line.is_held = True
        await eventually(lambda: feed.connections == 2)

    assert feed.reason == "nothing was heard"


async def test_an_announced_end_is_not_waited_for(simulated: Simulated) -> None:
    """The next connection speaks before the first is closed: nothing is lost in between."""
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: bool(heard))
        await simulated.exchange.announce_shutdown()
        await eventually(lambda: feed.connections == 2 and len(simulated.exchange.lines) == 1)

    ids = sorted({it.id for it in heard if isinstance(it, Trade)})
    assert ids == [*range(ids[0], ids[-1] + 1)]
    assert feed.reason == "not connected yet"  # never lost


async def test_a_connection_is_replaced_before_its_time_is_over(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(hours=23) < module.LONGEST_LIFE < timedelta(hours=24)
    monkeypatch.setattr(module, "LONGEST_LIFE", timedelta(seconds=15))
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: feed.connections == 3 and len(simulated.exchange.lines) == 1)

    ids = sorted({it.id for it in heard if isinstance(it, Trade)})
    assert ids == [*range(ids[0], ids[-1] + 1)]
    assert feed.reason == "not connected yet"


async def test_a_host_that_refuses_is_tried_ever_more_rarely(simulated: Simulated) -> None:
    simulated.exchange.faults.is_refusing = True
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: simulated.exchange.connections >= 6)
        assert feed.lost_at is not None
        assert "503" in feed.reason
        simulated.exchange.faults.is_refusing = False
        await eventually(lambda: feed.lost_at is None)

    assert +simulated.exchange.weights.violations == {}


async def test_messages_that_are_none_are_counted_and_harm_nothing(simulated: Simulated) -> None:
    heard: list[Message] = []
    async with fed(simulated, heard) as feed:
        await eventually(lambda: bool(heard))
        simulated.exchange.faults.spoiling.malformed.left = 7
        await eventually(lambda: simulated.exchange.faults.spoiling.malformed.left == 0)
        before = len(heard)
        await eventually(lambda: len(heard) > before)

    assert feed.malformed == 7
    assert feed.connections == 1


async def test_an_error_of_the_listener_is_not_taken_for_the_connection_s(
    simulated: Simulated,
) -> None:
    def fails(message: Message) -> None:
        raise ZeroDivisionError(message)

    feed = Feed(simulated.hosts.stream_url, [NAME], simulated.clock, fails)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(feed.run(), 10)
