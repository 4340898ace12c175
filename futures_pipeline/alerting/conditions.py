"""When a person is told: a condition opens, gets worse, or is over; never twice the same.

Pure: the state of a condition before, what is found now, and the time decide.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

# No two messages about one condition within this time, unless it gets worse.
COOL_DOWN = timedelta(minutes=15)


class Severity(IntEnum):
    """How much a person is needed; ``NONE`` is a condition that does not hold."""

    NONE = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. ``key`` names it for as long as it lasts."""

    key: str
    severity: Severity
    title: str
    says: str


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a condition.

    ``changes``: how often it has begun or ended. ``told``: what the last message said, NONE
    after a recovery or before any. ``loudest``: the severity of the last message that was no
    recovery. ``untold``: changes since the last message. Times are the machine's, UTC.
    """

    condition: Condition
    is_open: bool
    since: datetime
    changes: int = 0
    told: Severity = Severity.NONE
    told_at: datetime | None = None
    loudest: Severity = Severity.NONE
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told. ``id`` is that of the state change it tells, so none comes twice."""

    id: str
    key: str
    severity: Severity
    title: str
    body: str
    made_at: datetime


def observed(state: State | None, found: Condition | None, now: datetime) -> State | None:
    """Return the state after a look at a condition; ``found`` is None when it does not hold."""
    if state is None:
        return None if found is None else State(found, True, now, changes=1, untold=1)
    condition = found or state.condition
    if (found is not None) == state.is_open:
        return replace(state, condition=condition)
    return replace(
        state,
        condition=condition,
        is_open=found is not None,
        since=now,
        changes=state.changes + 1,
        untold=state.untold + 1,
    )


def due(state: State, now: datetime) -> Message | None:
    """Return the message that is due now, None without one.

    It tells a condition that is worse than what was last told, or over. Within ``COOL_DOWN``
    of the message before only one that is worse than all told since: a condition that comes
    and goes is told once, and its last state when the time has passed.
    """
    wanted = state.condition.severity if state.is_open else Severity.NONE
    is_news = wanted > state.told or (wanted is Severity.NONE and state.told > Severity.NONE)
    is_quiet = state.told_at is None or now - state.told_at >= COOL_DOWN
    if not is_news or not (is_quiet or wanted > state.loudest):
        return None
    condition = state.condition
    over = wanted is Severity.NONE
    return Message(
        id=hashlib.sha256(f"{condition.key}\n{state.changes}\n{wanted}".encode()).hexdigest()[:16],
        key=condition.key,
        severity=wanted,
        title=f"Over: {condition.title}" if over else f"{wanted.name}: {condition.title}",
        body=_body(state, over=over),
        made_at=now,
    )


def told(state: State, message: Message) -> State:
    """Return the state after its message was put into the outbox."""
    loudest = state.loudest if message.severity is Severity.NONE else message.severity
    return replace(state, told=message.severity, told_at=message.made_at, loudest=loudest, untold=0)


def _body(state: State, *, over: bool) -> str:
    since, was = ("Over since", "It was: ") if over else ("Since", "")
    says = f"{since} {state.since:%Y-%m-%d %H:%M:%S} UTC. {was}{state.condition.says}"
    flaps = state.untold - 1
    return says + (f" (came and went {flaps} times since the last message)" if flaps > 1 else "")
