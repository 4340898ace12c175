"""A tape with a served feed on a free port, and a listener that is a real WebSocket client."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from futures_pipeline.collection.feed.server import FeedServer
from futures_pipeline.collection.feed.tape import Tape
from futures_pipeline.collection.feed.updates import Origin, TradeUpdate
from futures_pipeline.domain.clock import SystemClock
from futures_pipeline.domain.instruments import UNIVERSE

AT = datetime(2025, 1, 15, 14, 40, tzinfo=UTC)
BTC = "BTC/USDT"


def trade(price: float, volume: float | None = 1.0, symbol: str = BTC) -> TradeUpdate:
    return TradeUpdate(Origin.heard(symbol, symbol, AT), price, price, price, volume)


def health() -> Mapping[str, Any]:
    return {"type": "health", "sources": []}


@pytest.fixture
def tape() -> Tape:
    return Tape([UNIVERSE["ES"], UNIVERSE[BTC]])


@pytest.fixture
async def server(tape: Tape) -> AsyncIterator[FeedServer]:
    opened = FeedServer(tape, SystemClock(), health)
    assert await opened.open(0)
    yield opened
    await opened.close()


@asynccontextmanager
async def listening(
    server: FeedServer, query: str = "symbols=BTC/USDT", **options: Any
) -> AsyncIterator[ClientConnection]:
    address = f"ws://127.0.0.1:{server.port}/feed?{query}"
    async with connect(address, proxy=None, **options) as connection:
        yield connection


async def told(connection: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next message of a type."""
    while True:
        message: dict[str, Any] = json.loads(await connection.recv())
        if message["type"] == kind:
            return message
