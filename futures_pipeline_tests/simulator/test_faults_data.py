"""Faults of the data: repeated, late, missing and revised values, and another clock."""

import asyncio

import ib_async
import pytest

from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually
from futures_pipeline_tests.simulator.raw_client import QQQ, SPY, RawClient, started

SPY_CONTRACT = ib_async.Stock("SPY", "SMART", "USD", conId=756733)
Values = dict[int, tuple[float, ...]]


async def update(raw: RawClient, simulated: Simulated) -> list[list[str]]:
    """Let a second pass and return the ticks of the update from the last price on."""
    simulated.clock.advance(1)
    last = await raw.until(1, 6, 1, 4)
    return [last, *(m for m in await raw.collected() if m[0] in ("1", "2", "46"))]


async def history(ib: ib_async.IB) -> Values:
    bars = await ib.reqHistoricalDataAsync(SPY_CONTRACT, "", "1800 S", "1 min", "TRADES", False, 2)
    return {
        int(bar.date.timestamp()): (bar.open, bar.high, bar.low, bar.close, bar.volume)  # type: ignore[union-attr] # formatDate 2 gives times
        for bar in bars
    }


async def test_duplicate_ticks_come_twice_as_they_are(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.quotes(1)
        await raw.until(46, 6, 1, 48)
        await simulated.fault("duplicate_ticks")
        twice = await update(raw, simulated)
        assert twice[0::2] == twice[1::2]
        assert {message[3] for message in twice} >= {"4", "5", "8", "45", "48"}
        once = [tuple(message) for message in await update(raw, simulated)]
        assert len(once) == len(set(once))


async def test_an_older_update_comes_after_a_newer_and_is_put_right(
    simulated: Simulated,
) -> None:
    async with started(simulated.port) as raw:
        raw.quotes(1)
        await raw.until(46, 6, 1, 48)
        await simulated.fault("out_of_order_ticks")
        stamps = [int(m[4]) for m in await update(raw, simulated) if m[3] == "45"]
        after = [int(m[4]) for m in await update(raw, simulated) if m[3] == "45"]

    now = int(simulated.clock.now().timestamp())
    assert stamps == [now - 1, now - 2]
    assert after == [now]


async def test_missing_ticks_are_made_up_by_the_next_update(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(SPY_CONTRACT)
        await eventually(lambda: ticker.volume > 0)
        before = ticker.volume
        await simulated.fault("missing_ticks")
        simulated.clock.advance(1)
        await eventually(lambda: simulated.gateway.broker.faults.plants[0].charge.left == 0)
        assert ticker.volume == before
        simulated.clock.advance(1)
        await eventually(lambda: ticker.lastTimestamp == simulated.clock.now())
        assert ticker.volume > before


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("duplicate_bars", [0, 0, 5, 5, 10, 15]), ("missing_bar", [10, 15])],
)
async def test_five_second_bars_are_repeated_or_missing_as_often_as_asked(
    simulated: Simulated, name: str, seconds: list[int]
) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1)
        base = await raw.time()
        await simulated.fault(name, count=2, symbol="SPY")
        await simulated.command(command="plant", symbol="ES", kind="nan", stream="bars")
        simulated.clock.advance(20)
        found = [await raw.until(50) for _ in seconds]

    assert [int(message[3]) - base for message in found] == seconds
    assert "nan" not in found[0]


async def test_wrong_values_can_be_planted_in_any_symbol(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1)
        await raw.time()
        await simulated.fault("planted_price", stream="bars", value=1.5)
        simulated.clock.advance(10)
        closes = [(await raw.until(50))[7] for _ in range(2)]

    assert closes[0] == "1.5"
    assert float(closes[1]) > 100


async def test_the_brokers_clock_is_off_with_all_that_it_stamps(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1)
        base = await raw.time()
        await simulated.fault("clock_skew", by=90)
        assert await raw.time() == base + 90
        raw.quotes(2)
        assert int((await raw.until(46, 6, 2, 45))[4]) == base + 90
        await simulated.heal("clock_skew")
        await simulated.fault("clock_skew", by=-90)
        assert await raw.time() == base - 90


async def test_bars_run_ahead_with_the_clock_and_none_comes_twice(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1)
        base = await raw.time()
        await simulated.fault("clock_skew", by=10, seconds=15)
        ahead = [int((await raw.until(50))[3]) - base for _ in range(2)]
        simulated.clock.advance(15)
        await eventually(lambda: simulated.gateway.broker.faults.skew_seconds == 0)
        simulated.clock.advance(15)
        later = [int((await raw.until(50))[3]) - base for _ in range(4)]

    assert ahead + later == list(range(0, 30, 5))


async def test_one_history_bar_is_missing_once(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        whole = await history(ib)
        await simulated.fault("missing_history_bar", symbol="SPY")
        lacking = await history(ib)
        again = await history(ib)

    assert sorted(whole)[15] not in lacking
    assert lacking == {start: bar for start, bar in whole.items() if start in lacking}
    assert len(lacking) == 29
    assert again == whole


async def test_a_revised_bar_stays_revised_and_possible(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        whole = await history(ib)
        await simulated.fault("revised_history", points=-2.0)
        revised = await history(ib)
        simulated.clock.advance(120)
        later = await history(ib)

    (start,) = [start for start in whole if whole[start] != revised[start]]
    opened, high, low, close, volume = revised[start]
    assert (close, volume) == (whole[start][3] - 2.0, whole[start][4] + 1)
    assert low <= min(opened, close)
    assert max(opened, close) <= high
    assert later[start] == revised[start]
    assert sum(later[start] != whole.get(start, later[start]) for start in later) == 1


async def test_an_empty_history_has_no_bars_and_no_error(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        await simulated.fault("empty_history")
        assert await history(ib) == {}
        assert len(await history(ib)) == 30


async def test_slow_history_comes_after_its_delay(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        await simulated.fault("slow_history", delay=40)
        asked = asyncio.ensure_future(history(ib))
        await eventually(lambda: simulated.gateway.broker.limits.open_history == 1)
        simulated.clock.advance(39)
        await ib.reqCurrentTimeAsync()
        assert not asked.done()
        simulated.clock.advance(1)
        assert len(await asyncio.wait_for(asked, 5)) >= 30


async def test_silence_concerns_the_symbols_named(simulated: Simulated) -> None:
    async with started(simulated.port) as raw:
        raw.bars(1, SPY)
        raw.bars(2, QQQ)
        base = await raw.time()
        await simulated.fault("silence", symbol="IWM,SPY")
        simulated.clock.advance(10)
        await raw.until(50, 3, 2, base + 5)
        await simulated.heal("silence")
        simulated.clock.advance(5)
        found = [await raw.until(50) for _ in range(2)]

    assert [message[2:4] for message in found] == [["1", str(base + 10)], ["2", str(base + 10)]]
