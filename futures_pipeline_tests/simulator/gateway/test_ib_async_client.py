"""An unmodified ib_async over a real socket: everything a collector asks for."""

import asyncio
import math
from datetime import UTC, datetime

import ib_async
import pytest

from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually, running

VERSIONS = pytest.mark.parametrize("version", [157, 163, 178])


async def front(ib: ib_async.IB, symbol: str = "ES") -> ib_async.Contract:
    details = await ib.reqContractDetailsAsync(ib_async.Future(symbol, exchange="CME"))
    contract = min(details, key=lambda found: found.realExpirationDate).contract
    assert contract is not None
    return contract


@VERSIONS
async def test_contract_details_list_the_expiries(simulated: Simulated, version: int) -> None:
    async with client(simulated.port, version=version) as ib:
        assert ib.client.serverVersion() == version
        assert ib.client.getAccounts() == ["DU1234567"]
        details = await ib.reqContractDetailsAsync(ib_async.Future("ES", exchange="CME"))

    names = [found.contract.localSymbol for found in details if found.contract]
    assert names == ["ESH5", "ESM5", "ESU5", "ESZ5", "ESH6"]
    first = details[0]
    assert first.contract is not None
    assert first.contract.lastTradeDateOrContractMonth == "20250321"
    assert (first.lastTradeTime, first.timeZoneId) == ("08:30", "US/Central")
    assert (first.realExpirationDate, first.contractMonth) == ("20250321", "202503")
    assert first.tradingHours.split(";")[0] == "20250114:1700-20250115:1600"
    assert first.liquidHours.split(";")[0] == "20250115:0830-20250115:1600"
    assert "20250118:CLOSED" in first.tradingHours


async def test_expired_contracts_only_when_asked(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        wanted = ib_async.Future("RTY", exchange="CME", includeExpired=True)
        details = await ib.reqContractDetailsAsync(wanted)

    expiries = sorted(found.realExpirationDate for found in details)
    assert expiries[:4] == ["20240315", "20240621", "20240920", "20241220"]
    assert len(expiries) == 9
    assert {found.minTick for found in details} == {0.1}


@pytest.mark.parametrize(
    ("contract", "local_symbol"),
    [
        (ib_async.Contract(conId=756733, exchange="SMART"), "SPY"),
        (ib_async.Contract(conId=600202506, exchange="CME"), "ESM5"),
        (ib_async.Contract(secType="FUT", localSymbol="NQH5", exchange="CME"), "NQH5"),
        (ib_async.Future("ES", "202506", "CME"), "ESM5"),
        (ib_async.Future("ES", "20250919", "CME"), "ESU5"),
        (ib_async.Index("VIX", "CBOE", "USD"), "VIX"),
    ],
)
async def test_one_contract_is_found_by_what_names_it(
    simulated: Simulated, contract: ib_async.Contract, local_symbol: str
) -> None:
    async with client(simulated.port) as ib:
        details = await ib.reqContractDetailsAsync(contract)

    assert [found.contract.localSymbol for found in details if found.contract] == [local_symbol]


@pytest.mark.parametrize(
    "contract",
    [
        ib_async.Stock("NOPE", "SMART", "USD"),
        ib_async.Future("ES", "203001", "CME"),
        ib_async.Contract(conId=4711, exchange="SMART"),
        ib_async.Future("ES", exchange="NYMEX"),
    ],
)
async def test_an_unknown_contract_is_error_200(
    simulated: Simulated, contract: ib_async.Contract
) -> None:
    async with client(simulated.port) as ib:
        with pytest.raises(ib_async.RequestError) as refused:
            await ib.reqContractDetailsAsync(contract)

    assert refused.value.code == 200


@VERSIONS
async def test_history_is_the_sessions_bars(simulated: Simulated, version: int) -> None:
    async with client(simulated.port, version=version) as ib:
        contract = await front(ib)
        bars = await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 min", "TRADES", False, 2)
        local = await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 min", "TRADES", False, 1)
        daily = await ib.reqHistoricalDataAsync(contract, "", "3 D", "1 day", "TRADES", False, 2)

    starts = [bar.date for bar in bars]
    assert starts[0] == datetime(2025, 1, 14, 23, 0, tzinfo=UTC)
    assert starts[-1] == datetime(2025, 1, 15, 14, 39, tzinfo=UTC)
    assert len(starts) == len(set(starts)) == 15 * 60 + 40
    assert [bar.date for bar in local] == starts
    assert [str(bar.date) for bar in daily] == ["2025-01-13", "2025-01-14"]


async def test_history_without_data_and_cancelled_history_are_errors(
    simulated: Simulated,
) -> None:
    async with client(simulated.port) as ib:
        contract = await front(ib)
        end = "20200101 00:00:00 UTC"
        with pytest.raises(ib_async.RequestError) as empty:
            await ib.reqHistoricalDataAsync(contract, end, "1 D", "1 min", "TRADES", False, 2)
        assert empty.value.code == 162
        assert empty.value.message == (
            "Historical Market Data Service error message:HMDS query returned no data: "
            "ESH5@CME Trades"
        )
        errors: list[tuple[int, int, str]] = []
        ib.errorEvent += lambda *error: errors.append(error[:3])
        request = asyncio.ensure_future(
            ib.reqHistoricalDataAsync(contract, "", "30 D", "1 min", "TRADES", False, 2)
        )
        await asyncio.sleep(0)
        ib.client.cancelHistoricalData(ib.client._reqIdSeq - 1)
        with pytest.raises(ib_async.RequestError, match="query cancelled"):
            await request
        ib.client.cancelHistoricalData(4711)
        await eventually(lambda: any(code == 366 for _, code, _ in errors))


@VERSIONS
async def test_quotes_stream_while_time_passes(simulated: Simulated, version: int) -> None:
    async with client(simulated.port, version=version) as ib:
        ticker = ib.reqMktData(await front(ib), "233,588")
        await eventually(lambda: ticker.volume > 0 and ticker.futuresOpenInterest > 0)
        first = ticker.volume
        assert ticker.bid + 0.25 == ticker.ask
        assert ticker.low <= ticker.last <= ticker.high
        assert ticker.close > 0
        assert ticker.halted == 0
        assert ticker.rtVolume == first
        assert ticker.lastTimestamp == simulated.clock.now()
        simulated.clock.advance(3)
        await eventually(lambda: ticker.volume > first)
        assert ticker.lastTimestamp == simulated.clock.now()


async def test_the_index_has_no_quotes_and_no_volume(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(ib_async.Index("VIX", "CBOE", "USD", conId=13455763))
        await eventually(lambda: ticker.last > 0 and ticker.close > 0)

        assert math.isnan(ticker.bid)
        assert math.isnan(ticker.ask)
        assert math.isnan(ticker.volume)
        assert {tick.tickType for tick in ticker.ticks} <= {4, 6, 7, 9, 14}


async def test_a_closed_market_shows_the_last_trade_and_no_quotes(
    generated: GeneratedMarket,
) -> None:
    async with (
        running(generated, datetime(2025, 1, 18, 15, 0, tzinfo=UTC)) as simulated,
        client(simulated.port) as ib,
    ):
        ticker = ib.reqMktData(await front(ib))
        await eventually(lambda: ticker.last > 0 and ticker.bid == -1)

        assert ticker.lastTimestamp == datetime(2025, 1, 17, 21, 59, 59, tzinfo=UTC)


async def test_a_snapshot_ends(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        spy = ib_async.Stock("SPY", "SMART", "USD", conId=756733)
        async with asyncio.timeout(11):
            (ticker,) = await ib.reqTickersAsync(spy)

        assert ticker.bid < ticker.ask
    assert (await simulated.command(command="stats"))["subscriptions"] == []


async def test_five_second_bars_catch_up_in_order_and_skip_none(simulated: Simulated) -> None:
    simulated.clock.at = datetime(2025, 1, 15, 14, 40, 2, tzinfo=UTC)
    async with client(simulated.port) as ib:
        spy = ib_async.Stock("SPY", "SMART", "USD", conId=756733)
        bars = ib.reqRealTimeBars(spy, 5, "TRADES", False)
        await eventually(lambda: simulated.gateway.sessions[7].streams != {})
        simulated.clock.advance(63)
        await eventually(lambda: len(bars) == 13)
        minute = await ib.reqHistoricalDataAsync(spy, "", "120 S", "1 min", "TRADES", False, 2)

        assert [bar.time.timestamp() % 60 for bar in bars] == [*range(0, 60, 5), 0]
        twelve = bars[:12]
        assert minute[0].date == twelve[0].time
        assert minute[0].open == twelve[0].open_
        assert minute[0].high == max(bar.high for bar in twelve)
        assert minute[0].low == min(bar.low for bar in twelve)
        assert minute[0].close == twelve[-1].close
        assert minute[0].volume == sum(bar.volume for bar in twelve)
        ib.cancelRealTimeBars(bars)
        await eventually(lambda: simulated.gateway.sessions[7].streams == {})


async def test_no_bars_in_the_pause_between_sessions(generated: GeneratedMarket) -> None:
    async with (
        running(generated, datetime(2025, 1, 15, 21, 59, 50, tzinfo=UTC)) as simulated,
        client(simulated.port) as ib,
    ):
        bars = ib.reqRealTimeBars(await front(ib), 5, "TRADES", False)
        await eventually(lambda: simulated.gateway.sessions[7].streams != {})
        simulated.clock.advance(3620)
        await eventually(lambda: len(bars) == 4)

        stamps = [f"{bar.time:%H:%M:%S}" for bar in bars]
        assert stamps == ["21:59:50", "21:59:55", "23:00:00", "23:00:05"]


async def test_a_taken_client_id_is_refused_and_freed_again(simulated: Simulated) -> None:
    async with client(simulated.port, client_id=3):
        second, errors = ib_async.IB(), []
        second.errorEvent += lambda *error: errors.append(error[1])
        with pytest.raises((ConnectionError, TimeoutError)):
            await second.connectAsync("127.0.0.1", simulated.port, clientId=3, timeout=1)
        assert errors == [326]
    await eventually(lambda: 3 not in simulated.gateway.sessions)
    async with client(simulated.port, client_id=3) as again:
        assert again.isConnected()


async def test_unsupported_requests_and_orders_are_answered_and_counted(
    simulated: Simulated,
) -> None:
    async with client(simulated.port) as ib:
        errors: list[tuple[int, int]] = []
        ib.errorEvent += lambda *error: errors.append((error[0], error[1]))
        spy = ib_async.Stock("SPY", "SMART", "USD", conId=756733)
        with pytest.raises(ib_async.RequestError, match="not supported"):
            await ib.reqHistogramDataAsync(spy, False, "1 day")
        ib.reqTickByTickData(spy, "Last")
        ib.client.send(4711, 1, 2)
        trade = ib.placeOrder(spy, ib_async.MarketOrder("BUY", 1))
        ib.client.cancelMktData(99)
        await eventually(lambda: {code for _, code in errors} >= {320, 201, 300})
        assert (trade.order.orderId, 201) in errors
        stats = await simulated.command(command="stats")

    assert stats["unsupported"] == {"88": 1, "97": 1, "4711": 1}
    assert stats["orders_received"] == 1


async def test_time_and_head_stamp_come_from_the_clock(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        assert await ib.reqCurrentTimeAsync() == simulated.clock.now()
        contract = await front(ib)
        head = await ib.reqHeadTimeStampAsync(contract, "TRADES", False, 2)
        assert isinstance(head, datetime)
        assert head < simulated.clock.now()
