"""The exchange on the wire, as documented: limits, cuts, refusals, and its faults by command."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from futures_pipeline.domain.clock import ReplayClock
from futures_pipeline.simulator.binance.exchange import GOING_AWAY, Exchange
from futures_pipeline.simulator.binance.lines import LONGEST_LIFE
from futures_pipeline.simulator.binance.prices import at_rest
from futures_pipeline.simulator.binance.weights import (
    BANNED,
    MOST_CONNECTIONS,
    MOST_WEIGHT_A_MINUTE,
    REFUSALS_BEFORE_BAN,
    TOO_MANY,
    Weights,
)
from futures_pipeline.simulator.control import ControlPort, carry_out
from futures_pipeline.simulator.faults.binance import exchange_faults
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.market.generated import GeneratedMarket

START = datetime(2025, 1, 15, 14, 40, 50, tzinfo=UTC)
STREAMS = "btcusdt@aggTrade/btcusdt@kline_1m/btcusdt@bookTicker"
MINUTE = 60.0


@dataclass
class Listening:
    """A running exchange and the control port beside it."""

    exchange: Exchange
    control: ControlPort
    clock: ReplayClock

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.exchange.port}"

    @asynccontextmanager
    async def client(self, streams: str = STREAMS) -> AsyncIterator[ClientConnection]:
        url = f"ws://{self.address}/stream?streams={streams}"
        async with connect(url, ping_interval=None, close_timeout=1) as connection:
            yield connection

    async def get(self, path: str, **query: object) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self.address}") as web:
            return await web.get(f"/api/v3/{path}", params={k: str(v) for k, v in query.items()})

    async def fault(self, name: str, **parameters: object) -> dict[str, Any]:
        """Start a fault through a command line, as the control port gets it."""
        command = {"command": "fault", "name": name, **parameters}
        return await carry_out(self.control, json.dumps(command).encode())


@asynccontextmanager
async def listening(speed: float) -> AsyncIterator[Listening]:
    clock = ReplayClock(START, time.time(), speed)
    exchange = Exchange(clock, 7, at_rest)
    control = ControlPort(Gateway(Broker(GeneratedMarket(7), clock)), exchange)
    await exchange.listen(0)
    try:
        yield Listening(exchange, control, clock)
    finally:
        await exchange.close()


@pytest.fixture
async def binance() -> AsyncIterator[Listening]:
    async with listening(30.0) as running:
        yield running


async def events(connection: ClientConnection, kind: str, count: int) -> list[dict[str, Any]]:
    """Return the next events of a stream."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            message = json.loads(await connection.recv())
            if message.get("stream", "").endswith(kind):
                found.append(message["data"])
    return found


async def all_messages(connection: ClientConnection) -> list[dict[str, Any]]:
    """Return what still comes; fails when the connection is not ended within 20 seconds."""
    found: list[dict[str, Any]] = []
    with suppress(ConnectionClosed):
        async with asyncio.timeout(20):
            while True:
                found.append(json.loads(await connection.recv()))
    return found


async def test_streams_carry_what_rest_tells_later(binance: Listening) -> None:
    async with binance.client() as client:
        trades = await events(client, "aggTrade", 20)
        bars = [it["k"] for it in await events(client, "kline_1m", 40) if it["k"]["x"]]
        await events(client, "bookTicker", 1)
    asked = await binance.get("aggTrades", symbol="BTCUSDT", fromId=trades[0]["a"], limit=20)
    rows = await binance.get(
        "klines", symbol="BTCUSDT", interval="1m", startTime=bars[0]["t"], limit=1
    )

    keys = ("a", "p", "q", "T", "m")
    assert [[it[key] for key in keys] for it in trades] == [
        [it[key] for key in keys] for it in asked.json()
    ]
    assert rows.json()[0][:9] == [bars[0][key] for key in ("t", *"ohlcv", "T", "q", "n")]


async def test_only_what_was_asked_for_is_sent(binance: Listening) -> None:
    async with binance.client("btcusdt@kline_1m/nope@aggTrade") as client:
        names = {json.loads(await client.recv())["stream"] for _ in range(10)}

    assert names == {"btcusdt@kline_1m"}


async def test_every_answer_tells_the_weight_that_is_used() -> None:
    async with listening(1.0) as binance:  # ten seconds before a minute begins anew
        answers = [
            await binance.get(path, symbol="BTCUSDT", interval="1m")
            for path in ("time", "klines", "aggTrades")
        ]
    assert [answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers] == ["1", "3", "7"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": "BTCUSDT", "interval": "2m"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1m", "startTime": "x"}, -1100),
    ],
)
async def test_wrong_requests_are_refused_by_their_code(
    binance: Listening, query: dict[str, str], code: int
) -> None:
    answer = await binance.get("klines", **query)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_too_much_weight_is_refused_until_the_next_minute() -> None:
    weights = Weights()
    assert weights.charge(MOST_WEIGHT_A_MINUTE, 120.0) == 0

    assert weights.charge(1, 150.0) == TOO_MANY
    assert weights.refused_seconds(150.0) == 30
    assert weights.charge(1, 180.0) == 0
    assert weights.violations == {"weight": 1}


def test_whoever_goes_on_asking_is_banned() -> None:
    weights = Weights()
    weights.refuse(TOO_MANY, 1000.0)
    answers = [weights.charge(1, 100.0)]
    answers += [weights.charge(1, 110.0 + n) for n in range(REFUSALS_BEFORE_BAN)]

    assert answers == [TOO_MANY] * REFUSALS_BEFORE_BAN + [BANNED]
    assert weights.violations["asked_while_refused"] == REFUSALS_BEFORE_BAN


def test_connection_attempts_are_limited() -> None:
    weights = Weights()

    assert all(weights.connect(float(n % 100)) for n in range(MOST_CONNECTIONS))
    assert not weights.connect(100.0)
    assert weights.connect(500.0)
    assert weights.violations["connections"] == 1


async def test_a_connection_ends_after_a_day() -> None:
    async with listening(50_000.0) as binance, binance.client("btcusdt@bookTicker") as client:
        await all_messages(client)

    assert binance.clock.now() - START >= LONGEST_LIFE
    assert client.close_code == GOING_AWAY


@pytest.mark.parametrize(
    ("name", "code"), [("binance_1001", 1001), ("binance_1008", 1008), ("binance_rst", 1006)]
)
async def test_a_connection_is_ended_by_command(binance: Listening, name: str, code: int) -> None:
    async with binance.client() as client:
        await client.recv()
        assert (await binance.fault(name))["ok"]
        await all_messages(client)

    assert client.close_code == code


async def test_an_end_is_announced_and_comes(binance: Listening) -> None:
    async with binance.client() as client:
        await client.recv()
        assert (await binance.fault("binance_shutdown", seconds=15.0))["lasts"]
        kinds = [message.get("e") for message in await all_messages(client)]

    assert "serverShutdown" in kinds
    assert client.close_code == GOING_AWAY


async def test_a_stalled_line_stays_open_and_goes_on(binance: Listening) -> None:
    async with binance.client("btcusdt@aggTrade") as client:
        await events(client, "aggTrade", 1)
        await binance.fault("binance_stall")
        with pytest.raises(TimeoutError):
            await until_silence(client, 0.5)
        await carry_out(binance.control, b'{"command": "heal"}')
        await events(client, "aggTrade", 5)


async def until_silence(connection: ClientConnection, seconds: float) -> None:
    """Read what is under way; raises TimeoutError when nothing has come for so long."""
    while True:
        await asyncio.wait_for(connection.recv(), seconds)


async def test_new_connections_are_refused_by_command(binance: Listening) -> None:
    await binance.fault("binance_refuse")
    with pytest.raises(InvalidStatus, match="503"):
        async with binance.client():
            pass
    await carry_out(binance.control, b'{"command": "heal", "name": "binance_refuse"}')
    async with binance.client() as client:
        await client.recv()


@pytest.mark.parametrize(
    ("name", "repeated", "lost"), [("binance_duplicates", 2, 0), ("binance_lost_trades", 0, 2)]
)
async def test_trades_come_twice_or_not_at_all(
    binance: Listening, name: str, repeated: int, lost: int
) -> None:
    async with binance.client("btcusdt@aggTrade") as client:
        await events(client, "aggTrade", 1)
        await binance.fault(name, count=2)
        ids = [it["a"] for it in await events(client, "aggTrade", 400)]

    assert len(ids) - len(set(ids)) == repeated
    assert len(range(ids[0], ids[-1] + 1)) - len(set(ids)) == lost


@pytest.mark.parametrize(
    ("name", "status"), [("binance_429", 429), ("binance_418", 418), ("binance_503", 503)]
)
async def test_requests_are_refused_by_command(binance: Listening, name: str, status: int) -> None:
    await binance.fault(name)
    answer = await binance.get("time")

    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status != 503)


async def test_the_control_port_lists_the_faults_and_counts(binance: Listening) -> None:
    await binance.get("time")
    known = (await carry_out(binance.control, b'{"command": "faults"}'))["faults"]
    stats = (await carry_out(binance.control, b'{"command": "stats"}'))["binance"]

    assert set(exchange_faults(binance.exchange)) <= set(known)
    assert stats["requests"] == {"/api/v3/time": 1}
    assert stats["violations"] == {}


async def test_its_clock_is_put_off_by_command(binance: Listening) -> None:
    await binance.fault("binance_clock_skew", by=-90.0)
    told = datetime.fromtimestamp((await binance.get("time")).json()["serverTime"] / 1000, UTC)

    assert timedelta(seconds=60) < binance.clock.now() - told < timedelta(seconds=150)
