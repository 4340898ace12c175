"""Pacing and limits as clients meet them, and sessions that break none."""

import ib_async

from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.protocol.limits import IDENTICAL_HISTORY, LINES
from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually, running
from futures_pipeline_tests.simulator.raw_client import SPY, started


async def test_too_many_messages_are_answered_with_100_and_then_the_door(
    simulated: Simulated,
) -> None:
    async with started(simulated.port) as raw:
        for _ in range(53):
            raw.send(49, 1)
        answers = [await raw.message() for _ in range(53)]
        assert await raw.is_closed()

    assert [answer[0] for answer in answers] == ["49"] * 50 + ["4"] * 3
    assert {answer[3] for answer in answers[50:]} == {"100"}
    assert simulated.gateway.broker.limits.violations == {"messages": 3}


async def test_fifty_messages_at_once_are_allowed(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        for _ in range(50):
            raw.send(49, 1)
        for _ in range(50):
            assert (await raw.message())[0] == "49"

    assert simulated.gateway.broker.limits.violations == {}


async def test_limits_can_be_turned_off(generated: GeneratedMarket) -> None:
    async with running(generated, limits=False) as simulated, started(simulated.port) as raw:
        for _ in range(120):
            raw.send(49, 1)
        for _ in range(120):
            assert (await raw.message())[0] == "49"
        stats = await simulated.command(command="stats")

    assert (stats["limits"], stats["violations"]) == ("off", {})


async def test_ib_asyncs_own_throttle_keeps_the_rate_when_it_sends_evenly(
    simulated: Simulated,
) -> None:
    async with client(simulated.port) as ib:
        ib.client.MaxRequests = 1
        ib.client.RequestsInterval = 0.025  # type: ignore[assignment] # any number
        for _ in range(60):
            ib.client.send(64, 1)  # cancels positions, which has no answer
        await ib.reqCurrentTimeAsync()

    stats = await simulated.command(command="stats")
    assert stats["violations"] == {}
    assert stats["requests"]["64"] == 60


async def test_small_history_is_paced_on_the_wire_by_market_time(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.history(1, bar="5 secs")
        await raw.until(17, 1)
        raw.history(2, bar="5 secs")
        assert "pacing violation" in await raw.error(2, 162)
        simulated.clock.advance(16)
        await raw.time()
        raw.history(3, bar="5 secs")
        await raw.until(17, 3)
        raw.history(4, bar="1 min")
        await raw.until(17, 4)
        raw.history(5, bar="1 min")
        await raw.until(17, 5)

    assert simulated.gateway.broker.limits.violations == {IDENTICAL_HISTORY.name: 1}


async def test_the_fifty_first_open_history_request_is_refused(simulated: Simulated) -> None:
    await simulated.fault("slow_history", delay=60)
    async with started(simulated.port, 1) as first, started(simulated.port, 2) as second:
        for number in range(25):
            first.history(number)
            second.history(number)
        await first.time()
        await second.time()
        assert (await simulated.command(command="stats"))["open_history"] == 50
        second.history(99)
        assert "Only 50 simultaneous" in await second.error(99, 322)
        second.send(25, 1, 0)
        second.history(98)
        assert await second.error(0, 162)
        assert (await simulated.command(command="stats"))["open_history"] == 50

    assert simulated.gateway.broker.limits.violations == {"history_open": 1}


async def test_bars_take_lines_too_and_are_given_back(simulated: Simulated) -> None:
    async with (
        started(simulated.port, 1) as first,
        started(simulated.port, 2) as second,
        started(simulated.port, 3) as third,
    ):
        for raw in (first, second):
            for number in range(45):
                raw.quotes(number)
            await raw.time()
        for number in range(LINES.most - 90):
            third.bars(number)
        await third.time()
        full = await simulated.command(command="stats")
        third.quotes(999)
        assert await third.error(999, 101)
        third.send(51, 1, 0)
        third.quotes(998)
        await third.until(58, 1, 998)
    await eventually(lambda: simulated.gateway.sessions == {})
    stats = await simulated.command(command="stats")

    assert (full["lines_in_use"], full["violations"]) == (100, {})
    assert (stats["lines_in_use"], stats["most_lines"]) == (0, 100)
    assert stats["violations"] == {"lines": 1}


async def test_a_normal_session_breaks_no_limit(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        future = (await ib.reqContractDetailsAsync(ib_async.Future("ES", exchange="CME")))[0]
        spy = ib_async.Stock("SPY", "SMART", "USD", conId=int(SPY[0]))
        assert future.contract is not None
        for contract in (future.contract, spy):
            ticker = ib.reqMktData(contract, "233")
            bars = ib.reqRealTimeBars(contract, 5, "TRADES", False)
            for days in ("1 D", "2 D"):
                await ib.reqHistoricalDataAsync(contract, "", days, "1 min", "TRADES", False, 2)
            ib.cancelMktData(contract)
            ib.cancelRealTimeBars(bars)
            assert ticker is not None
        await ib.reqCurrentTimeAsync()
        stats = await simulated.command(command="stats")

    assert stats["violations"] == {}
    assert (stats["lines_in_use"], stats["most_lines"], stats["limits"]) == (0, 2, "on")
