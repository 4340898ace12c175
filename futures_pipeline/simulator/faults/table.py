"""Every fault by name, and those in force.

A fault is a coroutine (over at once) or an asynchronous generator: it starts what lasts,
yields its charge (None: until it is healed) and, resumed, ends it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from futures_pipeline.domain.errors import PipelineError
from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.simulator.faults.counting import ANY, Charge
from futures_pipeline.simulator.gateway.listener import Gateway

Lasting = AsyncGenerator[Charge | None, None]
Run = Callable[..., Lasting | Awaitable[None]]
SECONDS = "seconds"
NOT_NEGATIVE = frozenset({SECONDS, "count", "delay", "errors", "extra"})

log = logging.getLogger(__name__)


class FaultError(ValueError):
    """A fault that cannot be started or healed; the message says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault; ``parameters`` are the names that a command may give, with their defaults.

    ``seconds`` is market time after which a lasting fault ends by itself, 0 is never.
    """

    description: str
    run: Run
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"description": self.description, "parameters": dict(self.parameters)}


def lasting(description: str, run: Run, /, **parameters: Any) -> Fault:
    """Return a fault that ends when healed or after ``seconds``."""
    return Fault(description, run, {**parameters, SECONDS: parameters.get(SECONDS, 0.0)})


@dataclass
class _Started:
    fault: Lasting
    charge: Charge | None
    timer: asyncio.Task[None] | None = None

    @property
    def is_spent(self) -> bool:
        return self.charge is not None and self.charge.left <= 0


class InForce:
    """The faults of one gateway that have not ended."""

    def __init__(self, gateway: Gateway, table: Mapping[str, Fault]) -> None:
        self._gateway = gateway
        self._table = table
        self._started: dict[str, _Started] = {}

    @property
    def names(self) -> list[str]:
        return sorted(name for name, started in self._started.items() if not started.is_spent)

    async def start(self, name: str, given: Mapping[str, Any]) -> bool:
        """Start a fault and return whether it lasts.

        Raises:
            FaultError: there is no such fault or parameter, or it is in force already.
        """
        if name not in self._table:
            raise FaultError(f"name is {name!r}, it must be one of {', '.join(self._table)}")
        if name in self.names:
            raise FaultError(f"{name} is in force already; heal it first")
        await self._end(name)  # one that has struck as often as it should
        values = _values(self._table[name].parameters, given)
        seconds = values.pop(SECONDS, 0.0)
        running = self._table[name].run(self._gateway, **values)
        if not isinstance(running, AsyncGenerator):
            await running
            return False
        started = self._started[name] = _Started(running, await anext(running))
        if seconds:
            expiry = self._expire(name, seconds)
            started.timer = asyncio.get_running_loop().create_task(expiry)
        return True

    async def heal(self, name: str | None = None) -> list[str]:
        """End one fault, or all, and return the names of those that were in force.

        Raises:
            FaultError: there is no fault of this name.
        """
        if name is not None and name not in self._table:
            raise FaultError(f"name is {name!r}, it must be one of {', '.join(self._table)}")
        healed = [found for found in self.names if name in (None, found)]
        for found in list(self._started) if name is None else [name]:
            await self._end(found)
        return healed

    async def _end(self, name: str) -> None:
        started = self._started.pop(name, None)
        if started is None:
            return
        if started.timer is not None and started.timer is not asyncio.current_task():
            started.timer.cancel()
        await anext(started.fault, None)

    async def _expire(self, name: str, seconds: float) -> None:
        broker = self._gateway.broker
        await broker.until(broker.clock.now() + timedelta(seconds=seconds))
        try:
            await self._end(name)
        except PipelineError as error:
            log.error("fault_not_healed name=%s reason=%r", name, str(error))


def _values(parameters: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults with what was given, each of its default's type."""
    unknown = sorted(set(given) - set(parameters))
    if unknown:
        known = ", ".join(parameters) or "none"
        raise FaultError(f"no parameter {', '.join(unknown)}; there is {known}")
    return {
        name: _checked(name, given.get(name, value), value) for name, value in parameters.items()
    }


def _checked(name: str, value: Any, default: Any) -> Any:
    allowed = int | float if isinstance(default, float) else type(default)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise FaultError(f"{name} is {value!r}, it must be like {default!r}")
    if name in NOT_NEGATIVE and value < 0:
        raise FaultError(f"{name} is {value!r}, it must not be negative")
    if name == "symbol" and value != ANY and not set(str(value).split(",")) <= set(UNIVERSE):
        raise FaultError(f"symbol is {value!r}, it must be of {', '.join(UNIVERSE)}, or empty")
    return value
