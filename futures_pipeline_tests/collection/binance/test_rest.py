"""REST against the simulated exchange, which counts weights and refuses."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from futures_pipeline.collection.binance import rest as module
from futures_pipeline.collection.binance.rest import Rest, RestFailed
from futures_pipeline.collection.broker.pacing import RateLimit
from futures_pipeline.simulator.binance.weights import BANNED, MOST_WEIGHT_A_MINUTE, TOO_MANY
from futures_pipeline_tests.collection.binance.conftest import NAME, Simulated, exchange_at

MINUTE = timedelta(minutes=1)
NIGHT = datetime(2025, 1, 14, 3, 0, tzinfo=UTC)


@pytest.fixture
async def rest(simulated: Simulated) -> AsyncIterator[Rest]:
    async with Rest(simulated.hosts.rest_url, simulated.clock) as client:
        yield client


async def test_every_minute_of_a_window_comes_once_over_several_pages(
    rest: Rest, simulated: Simulated
) -> None:
    found = await rest.klines(NAME, NIGHT, NIGHT + 2500 * MINUTE)

    assert [kline.starts_at for kline in found] == [NIGHT + n * MINUTE for n in range(2500)]
    truth = simulated.exchange.pairs[NAME].klines(NIGHT, NIGHT + 2500 * MINUTE)
    assert [kline.close for kline in found] == pytest.approx(truth.close.tolist())
    assert [kline.volume for kline in found] == pytest.approx(truth.volume.tolist())


async def test_a_minute_left_out_does_not_end_a_page(rest: Rest, simulated: Simulated) -> None:
    simulated.exchange.faults.lost_minute.charge.left = 1

    found = await rest.klines(NAME, NIGHT, NIGHT + 1200 * MINUTE)

    missing = {NIGHT + n * MINUTE for n in range(1200)} - {kline.starts_at for kline in found}
    assert missing == {NIGHT + 500 * MINUTE}


async def test_trades_from_an_id_on(rest: Rest, simulated: Simulated) -> None:
    newest = simulated.exchange.pairs[NAME].newest(simulated.clock.now())

    assert [it.id for it in await rest.trades(NAME, newest - 4)][:5] == [
        *range(newest - 4, newest + 1)
    ]
    many = await rest.trades(NAME, newest - 5000)
    assert [it.id for it in many] == [*range(newest - 5000, newest - 4000)]


async def test_the_exchange_s_clock_is_measured(rest: Rest, simulated: Simulated) -> None:
    simulated.exchange.faults.skew_seconds = 90.0

    found = await rest.offset()

    assert abs(found.seconds - 90.0) <= found.uncertainty_seconds + 0.001


@pytest.mark.parametrize(
    ("status", "market_seconds"), [(TOO_MANY, 10.0), (BANNED, 40.0)], ids=["429", "418"]
)
async def test_nothing_is_asked_before_the_time_that_a_refusal_names(
    rest: Rest, simulated: Simulated, status: int, market_seconds: float
) -> None:
    exchange = simulated.exchange
    until = simulated.clock.now().timestamp() + market_seconds
    exchange.weights.refuse(status, until)
    with pytest.raises(RestFailed, match=str(status)) as refused:
        await rest.trades(NAME, 1)

    await asyncio.gather(*(rest.trades(NAME, 1) for _ in range(4)))

    assert (refused.value.kind, refused.value.is_final) == ("pacing", False)
    assert simulated.clock.now().timestamp() >= until
    assert +exchange.weights.violations == {}


async def test_no_minute_has_more_weight_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty requests of four weight within forty a minute take more than two minutes."""
    monkeypatch.setattr(module, "WEIGHT", RateLimit(40, 60.0))
    async with exchange_at(NIGHT, 60.0) as simulated:
        exchange, begun = simulated.exchange, simulated.clock.now()
        newest = exchange.pairs[NAME].newest(begun)
        async with Rest(simulated.hosts.rest_url, simulated.clock) as rest:
            await asyncio.gather(*(rest.trades(NAME, newest) for _ in range(30)))

        assert exchange.requests["/api/v3/aggTrades"] == 30
        assert exchange.weights.most_in_a_minute <= 40
        assert simulated.clock.now() - begun >= 2 * MINUTE


def test_half_of_the_exchange_s_limit_is_left_to_others() -> None:
    assert module.WEIGHT.requests * 2 <= MOST_WEIGHT_A_MINUTE


async def test_what_others_use_of_the_address_counts_too(rest: Rest, simulated: Simulated) -> None:
    """Another program has used 5500 of the minute's 6000: nothing more before the next minute."""
    now = simulated.clock.now().timestamp()
    assert simulated.exchange.weights.charge(5500, now) == 0
    await rest.trades(NAME, 1)
    if simulated.clock.now().timestamp() // 60 == now // 60:
        await rest.trades(NAME, 1)

    assert simulated.clock.now().timestamp() // 60 > now // 60


async def test_an_unknown_pair_is_refused_for_good_with_the_remedy(rest: Rest) -> None:
    with pytest.raises(RestFailed, match=r"-1121.*check binance\.symbols") as refused:
        await rest.klines("NOPE", NIGHT, NIGHT + MINUTE)

    assert refused.value.is_final


async def test_a_server_in_trouble_may_be_asked_again(rest: Rest, simulated: Simulated) -> None:
    simulated.exchange.faults.broken.left = 1
    with pytest.raises(RestFailed, match="503") as refused:
        await rest.trades(NAME, 1)

    assert not refused.value.is_final
    assert await rest.trades(NAME, 1)


async def test_nobody_there_is_told_with_the_setting(simulated: Simulated) -> None:
    began = time.monotonic()
    async with Rest("http://127.0.0.1:9", simulated.clock) as rest:
        with pytest.raises(RestFailed, match=r"is binance\.rest_url right") as refused:
            await rest.offset()

    assert not refused.value.is_final
    assert time.monotonic() - began < 5.0
