"""Options over a real socket, as two clients of other authors read them."""

import asyncio
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import ib_async
import pytest

from futures_pipeline.domain.calendar import load_calendar
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.options.book import OptionBook
from futures_pipeline.simulator.options.chain import option_listing
from futures_pipeline_tests.simulator.conftest import Simulated, client, eventually, running
from futures_pipeline_tests.simulator.gateway.test_independent_client import needs_ibapi

VERSIONS = pytest.mark.parametrize("version", [157, 163, 178])
TICKS = "100,101,106"
FEBRUARY = date(2025, 2, 14)
REGULAR = load_calendar(date(2010, 1, 1), date(2027, 12, 31)).regular


def call(strike: float = 480.0, right: str = "C") -> ib_async.Contract:
    """Return an option on SPY as a collector knows it, with its contract id."""
    con_id = option_listing("SPY", FEBRUARY, strike, right).con_id
    return ib_async.Contract(secType="OPT", symbol="SPY", conId=con_id, exchange="SMART")


async def computed(simulated: Simulated, ticker: ib_async.Ticker) -> ib_async.OptionComputation:
    """Return the model's greeks of the moment to which this moves the market's clock."""
    await eventually(lambda: ticker.ask > 0)
    simulated.clock.advance(30)
    await eventually(lambda: ticker.modelGreeks is not None)
    greeks: ib_async.OptionComputation = ticker.modelGreeks
    return greeks


async def passing_time(simulated: Simulated) -> None:
    """Let the market's clock run at five times the machine's."""
    while True:
        simulated.clock.advance(0.5)
        await asyncio.sleep(0.1)


@VERSIONS
async def test_the_chain_has_expiries_and_strikes_by_exchange(
    simulated: Simulated, version: int
) -> None:
    async with client(simulated.port, version=version) as ib:
        chains = await ib.reqSecDefOptParamsAsync("SPY", "", "STK", 756733)

    assert len({chain.exchange for chain in chains}) == len(chains) > 3
    smart = next(chain for chain in chains if chain.exchange == "SMART")
    assert (smart.tradingClass, smart.multiplier) == ("SPY", "100")
    assert smart.expirations[:3] == ["20250115", "20250116", "20250117"]
    assert all(chain.expirations == smart.expirations for chain in chains)
    assert 480.0 in smart.strikes


@VERSIONS
async def test_details_name_every_option_of_an_expiry(simulated: Simulated, version: int) -> None:
    async with client(simulated.port, version=version) as ib:
        wanted = ib_async.Option("SPY", "20250214", exchange="SMART", currency="USD")
        details = await ib.reqContractDetailsAsync(wanted)

    contracts = [found.contract for found in details if found.contract is not None]
    assert len({contract.conId for contract in contracts}) == len(contracts) > 200
    at_480 = [contract for contract in contracts if contract.strike == 480.0]
    assert [contract.localSymbol for contract in at_480] == [
        "SPY   250214C00480000",
        "SPY   250214P00480000",
    ]
    first = details[0]
    assert (first.realExpirationDate, first.minTick, first.underConId) == ("20250214", 0.01, 756733)
    assert (contracts[0].multiplier, contracts[0].tradingClass) == ("100", "SPY")
    assert first.liquidHours.startswith("20250115:0930-20250115:1600;")


@VERSIONS
async def test_a_line_brings_quotes_greeks_volume_and_open_interest(
    simulated: Simulated, version: int
) -> None:
    book = OptionBook(GeneratedMarket(seed=7))
    async with client(simulated.port, version=version) as ib:
        ticker = ib.reqMktData(call(), TICKS)
        greeks = await computed(simulated, ticker)
        now = simulated.clock.at
        listing = option_listing("SPY", FEBRUARY, 480.0, "C")
        value, session = book.value(listing, now), REGULAR.at(now)

        assert value is not None
        assert (ticker.bidGreeks.optPrice, ticker.askGreeks.optPrice) == (ticker.bid, ticker.ask)
        assert 0 < ticker.bid < value.greeks.price < ticker.ask
        assert ticker.callOpenInterest == book.open_interest(listing, session) > 0
        assert ticker.putOpenInterest == 0
        assert ticker.volume == ticker.callVolume >= 0
        assert ticker.close > 0
        assert greeks.impliedVol == value.implied_vol
        assert greeks.delta == value.greeks.delta
        assert (greeks.gamma, greeks.vega) == (value.greeks.gamma, value.greeks.vega)
        assert (greeks.theta, greeks.undPrice) == (value.greeks.theta, value.terms.spot)
        assert ticker.bidGreeks.impliedVol < greeks.impliedVol < ticker.askGreeks.impliedVol


async def test_a_puts_numbers_come_under_the_puts_types(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(call(right="P"), TICKS)
        greeks = await computed(simulated, ticker)

        assert ticker.putOpenInterest > 0 == ticker.callOpenInterest
        assert ticker.putVolume == ticker.volume
        assert greeks.delta < 0


async def test_volume_and_open_interest_come_only_when_asked_for(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(call(), "")
        await computed(simulated, ticker)

        assert ticker.callOpenInterest != ticker.callOpenInterest
        assert ticker.callVolume != ticker.callVolume


async def test_the_model_comes_after_the_quotes(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(call(), TICKS)
        await eventually(lambda: ticker.ask > 0)
        assert ticker.modelGreeks is None
        await computed(simulated, ticker)


async def test_quotes_move_with_the_market(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        ticker = ib.reqMktData(call(), TICKS)
        await eventually(lambda: ticker.ask > 0)
        first = ticker.ask
        simulated.clock.advance(600)
        await eventually(lambda: ticker.ask != first)


async def test_after_the_close_nobody_quotes(generated: GeneratedMarket) -> None:
    evening = datetime(2025, 1, 15, 22, 30, tzinfo=UTC)
    async with running(generated, evening) as simulated, client(simulated.port) as ib:
        ticker = ib.reqMktData(call(), TICKS)
        await eventually(lambda: ticker.volume > 0)
        simulated.clock.advance(60)

        assert ticker.bid == ticker.ask == -1
        assert ticker.last > 0
        assert ticker.lastTimestamp is not None
        assert ticker.lastTimestamp < datetime(2025, 1, 15, 21, 0, tzinfo=UTC)
        assert ticker.bidGreeks is ticker.modelGreeks is None


async def test_quotes_end_with_the_session_and_begin_with_the_next(
    generated: GeneratedMarket,
) -> None:
    last_minute = datetime(2025, 1, 15, 20, 59, 30, tzinfo=UTC)
    async with running(generated, last_minute) as simulated, client(simulated.port) as ib:
        ticker = ib.reqMktData(call(), TICKS)
        await eventually(lambda: ticker.ask > 0)
        simulated.clock.advance(31)
        await eventually(lambda: ticker.ask == -1)
        simulated.clock.at = datetime(2025, 1, 16, 14, 31, tzinfo=UTC)
        await eventually(lambda: ticker.ask > 0)


@pytest.mark.parametrize(
    ("contract", "code"),
    [
        (ib_async.Option("SPY", "20250214", 480.25, "C", "SMART"), 200),
        (ib_async.Option("SPY", "20250110", 480.0, "C", "SMART"), 200),
        (ib_async.Option("GLD", "20250214", 180.0, "C", "SMART"), 200),
        (ib_async.Contract(secType="OPT", conId=1_999_999_999, exchange="SMART"), 200),
    ],
)
async def test_an_unknown_option_is_error_200(
    simulated: Simulated, contract: ib_async.Contract, code: int
) -> None:
    async with client(simulated.port) as ib:
        with pytest.raises(ib_async.RequestError) as refused:
            await ib.reqContractDetailsAsync(contract)

    assert refused.value.code == code


async def test_options_of_what_has_none_are_an_error(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        with pytest.raises(ib_async.RequestError) as refused:
            await ib.reqSecDefOptParamsAsync("GLD", "", "STK", 51529211)

    assert refused.value.code == 200


async def test_bars_of_an_option_are_refused(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        with pytest.raises(ib_async.RequestError, match="Bars of options are not supported"):
            await ib.reqHistoricalDataAsync(call(), "", "1 D", "1 min", "TRADES", False, 2)


async def test_every_option_takes_a_line(simulated: Simulated) -> None:
    errors: list[int] = []
    async with client(simulated.port) as ib:
        ib.errorEvent += lambda *error: errors.append(error[1])
        ib.client.MaxRequests, ib.client.RequestsInterval = 1, 0.025
        options = [call(425.0 + n, right) for n in range(51) for right in "CP"]
        for option in options:
            ib.reqMktData(option, TICKS)
        await eventually(lambda: errors.count(101) == 2, 20)
        for option in options:
            ib.cancelMktData(option)
        await eventually(lambda: simulated.gateway.sessions[7].streams == {}, 20)

    stats = await simulated.command(command="stats")
    assert stats["most_lines"] == 100
    assert stats["violations"] == {"lines": 2}


async def test_delayed_greeks_come_under_the_delayed_types(simulated: Simulated) -> None:
    await simulated.fault("10167", symbol="SPY")
    async with client(simulated.port) as ib:
        simulated.clock.at += timedelta(hours=1)  # delayed data are those of 15 minutes ago
        ticker = ib.reqMktData(call(), TICKS)
        greeks = await computed(simulated, ticker)

        assert ticker.marketDataType == 3
        assert greeks.impliedVol > 0


async def test_a_silenced_symbol_silences_its_options(simulated: Simulated) -> None:
    async with client(simulated.port) as ib:
        await simulated.fault("silence", symbol="SPY")
        ticker = ib.reqMktData(call(), TICKS)
        await eventually(lambda: ticker.minTick == 0.01)
        simulated.clock.advance(5)
        await ib.reqCurrentTimeAsync()
        assert ticker.ask != ticker.ask

        await simulated.heal("silence")
        await eventually(lambda: ticker.ask > 0)


@needs_ibapi
@pytest.mark.parametrize("version", [157, 178])
async def test_ibapi_reads_an_option_flow(simulated: Simulated, version: int) -> None:
    program = Path(__file__).with_name("ibapi_option_client.py")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), str(simulated.port), str(version)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    passing = asyncio.create_task(passing_time(simulated))
    out, err = await asyncio.wait_for(process.communicate(), 30)
    passing.cancel()

    seen = json.loads(out)
    assert (seen["version"], seen["complete"], seen["errors"]) == (version, True, [])
    assert "SMART" in seen["exchanges"]
    assert seen["expiries"][:2] == ["20250115", "20250116"]
    assert seen["details"] == [
        ["SPY   250214C00480000", 480.0, "C"],
        ["SPY   250214P00480000", 480.0, "P"],
    ]
    assert {1, 2, 8, 9, 27, 28, 29, 30} <= set(seen["ticks"])
    assert {"10", "11", "13"} <= set(seen["computations"])
    implied_vol, delta, under = seen["computations"]["13"]
    assert 0.1 < implied_vol < 0.3
    assert 0.3 < delta < 0.7
    assert 470 < under < 490
    assert b"Traceback" not in err
