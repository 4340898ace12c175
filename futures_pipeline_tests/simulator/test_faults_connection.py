"""Faults of the connection: what a client sees, and that healing brings it back."""

import asyncio

import ib_async
import pytest

from futures_pipeline.simulator.faults.every import FAULTS
from futures_pipeline.simulator.faults.state import Faults
from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually
from futures_pipeline_tests.simulator.raw_client import connected, started

SPY = ib_async.Stock("SPY", "SMART", "USD", conId=756733)
LEAVE_THE_PORT_CLOSED = {"restart", "nightly_reset"}


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_is_acknowledged_and_leaves_nothing_behind(
    simulated: Simulated, name: str
) -> None:
    async with started(simulated.port) as raw:
        raw.quotes(1)
        raw.bars(2)
        await raw.time()
        begun = await simulated.command(command="fault", name=name)
        listed = await simulated.command(command="faults")
        healed = await simulated.command(command="heal")

    assert begun == {"ok": True, "name": name, "lasts": begun["lasts"], "clients": [7]}
    assert listed["in_force"] == healed["healed"] == ([name] if begun["lasts"] else [])
    assert simulated.gateway.broker.faults == Faults()
    await eventually(lambda: simulated.gateway.sessions == {})
    async with started(simulated.port) as again:
        assert await again.time() == int(simulated.clock.now().timestamp())


async def test_the_list_says_what_each_fault_does_and_takes(simulated: Simulated) -> None:
    listed = (await simulated.command(command="faults"))["faults"]

    assert listed["stall"] == {
        "description": "connected clients get nothing more, their requests are read",
        "parameters": {"seconds": 0.0},
    }
    assert all(1 < len(fault["description"]) <= 80 for fault in listed.values())


@pytest.mark.parametrize(
    ("request_of", "reason"),
    [
        ({"name": "hail"}, "name is 'hail', it must be one of fin, rst"),
        ({}, "name is 'None'"),
        ({"name": "fin", "seconds": 3}, "no parameter seconds; there is none"),
        ({"name": "stall", "seconds": "long"}, "seconds is 'long', it must be like 0.0"),
        ({"name": "stall", "seconds": -1}, "seconds is -1, it must not be negative"),
        ({"name": "354", "count": True}, "count is True"),
        ({"name": "354", "symbol": "XYZ"}, "symbol is 'XYZ', it must be of ES"),
        ({"name": "planted_nan", "stream": "hail"}, "stream is 'hail'"),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_with_the_reason(
    simulated: Simulated, request_of: dict[str, object], reason: str
) -> None:
    answer = await simulated.command(command="fault", **request_of)

    assert answer["ok"] is False
    assert reason in answer["error"]
    assert (await simulated.command(command="heal", name="hail"))["ok"] is False
    assert simulated.gateway.broker.faults == Faults()


async def test_a_fault_in_force_cannot_start_again_until_it_is_healed(
    simulated: Simulated,
) -> None:
    await simulated.fault("mute", message_id="62")

    again = await simulated.command(command="fault", name="mute")
    assert again["error"] == "mute is in force already; heal it first"
    await simulated.heal("mute")
    await simulated.fault("mute")


async def test_a_fault_ends_by_itself_when_its_market_seconds_have_passed(
    simulated: Simulated,
) -> None:
    await simulated.fault("mute", seconds=30)
    simulated.clock.advance(29)
    assert (await simulated.command(command="stats"))["faults"] == ["mute"]
    simulated.clock.advance(1)

    await eventually(lambda: simulated.gateway.broker.faults == Faults())
    assert (await simulated.command(command="stats"))["faults"] == []


@pytest.mark.parametrize("name", ["fin", "rst", "100"])
async def test_a_dropped_client_notices_at_once(simulated: Simulated, name: str) -> None:
    async with client(simulated.port) as ib:
        gone, codes = asyncio.Event(), []
        ib.disconnectedEvent += gone.set
        ib.errorEvent += lambda *error: codes.append(error[1])
        await simulated.fault(name)
        await asyncio.wait_for(gone.wait(), 5)

    assert codes == ([100] * 3 if name == "100" else [])


async def test_a_stalled_client_gets_nothing_and_a_new_one_everything(
    simulated: Simulated,
) -> None:
    async with started(simulated.port, 1) as old:
        await simulated.fault("stall")
        old.send(49, 1)
        assert await old.is_mute()
        assert simulated.gateway.broker.statistics.requests["49"] == 1  # it was read
        async with started(simulated.port, 2) as new:
            assert await new.time()
        await simulated.heal("stall")
        assert (await old.message())[0] == "49"


async def test_a_half_open_socket_is_not_read_and_holds_its_client_id(
    simulated: Simulated,
) -> None:
    async with started(simulated.port) as lost:
        await simulated.fault("half_open")
        lost.send(49, 1)
        assert await lost.is_mute()
        assert simulated.gateway.broker.statistics.requests["49"] == 0
    async with connected(simulated.port) as second:
        second.hello()
        await second.message()
        second.send(71, 2, 7, "")
        assert await second.error(-1, 326)
        assert await second.is_closed()
    async with started(simulated.port, 8) as third:
        assert await third.time()
    await simulated.heal("half_open")
    await eventually(lambda: simulated.gateway.sessions == {})


@pytest.mark.parametrize("name", sorted(LEAVE_THE_PORT_CLOSED))
async def test_the_port_refuses_for_a_while_and_opens_again(
    simulated: Simulated, name: str
) -> None:
    async with started(simulated.port) as raw:
        await simulated.fault(name, seconds=60)
        if name == "nightly_reset":
            assert "has been lost" in await raw.error(-1, 1100)
        assert await raw.is_closed()
    with pytest.raises(ConnectionRefusedError):
        await ib_async.IB().connectAsync("127.0.0.1", simulated.port, clientId=7, timeout=2)
    simulated.clock.advance(60)
    await eventually(lambda: not simulated.gateway.is_refusing)
    async with started(simulated.port) as again:
        assert await again.time()


async def test_without_a_handshake_the_client_waits(simulated: Simulated) -> None:
    await simulated.fault("no_handshake")
    async with connected(simulated.port) as raw:
        raw.hello()
        assert await raw.is_mute()
        await simulated.heal("no_handshake")
        assert (await raw.message())[0] == "178"


async def test_after_a_silent_handshake_the_client_never_gets_ready(simulated: Simulated) -> None:
    await simulated.fault("silent_start")
    ib = ib_async.IB()
    with pytest.raises(TimeoutError):
        await ib.connectAsync("127.0.0.1", simulated.port, clientId=7, timeout=0.3)
    async with connected(simulated.port) as raw:
        raw.hello()
        assert (await raw.message())[0] == "178"
        raw.send(71, 2, 7, "")
        assert await raw.is_mute()
        await simulated.heal("silent_start")
        assert (await raw.message())[0] == "15"


async def test_a_ghost_holds_the_ids_in_use_or_the_one_named(simulated: Simulated) -> None:
    async with started(simulated.port, 3) as raw:
        await simulated.fault("326")
        assert await raw.is_closed()
    ib, codes = ib_async.IB(), []
    ib.errorEvent += lambda *error: codes.append(error[1])
    with pytest.raises((ConnectionError, TimeoutError)):
        await ib.connectAsync("127.0.0.1", simulated.port, clientId=3, timeout=0.5)
    assert codes == [326]
    async with started(simulated.port, 4):
        await simulated.heal("326")
        await simulated.fault("326", client_id=5)
        assert simulated.gateway.broker.faults.ghosts == {5}
        assert 4 in simulated.gateway.sessions
    async with started(simulated.port, 3) as freed:
        assert await freed.time()


@pytest.mark.parametrize("name", ["lost_framing", "absurd_length"])
async def test_a_client_out_of_step_hears_nothing_more_and_stays_connected(
    simulated: Simulated, name: str
) -> None:
    async with client(simulated.port) as ib:
        bars = ib.reqRealTimeBars(SPY, 5, "TRADES", False)
        await eventually(lambda: simulated.gateway.sessions[7].streams != {})
        await simulated.fault(name)
        before = ib.client.connectionStats()
        simulated.clock.advance(60)
        await eventually(
            lambda: ib.client.connectionStats().numBytesRecv > before.numBytesRecv + 500
        )

        assert ib.isConnected()
        assert len(bars) == 0


async def test_a_wrong_length_swallows_the_messages_after_it(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        await simulated.fault("lost_framing", extra=12)
        raw.send(49, 1)
        first = await raw.message()

    assert first[:4] == ["4", "2", "-1", "2104"]
    assert first[-1] != ""  # the beginning of the next frame


@pytest.mark.parametrize("name", ["short_message", "unknown_message", "unknown_tick"])
async def test_a_message_that_cannot_be_decoded_does_not_end_the_stream(
    simulated: Simulated, name: str
) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(SPY)
        await eventually(lambda: ticker.volume > 0)
        before = ticker.volume
        received = ib.client.connectionStats().numMsgRecv
        await simulated.fault(name)
        await eventually(lambda: ib.client.connectionStats().numMsgRecv > received)
        simulated.clock.advance(3)
        await eventually(lambda: ticker.volume > before)


async def test_an_unknown_tick_comes_in_all_four_forms(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.quotes(1)
        await raw.time()
        await simulated.fault("unknown_tick", tick_type=4711)
        found = await raw.collected()

    assert [message[0] for message in found if message[3:4] == ["4711"]] == ["1", "2", "45", "46"]
