"""The control port: one JSON object a line in, one acknowledged answer a line out.

``{"command": "drop", "how": "rst"}`` gives ``{"ok": true, "dropped": 1}``; a wrong command
gives ``{"ok": false, "error": "..."}``. Adding a fault is adding a line to ``COMMANDS``.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.simulator.faults import PLANTS, Plant
from futures_pipeline.simulator.gateway import Gateway, listen, port_of
from futures_pipeline.simulator.streams import TickStream

Arguments = Mapping[str, Any]
Answer = dict[str, Any]
Command = Callable[[Gateway, Arguments], Awaitable[Answer]]


class CommandError(ValueError):
    """A command that cannot be carried out; the message says why."""


class ControlPort:
    """Listens for commands that concern one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self, port: int) -> None:
        """Accept commands on ``port``; 0 takes a free one."""
        self._server = await listen(self._connected, port)
        self.port = port_of(self._server)

    async def close(self) -> None:
        """Stop listening and end all control connections."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                answer = await carry_out(self._gateway, line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # a reset, or a line beyond the reader's limit
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def carry_out(gateway: Gateway, line: bytes) -> Answer:
    """Return the answer to one command line."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict) or request.get("command") not in COMMANDS:
            raise CommandError(f"command must be one of {', '.join(COMMANDS)}")
        return {"ok": True, **await COMMANDS[request["command"]](gateway, request)}
    except (ValueError, PipelineError) as error:
        return {"ok": False, "error": str(error)}


async def _stats(gateway: Gateway, _request: Arguments) -> Answer:
    broker = gateway.broker
    counts = broker.statistics
    streams = [
        {
            "client_id": client_id,
            "request_id": request_id,
            "kind": "ticks" if isinstance(stream, TickStream) else "bars",
            "local_symbol": stream.listing.local_symbol,
        }
        for client_id, session in gateway.sessions.items()
        for request_id, stream in session.streams.items()
    ]
    return {
        "now": broker.now().isoformat(),
        "requests": dict(counts.requests),
        "unsupported": dict(counts.unsupported),
        "orders_received": counts.orders_received,
        "clients": sorted(gateway.sessions),
        "connections": counts.connections,
        "subscriptions": streams,
        "request_log_length": len(counts.log),
        "most_requests_per_second": counts.most_per_second,
        "silenced": sorted(broker.faults.silenced),
    }


async def _requests(gateway: Gateway, request: Arguments) -> Answer:
    wanted = _integer(request, "last", default=100)
    entries = list(gateway.broker.statistics.log)[-wanted:]
    return {"log": [{"client_id": client, "fields": list(fields)} for client, fields in entries]}


async def _drop(gateway: Gateway, request: Arguments) -> Answer:
    how = _one_of(request, "how", ("fin", "rst"), default="fin")
    return {"dropped": gateway.drop(reset=how == "rst")}


async def _refuse(gateway: Gateway, _request: Arguments) -> Answer:
    gateway.refuse()
    return {}


async def _accept(gateway: Gateway, _request: Arguments) -> Answer:
    await gateway.accept()
    return {"port": gateway.port}


async def _plant(gateway: Gateway, request: Arguments) -> Answer:
    symbol = _one_of(request, "symbol", tuple(UNIVERSE))
    kind = _one_of(request, "kind", tuple(PLANTS))
    stream = _one_of(request, "stream", ("ticks", "bars"), default="ticks")
    count = _integer(request, "count", default=1)
    value = request.get("value", 1.0)
    if not isinstance(value, int | float):
        raise CommandError(f"value is {value!r}, it must be a number")
    gateway.broker.faults.plants[symbol] = Plant(kind, stream, count, float(value))
    return {"symbol": symbol, "count": count}


async def _silence(gateway: Gateway, request: Arguments) -> Answer:
    symbol = _one_of(request, "symbol", tuple(UNIVERSE))
    silenced = gateway.broker.faults.silenced
    if request.get("on", True) is True:
        silenced.add(symbol)
    else:
        silenced.discard(symbol)
    return {"silenced": sorted(silenced)}


async def _stop(gateway: Gateway, _request: Arguments) -> Answer:
    gateway.stopped.set()
    return {}


def _one_of(
    request: Arguments, key: str, allowed: tuple[str, ...], default: str | None = None
) -> str:
    value = request.get(key, default)
    if value not in allowed:
        raise CommandError(f"{key} is {value!r}, it must be one of {', '.join(allowed)}")
    return str(value)


def _integer(request: Arguments, key: str, default: int) -> int:
    value = request.get(key, default)
    if not isinstance(value, int) or value < 1:
        raise CommandError(f"{key} is {value!r}, it must be a whole number above 0")
    return value


COMMANDS: Mapping[str, Command] = {
    "stats": _stats,
    "requests": _requests,
    "drop": _drop,
    "refuse": _refuse,
    "accept": _accept,
    "plant": _plant,
    "silence": _silence,
    "stop": _stop,
}
