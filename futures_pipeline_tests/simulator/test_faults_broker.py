"""Faults that the broker reports: lost servers and farms, refusals, missing entitlements."""

import asyncio

import ib_async
import pytest

from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually
from futures_pipeline_tests.simulator.raw_client import QQQ, SPY, RawClient, connected, started

SPY_CONTRACT = ib_async.Stock("SPY", "SMART", "USD", conId=756733)
TICK_IDS = ("1", "2", "45", "46")
KINDS_OF_QUOTES = {"0", "1", "2", "3"}
DELAYED_KINDS = {"66", "67", "68", "69", "70", "71", "72", "73", "74", "75", "76", "88", "90"}


async def bars_of(raw: RawClient, simulated: Simulated, seconds: int, request_id: int) -> None:
    """Let time pass and await the five-second bars of it, one by one."""
    base = await raw.time()
    simulated.clock.advance(seconds)
    for start in range(base, base + seconds, 5):
        await raw.until(50, 3, request_id, start)


async def no_bars(raw: RawClient, simulated: Simulated, seconds: int) -> None:
    """Let time pass and see that nothing is sent."""
    await raw.time()
    simulated.clock.advance(seconds)
    assert await raw.is_mute()


async def tick_kinds(raw: RawClient, request_id: int) -> set[str]:
    """Return the types of all ticks of a line's first update."""
    found: list[list[str]] = []
    while not found or found[-1][3] not in ("8", "74"):
        message = await raw.message()
        if message[0] in TICK_IDS and message[2] == str(request_id):
            found.append(message)
    found += [message for message in await raw.collected() if message[0] in TICK_IDS]
    return {message[3] for message in found}


@pytest.mark.parametrize(
    ("name", "code", "after", "alive"),
    [
        ("1100", 1100, None, True),
        ("1100_1102", 1100, 1102, True),
        ("1100_1101", 1100, 1101, False),
        ("2110", 2110, 1102, True),
        ("2103_2104", 2103, 2104, False),
        ("2103_2104_alive", 2103, 2104, True),
    ],
)
async def test_a_lost_server_stops_the_bars_and_they_return_or_not(
    simulated: Simulated, name: str, code: int, after: int | None, alive: bool
) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1)
        await bars_of(raw, simulated, 10, 1)
        await simulated.fault(name, seconds=20)
        assert await raw.error(-1, code)
        await no_bars(raw, simulated, 15)
        simulated.clock.advance(5)
        if after:
            assert await raw.error(-1, after)
        await eventually(lambda: simulated.gateway.broker.faults.lost == [])
        if alive:
            await bars_of(raw, simulated, 10, 1)
        else:
            await no_bars(raw, simulated, 10)

        raw.send(51, 1, 1)  # the line is still in use until it is given back
        raw.bars(2)
        await bars_of(raw, simulated, 10, 2)
        assert simulated.gateway.broker.limits.most_lines == 1


async def test_a_dead_stream_counts_as_a_line_until_it_is_cancelled(
    simulated: Simulated,
) -> None:
    async with started(simulated.port) as raw:
        raw.quotes(1)
        raw.bars(2)
        await raw.time()
        await simulated.fault("2103_2104", seconds=0)
        await simulated.heal("2103_2104")
        stats = await simulated.command(command="stats")
        raw.send(2, 2, 1)
        raw.send(51, 1, 2)
        await raw.time()

    assert stats["lines_in_use"] == 2
    assert [line["kind"] for line in stats["subscriptions"]] == ["ticks", "bars"]
    assert simulated.gateway.broker.limits.lines_in_use == 0


async def test_a_request_withdrawn_while_it_waits_never_comes(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        await simulated.fault("1100", seconds=0)
        raw.quotes(1)
        raw.bars(2)
        raw.history(3)
        raw.bars(4)
        raw.send(2, 2, 1)
        raw.send(51, 1, 2)
        raw.send(25, 1, 3)
        assert "query cancelled" in await raw.error(3, 162)
        await simulated.heal("1100")
        await bars_of(raw, simulated, 5, 4)
        stats = await simulated.command(command="stats")

    assert [line["request_id"] for line in stats["subscriptions"]] == [4]
    assert stats["open_history"] == 0


@pytest.mark.parametrize(
    ("name", "notice"), [("1100", 2110), ("2103_2104", 2103), ("2105_2106", 2105)]
)
async def test_a_client_that_joins_meanwhile_is_told(
    simulated: Simulated, name: str, notice: int
) -> None:
    await simulated.fault(name, seconds=0)
    async with connected(simulated.port) as raw:
        raw.hello()
        await raw.message()
        raw.send(71, 2, 7, "")
        assert await raw.until(9)
        assert await raw.error(-1, notice)
        assert await raw.time()


@pytest.mark.parametrize("name", ["1100_1102", "2105_2106"])
async def test_history_waits_until_it_can_be_reached(simulated: Simulated, name: str) -> None:
    async with client(simulated.port) as ib:
        await simulated.fault(name, seconds=60)
        asked = asyncio.ensure_future(
            ib.reqHistoricalDataAsync(SPY_CONTRACT, "", "1800 S", "1 min", "TRADES", False, 2)
        )
        assert await ib.reqCurrentTimeAsync() == simulated.clock.now()
        assert not asked.done()
        simulated.clock.advance(60)
        assert len(await asyncio.wait_for(asked, 5)) == 30


async def test_of_two_losses_the_longer_one_counts(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1)
        await raw.time()
        await simulated.fault("1100", seconds=0)
        await simulated.fault("2110", seconds=0)
        raw.history(2)
        await simulated.heal("2110")
        assert await raw.error(-1, 1102)
        await no_bars(raw, simulated, 10)
        await simulated.heal("1100")
        await raw.until(17, 2)


async def test_a_competing_session_stops_all_data_until_it_ends(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.quotes(1)
        raw.bars(2)
        await raw.until(46, 6, 1, 48)
        await simulated.fault("10197")
        assert await raw.error(1, 10197)
        assert await raw.error(2, 10197)
        raw.bars(3, QQQ)
        assert await raw.error(3, 10197)
        await no_bars(raw, simulated, 10)
        await simulated.heal("10197")
        await raw.until(46, 6, 1, 48)
        await bars_of(raw, simulated, 10, 3)


async def test_muted_messages_are_not_sent(simulated: Simulated) -> None:
    await simulated.fault("no_positions")
    async with started(simulated.port) as raw:
        await simulated.fault("mute", message_id="10")
        raw.send(61, 1)
        raw.send(9, 8, 5, *SPY, 0, "", "", "")
        found = await raw.collected()

    assert [message[0] for message in found] == ["52"]


async def test_without_positions_the_client_starts_late_and_works(simulated: Simulated) -> None:
    await simulated.fault("no_positions")
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", simulated.port, clientId=7, timeout=0.5)
    assert await ib.reqCurrentTimeAsync() == simulated.clock.now()
    ib.disconnect()


@pytest.mark.parametrize(
    ("name", "code", "request_of"),
    [
        ("354", 354, "quotes"),
        ("10089", 10089, "quotes"),
        ("10168", 10168, "quotes"),
        ("101", 101, "quotes"),
        ("101", 101, "bars"),
        ("200", 200, "quotes"),
        ("200", 200, "history"),
        ("420", 420, "bars"),
        ("162_no_permission", 162, "history"),
        ("321", 321, "history"),
    ],
)
async def test_requests_of_a_symbol_are_refused_until_healed(
    simulated: Simulated, name: str, code: int, request_of: str
) -> None:
    async with started(simulated.port) as raw:
        ask = getattr(raw, request_of)
        await simulated.fault(name, symbol="SPY,ES")
        for number in (1, 2):
            ask(number)
            assert await raw.error(number, code)
        assert simulated.gateway.sessions[7].streams == {}
        if request_of != "history":
            ask(3, QQQ)
            await raw.time()
            assert set(simulated.gateway.sessions[7].streams) == {3}
        await simulated.heal(name)
        ask(4)
        error = [message for message in await raw.collected() if message[0] == "4"]
        assert error == []


async def test_tick_by_tick_is_refused_as_too_many(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        codes: list[int] = []
        ib.errorEvent += lambda *error: codes.append(error[1])
        await simulated.fault("10190")
        ib.reqTickByTickData(SPY_CONTRACT, "Last")
        await eventually(lambda: codes[-1:] == [10190])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("162_pacing", "Historical data request pacing violation"),
        ("162_cancelled", "API historical data query cancelled: "),
        ("162_no_data", "HMDS query returned no data: SPY@SMART Trades"),
    ],
)
async def test_history_fails_as_often_as_asked(simulated: Simulated, name: str, text: str) -> None:
    async with client(simulated.port) as ib:
        await simulated.fault(name, count=2, symbol="SPY")
        for _ in range(2):
            with pytest.raises(ib_async.RequestError, match=text):
                await ib.reqHistoricalDataAsync(
                    SPY_CONTRACT, "", "1800 S", "1 min", "TRADES", False, 2
                )
        bars = await ib.reqHistoricalDataAsync(
            SPY_CONTRACT, "", "1800 S", "1 min", "TRADES", False, 2
        )

    assert len(bars) == 30
    assert simulated.gateway.broker.limits.violations == {}


async def test_part_of_the_ticks_still_come(simulated: Simulated) -> None:
    await simulated.fault("10090", symbol="SPY")
    async with started(simulated.port) as raw:
        raw.quotes(1)
        assert "Part of requested market data" in await raw.error(1, 10090)
        assert (await raw.until(58))[2:] == ["1", "1"]
        partial = await tick_kinds(raw, 1)
        raw.send(2, 2, 1)
        raw.quotes(2, QQQ)
        whole = await tick_kinds(raw, 2)

    assert partial == {"4", "5", "6", "7", "8", "9", "14", "45", "49"}
    assert whole == partial | KINDS_OF_QUOTES | {"48"}


async def test_delayed_data_come_under_their_own_types_and_are_old(simulated: Simulated) -> None:
    await simulated.fault("10167")
    async with started(simulated.port) as raw:
        raw.quotes(1)
        assert "Displaying delayed market data" in await raw.error(1, 10167)
        assert (await raw.until(58))[2:] == ["1", "3"]
        stamp = await raw.until(46, 6, 1, 88)
        assert int(stamp[4]) == simulated.clock.now().timestamp() - 900
        raw.send(2, 2, 1)
        raw.quotes(2)
        assert await tick_kinds(raw, 2) == DELAYED_KINDS


async def test_ib_async_takes_delayed_data_as_a_type_of_their_own(simulated: Simulated) -> None:
    await simulated.fault("10167")
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(SPY_CONTRACT)
        await eventually(lambda: ticker.volume > 0)

        assert ticker.marketDataType == 3
        assert ticker.bid < ticker.ask
