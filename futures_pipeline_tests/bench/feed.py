"""``python -m futures_pipeline_tests.bench.feed``: 70 trades a second over the live feed.

The server is a process of its own, so that its CPU is its own; listeners are real clients.
"""

import asyncio
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect

from futures_pipeline.collection.feed.server import FeedServer
from futures_pipeline.collection.feed.tape import Tape
from futures_pipeline.collection.feed.updates import MILLISECONDS, Origin, TradeUpdate
from futures_pipeline.domain.clock import SystemClock
from futures_pipeline.domain.instruments import UNIVERSE

# Trades a second, at random times.
RATES = {"BTC/USDT": 50.0, "ES": 20.0}
SETTLE_SECONDS = 1.0
HEALTH = {"type": "health", "sources": [], "streams": []}


@dataclass
class Heard:
    """What one listener has been told."""

    messages: int = 0
    trades: int = 0
    gaps: int = 0
    delays_ms: list[float] = field(default_factory=list)


async def serve(pipe: Connection, seconds: float) -> None:
    tape = Tape([UNIVERSE[symbol] for symbol in RATES])
    tape.lead({symbol: symbol for symbol in RATES})
    server = FeedServer(tape, SystemClock(), lambda: HEALTH)
    await server.open(0)
    pipe.send(server.port)
    await asyncio.to_thread(pipe.recv)
    cpu, sent = time.process_time(), 0
    due = time.monotonic()
    end = due + seconds
    while (due := due + random.expovariate(sum(RATES.values()))) < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        (symbol,) = random.choices(list(RATES), list(RATES.values()))
        origin = Origin.heard(symbol, symbol, datetime.now(UTC))
        tape.tell(TradeUpdate(origin, 100.0, 100.0, 100.0, 1.0))
        sent += 1
    await asyncio.sleep(SETTLE_SECONDS)
    pipe.send((sent, time.process_time() - cpu))
    await server.close()


def serving(pipe: Connection, seconds: float) -> None:
    asyncio.run(serve(pipe, seconds))


async def listen(port: int, heard: Heard) -> None:
    async with connect(f"ws://127.0.0.1:{port}/feed", proxy=None) as connection:
        async for text in connection:
            take(json.loads(text), heard)


def take(message: Mapping[str, Any], heard: Heard) -> None:
    heard.messages += 1
    heard.gaps += message["seq"] != heard.messages
    if message["type"] == "trade":
        heard.trades += message["trades"]
        heard.delays_ms.append(time.time() * MILLISECONDS - message["machine"])


async def measure(seconds: float, listeners: int) -> tuple[int, float, list[Heard]]:
    """Return trades sent, CPU seconds of the server, and what each listener heard."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=serving, args=(theirs, seconds))
    child.start()
    port = await asyncio.to_thread(ours.recv)
    heard = [Heard() for _ in range(listeners)]
    tasks = [asyncio.create_task(listen(port, each)) for each in heard]
    await asyncio.sleep(SETTLE_SECONDS)
    ours.send("begin")
    sent, cpu_seconds = await asyncio.to_thread(ours.recv)
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(child.join)
    return sent, cpu_seconds, heard


@click.command()
@click.option("--seconds", type=float, default=30.0, help="How long (30).")
def main(seconds: float) -> None:
    """Measure and print."""
    screen = Table(
        "Listeners", "Sent", "Received", "Gaps", "p50 ms", "p95 ms", "CPU of a core", "a listener"
    )
    for listeners in (1, 16):
        sent, cpu_seconds, heard = asyncio.run(measure(seconds, listeners))
        delays = statistics.quantiles([it for each in heard for it in each.delays_ms], n=100)
        share = 100.0 * cpu_seconds / seconds
        screen.add_row(
            str(listeners),
            str(sent),
            f"{100.0 * sum(each.trades for each in heard) / sent / listeners:.1f} %",
            str(sum(each.gaps for each in heard)),
            f"{delays[49]:.1f}",
            f"{delays[94]:.1f}",
            f"{share:.1f} %",
            f"{share / listeners:.2f} %",
        )
    Console().print(screen)


if __name__ == "__main__":
    main()
