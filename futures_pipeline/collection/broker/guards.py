"""What is put around ib_async: no orders, no endless frames, no silent handler errors."""

import logging
from collections.abc import Callable
from typing import Any, NoReturn

import ib_async

from futures_pipeline.domain.errors import PipelineError

log = logging.getLogger(__name__)

# The largest message of the official API (MAX_MSG_LEN). What announces more has lost its
# framing, and ib_async would wait for it for ever (ib_insync issue 393).
LONGEST_FRAME_BYTES = 0xFFFFFF
HEADER_BYTES = 4
ORDER_METHODS = ("placeOrder", "cancelOrder", "reqGlobalCancel", "exerciseOptions", "replaceFA")


class FrameWatch:
    """Follows the length prefixes of a byte stream that comes in pieces of any size."""

    def __init__(self) -> None:
        self._header = b""
        self._body_left = 0

    def breaks_at(self, data: bytes) -> int | None:
        """Take the next bytes; return the first length that no message can have."""
        at = 0
        while at < len(data):
            if self._body_left:
                step = min(self._body_left, len(data) - at)
                self._body_left -= step
            else:
                step = min(HEADER_BYTES - len(self._header), len(data) - at)
                self._header += data[at : at + step]
                if len(self._header) == HEADER_BYTES:
                    length = int.from_bytes(self._header, "big")
                    self._header, self._body_left = b"", length
                    if length > LONGEST_FRAME_BYTES:
                        return length
            at += step
        return None


def cap_frames(ib: ib_async.IB, broken: Callable[[str], None]) -> None:
    """Call ``broken`` with the reason when the gateway announces an impossible message."""
    watch = FrameWatch()

    def check(data: bytes) -> None:
        length = watch.breaks_at(data)
        if length is not None:
            broken(f"a message of {length} bytes is announced: the framing is lost")

    ib.client.conn.hasData += check


def forbid_orders(ib: ib_async.IB) -> None:
    """Make every method that could place, change or cancel an order raise."""

    def refuse(*arguments: object, **named: object) -> NoReturn:
        del arguments, named
        raise PipelineError("orders: this program collects data and never places or changes one")

    for name in ORDER_METHODS:
        setattr(ib.client, name, refuse)


def report_handler_errors(ib: ib_async.IB, count: Callable[[], None]) -> None:
    """Log what event handlers raise; the library would drop it without a word."""

    def report(event: Any, error: Exception) -> None:
        count()
        log.error("event_handler_failed event=%s", event, exc_info=error)

    for name in ib.events:
        getattr(ib, name).error_event += report
