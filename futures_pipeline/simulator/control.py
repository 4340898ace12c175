"""The control port: one JSON object a line in, one acknowledged answer a line out.

``{"command": "fault", "name": "stall", "seconds": 30}`` gives ``{"ok": true, ...}``; a wrong
command gives ``{"ok": false, "error": "..."}``. Adding a command is adding a line to
``COMMANDS``; faults have a table of their own.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.simulator.binance.exchange import Exchange
from futures_pipeline.simulator.faults.binance import exchange_faults
from futures_pipeline.simulator.faults.counting import Charge
from futures_pipeline.simulator.faults.every import FAULTS
from futures_pipeline.simulator.faults.plants import EDITS, Plant
from futures_pipeline.simulator.faults.table import InForce
from futures_pipeline.simulator.gateway.listener import Gateway, listen, port_of
from futures_pipeline.simulator.gateway.streams import BARS, TICKS

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


class CommandError(ValueError):
    """A command that cannot be carried out; the message says why."""


class ControlPort:
    """Listens for commands that concern one gateway, and the exchange beside it."""

    def __init__(self, gateway: Gateway, exchange: Exchange | None = None) -> None:
        self.gateway = gateway
        self.exchange = exchange
        self.known = FAULTS if exchange is None else {**FAULTS, **exchange_faults(exchange)}
        self.faults = InForce(gateway, self.known)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self, port: int) -> None:
        """Accept commands on ``port``; 0 takes a free one."""
        self._server = await listen(self._connected, port)
        self.port = port_of(self._server)

    async def close(self) -> None:
        """Stop listening, end all control connections and every fault."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        with suppress(PipelineError):  # a port that cannot be opened again is left closed
            await self.faults.heal()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                answer = await carry_out(self, line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # a reset, or a line beyond the reader's limit
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def carry_out(control: ControlPort, line: bytes) -> Answer:
    """Return the answer to one command line."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict) or request.get("command") not in COMMANDS:
            raise CommandError(f"command must be one of {', '.join(COMMANDS)}")
        return {"ok": True, **await COMMANDS[request["command"]](control, request)}
    except (ValueError, PipelineError) as error:
        return {"ok": False, "error": str(error)}


async def _stats(control: ControlPort, _request: Arguments) -> Answer:
    gateway, broker = control.gateway, control.gateway.broker
    counts, limits = broker.statistics, broker.limits
    streams = [
        {
            "client_id": client_id,
            "request_id": request_id,
            "kind": stream.kind,
            "local_symbol": stream.listing.local_symbol,
        }
        for client_id, session in gateway.sessions.items()
        for request_id, stream in session.streams.items()
    ]
    return {
        "now": broker.clock.now().isoformat(),
        "requests": dict(counts.requests),
        "unsupported": dict(counts.unsupported),
        "orders_received": counts.orders_received,
        "clients": sorted(gateway.sessions),
        "connections": counts.connections,
        "subscriptions": streams,
        "request_log_length": len(counts.log),
        "most_requests_per_second": counts.most_per_second,
        "limits": "on" if limits.on else "off",
        "violations": dict(limits.violations),
        "lines_in_use": limits.lines_in_use,
        "most_lines": limits.most_lines,
        "open_history": limits.open_history,
        "faults": control.faults.names,
        "silenced": sorted(broker.faults.silenced),
        "binance": None if control.exchange is None else control.exchange.stats(),
    }


async def _fault(control: ControlPort, request: Arguments) -> Answer:
    given = {key: value for key, value in request.items() if key not in ("command", "name")}
    name, clients = str(request.get("name")), sorted(control.gateway.sessions)
    lasts = await control.faults.start(name, given)
    return {"name": name, "lasts": lasts, "clients": clients}


async def _faults(control: ControlPort, _request: Arguments) -> Answer:
    known = {name: fault.as_json() for name, fault in control.known.items()}
    return {"faults": known, "in_force": control.faults.names}


async def _heal(control: ControlPort, request: Arguments) -> Answer:
    name = request.get("name")
    return {"healed": await control.faults.heal(None if name is None else str(name))}


async def _requests(control: ControlPort, request: Arguments) -> Answer:
    wanted = _integer(request, "last", default=100)
    entries = list(control.gateway.broker.statistics.log)[-wanted:]
    return {"log": [{"client_id": client, "fields": list(fields)} for client, fields in entries]}


async def _drop(control: ControlPort, request: Arguments) -> Answer:
    how = _one_of(request, "how", ("fin", "rst"), default="fin")
    return {"dropped": control.gateway.drop(reset=how == "rst")}


async def _refuse(control: ControlPort, _request: Arguments) -> Answer:
    control.gateway.refuse()
    return {}


async def _accept(control: ControlPort, _request: Arguments) -> Answer:
    await control.gateway.accept()
    return {"port": control.gateway.port}


async def _plant(control: ControlPort, request: Arguments) -> Answer:
    symbol = _one_of(request, "symbol", tuple(UNIVERSE))
    kind = _one_of(request, "kind", tuple(EDITS))
    stream = _one_of(request, "stream", (TICKS, BARS), default=TICKS)
    count = _integer(request, "count", default=1)
    value = request.get("value", 1.0)
    if not isinstance(value, int | float):
        raise CommandError(f"value is {value!r}, it must be a number")
    faults = control.gateway.broker.faults
    others = [plant for plant in faults.plants if plant.symbols != symbol]
    faults.plants = [*others, Plant(kind, stream, Charge.of(count), symbol, float(value))]
    return {"symbol": symbol, "count": count}


async def _silence(control: ControlPort, request: Arguments) -> Answer:
    symbol = _one_of(request, "symbol", tuple(UNIVERSE))
    silenced = control.gateway.broker.faults.silenced
    if request.get("on", True) is True:
        silenced.add(symbol)
    else:
        silenced.discard(symbol)
    return {"silenced": sorted(silenced)}


async def _stop(control: ControlPort, _request: Arguments) -> Answer:
    control.gateway.stopped.set()
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


COMMANDS: Mapping[str, Callable[[ControlPort, Arguments], Awaitable[Answer]]] = {
    "stats": _stats,
    "fault": _fault,
    "faults": _faults,
    "heal": _heal,
    "requests": _requests,
    "drop": _drop,
    "refuse": _refuse,
    "accept": _accept,
    "plant": _plant,
    "silence": _silence,
    "stop": _stop,
}
