"""A gateway in this process on free ports, with a clock that tests move."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ib_async
import pytest

from futures_pipeline.simulator.control import ControlPort
from futures_pipeline.simulator.gateway.broker import Broker
from futures_pipeline.simulator.gateway.listener import Gateway
from futures_pipeline.simulator.market.generated import GeneratedMarket
from futures_pipeline.simulator.market.source import Market
from futures_pipeline.simulator.protocol.limits import Limits

REPOSITORY = Path(__file__).parents[2]
# A Wednesday, 09:40 New York: every market of the universe is open.
OPEN_MARKET = datetime(2025, 1, 15, 14, 40, tzinfo=UTC)


class HandClock:
    """Market time that only a test moves; one market second takes a hundredth of a second."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def system_seconds(self, market_seconds: float) -> float:
        return market_seconds / 100

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Simulated:
    """A running gateway, its clock, and a way to send commands to its control port."""

    gateway: Gateway
    control_port: int
    clock: HandClock

    @property
    def port(self) -> int:
        return self.gateway.port

    async def command(self, **request: Any) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control_port)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
        return answer

    async def fault(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Start a fault that must be acknowledged."""
        answer = await self.command(command="fault", name=name, **parameters)
        assert answer["ok"], answer
        return answer

    async def heal(self, name: str) -> None:
        answer = await self.command(command="heal", name=name)
        assert answer == {"ok": True, "healed": [name]}


@asynccontextmanager
async def running(
    market: Market, at: datetime = OPEN_MARKET, limits: bool = True
) -> AsyncIterator[Simulated]:
    """Run a gateway over ``market`` for the body of a with statement."""
    clock = HandClock(at)
    gateway = Gateway(Broker(market, clock, limits=Limits(limits)))
    control = ControlPort(gateway)
    await gateway.listen(0)
    await control.listen(0)
    try:
        yield Simulated(gateway, control.port, clock)
    finally:
        await control.close()
        await gateway.close()


@asynccontextmanager
async def client(port: int, client_id: int = 7, version: int = 178) -> AsyncIterator[ib_async.IB]:
    """Connect an unmodified ib_async client."""
    ib = ib_async.IB()
    ib.RaiseRequestErrors = True
    ib.client.MaxClientVersion = version
    await ib.connectAsync("127.0.0.1", port, clientId=client_id, timeout=10)
    try:
        yield ib
    finally:
        ib.disconnect()


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(scope="session")
def generated() -> GeneratedMarket:
    return GeneratedMarket(seed=7)


@pytest.fixture
async def simulated(generated: GeneratedMarket) -> AsyncIterator[Simulated]:
    async with running(generated) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("FUTURES_PIPELINE_RECORDED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"recorded data is not at {folder}; see FUTURES_PIPELINE_RECORDED_DATA")
    return folder
