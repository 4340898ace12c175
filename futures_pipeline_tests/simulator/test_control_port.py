"""The control port: commands, acknowledgements, and the faults they cause."""

import asyncio
import json
import math

import ib_async
import pytest

from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually

SPY = ib_async.Stock("SPY", "SMART", "USD", conId=756733)


@pytest.mark.parametrize(
    ("request_line", "reason"),
    [
        ('{"command": "explode"}', "command must be one of"),
        ("[1]", "command must be one of"),
        ("not json", "Expecting value"),
        ('{"command": "plant", "symbol": "XYZ", "kind": "nan"}', "symbol is 'XYZ'"),
        ('{"command": "plant", "symbol": "ES", "kind": "hail"}', "kind is 'hail'"),
        ('{"command": "plant", "symbol": "ES", "kind": "nan", "count": 0}', "count is 0"),
    ],
)
async def test_a_wrong_command_is_answered_with_the_reason(
    simulated: Simulated, request_line: str, reason: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", simulated.control_port)
    writer.write(request_line.encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()

    assert answer["ok"] is False
    assert reason in answer["error"]


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_drop_ends_every_connection(simulated: Simulated, how: str) -> None:
    async with client(simulated.port) as ib:
        gone = asyncio.Event()
        ib.disconnectedEvent += gone.set

        answer = await simulated.command(command="drop", how=how)

        assert answer == {"ok": True, "dropped": 1}
        await asyncio.wait_for(gone.wait(), 5)
    await eventually(lambda: simulated.gateway.sessions == {})


async def test_refuse_closes_the_door_and_accept_opens_it(simulated: Simulated) -> None:
    assert (await simulated.command(command="refuse"))["ok"] is True
    with pytest.raises(ConnectionRefusedError):
        await ib_async.IB().connectAsync("127.0.0.1", simulated.port, clientId=1, timeout=2)

    answer = await simulated.command(command="accept")

    assert answer["port"] == simulated.port
    async with client(simulated.port) as ib:
        assert ib.isConnected()


async def test_planted_ticks_are_wrong_once_and_right_again(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(SPY)
        await eventually(lambda: ticker.volume > 0)

        async def next_update() -> None:
            updated = asyncio.Event()
            ticker.updateEvent += lambda _: updated.set()
            simulated.clock.advance(2)
            await asyncio.wait_for(updated.wait(), 5)

        for kind, wrong in (
            ("crossed", lambda: ticker.bid > ticker.ask),
            ("nan", lambda: math.isnan(ticker.last)),
            ("negative_volume", lambda: ticker.volume < 0),
            ("price", lambda: ticker.last == 1.5),
        ):
            await simulated.command(command="plant", symbol="SPY", kind=kind, count=1, value=1.5)
            await next_update()
            await eventually(wrong)
            await next_update()
            await eventually(lambda: ticker.bid < ticker.ask and ticker.volume > 0)
            assert ticker.low <= ticker.last <= ticker.high


async def test_planted_bars_are_wrong_as_often_as_asked(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        bars = ib.reqRealTimeBars(SPY, 5, "TRADES", False)
        await eventually(lambda: simulated.gateway.sessions[7].streams != {})
        await simulated.command(
            command="plant", symbol="SPY", kind="negative_volume", count=2, stream="bars"
        )
        simulated.clock.advance(20)
        await eventually(lambda: len(bars) == 4)

    assert [bar.volume < 0 for bar in bars] == [True, True, False, False]


async def test_a_silenced_symbol_says_nothing_and_others_go_on(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        qqq = ib_async.Stock("QQQ", "SMART", "USD", conId=320227571)
        silent = ib.reqRealTimeBars(SPY, 5, "TRADES", False)
        other = ib.reqRealTimeBars(qqq, 5, "TRADES", False)
        await eventually(lambda: len(simulated.gateway.sessions[7].streams) == 2)
        answer = await simulated.command(command="silence", symbol="SPY")
        assert answer["silenced"] == ["SPY"]
        simulated.clock.advance(10)
        await eventually(lambda: len(other) == 2)
        assert len(silent) == 0

        await simulated.command(command="silence", symbol="SPY", on=False)
        simulated.clock.advance(5)
        await eventually(lambda: len(silent) == 1)


async def test_stats_and_requests_tell_what_clients_did(simulated: Simulated) -> None:
    async with client(simulated.port, client_id=5) as ib:
        ib.reqMktData(SPY)
        await eventually(lambda: 5 in simulated.gateway.sessions)
        await eventually(lambda: simulated.gateway.sessions[5].streams != {})
        stats = await simulated.command(command="stats")
        log = await simulated.command(command="requests", last=1)

    assert stats["clients"] == [5]
    assert [(line["kind"], line["local_symbol"]) for line in stats["subscriptions"]] == [
        ("ticks", "SPY")
    ]
    assert stats["requests"]["1"] == 1
    assert stats["orders_received"] == 0
    assert stats["most_requests_per_second"] >= stats["requests"]["1"]
    assert log["log"][0]["client_id"] == 5
    assert log["log"][0]["fields"][:2] == ["1", "11"]


async def test_stop_is_acknowledged(simulated: Simulated) -> None:
    assert await simulated.command(command="stop") == {"ok": True}
    assert simulated.gateway.stopped.is_set()
