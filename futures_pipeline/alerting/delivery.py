"""Delivery of the outbox: oldest first, a rest for a target that fails, many as one."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from futures_pipeline.alerting.conditions import Message, Severity
from futures_pipeline.alerting.outbox import Outbox, Waiting
from futures_pipeline.alerting.targets import Target

FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(hours=1)
# Chat services take about 20 messages a minute; more than this at once become one.
SINGLY = 5
DIGEST_MESSAGES = 50
LINE_CHARACTERS = 200

log = logging.getLogger(__name__)


def deliver(outbox: Outbox, targets: Iterable[Target], now: datetime) -> int:
    """Send what waits; return how many messages were taken, over all targets.

    A target that fails is left alone for 30 seconds, then twice as long after each further
    failure, at most an hour; the others go on. Messages wait for it until it takes them.
    """
    return sum(_deliver_to(outbox, target, now) for target in targets)


def rest(attempts: int) -> timedelta:
    """Return how long a target is left alone after ``attempts`` vain ones, at least one.

    >>> rest(1), rest(3)
    (datetime.timedelta(seconds=30), datetime.timedelta(seconds=120))
    """
    return min(FIRST_REST * (1 << min(attempts - 1, 10)), LONGEST_REST)


def _deliver_to(outbox: Outbox, target: Target, now: datetime) -> int:
    sent = 0
    for batch in _batches(outbox.waiting(target.id, now)):
        ids = [waiting.message.id for waiting in batch]
        title, body, severity = digest([waiting.message for waiting in batch])
        if not target.send(title, body, severity):
            attempts = 1 + max(waiting.attempts for waiting in batch)
            outbox.failed(target.id, ids, now + rest(attempts))
            log.warning("alert_not_delivered target=%s attempts=%d", target.label, attempts)
            break
        outbox.delivered(target.id, ids, now)
        sent += len(ids)
    return sent


def _batches(waiting: Sequence[Waiting]) -> list[Sequence[Waiting]]:
    if len(waiting) <= SINGLY:
        return [[each] for each in waiting]
    return [waiting[:DIGEST_MESSAGES]]


def digest(messages: Sequence[Message]) -> tuple[str, str, Severity]:
    """Return title, body and severity of one message for one or several."""
    if len(messages) == 1:
        return messages[0].title, messages[0].body, messages[0].severity
    lines = [f"{m.made_at:%H:%M} {m.title}: {m.body}"[:LINE_CHARACTERS] for m in messages]
    worst = max(message.severity for message in messages)
    return f"{len(messages)} alerts", "\n".join(lines), worst
