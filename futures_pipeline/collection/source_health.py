"""How a source of data is: its socket, its trouble, its clock and each of its streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from futures_pipeline.collection.clock_offset import Offset
from futures_pipeline.collection.streaming.lines import Line, Stream


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One contract's stream; ``heard_at`` None: never."""

    symbol: str
    contract: str
    is_open: bool
    state: str
    heard_at: datetime | None
    data_type: str | None


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """One source; ``since`` is when its socket came up or went down, None: never was up."""

    source: str
    is_up: bool
    since: datetime | None
    trouble: str | None
    text: str | None
    offset: Offset | None
    streams: Sequence[StreamHealth]


def line_health(line: Line, data_type: str | None, now: datetime) -> StreamHealth:
    """Return how one of the broker's lines is."""
    heard = line.heard.get(Stream.QUOTES)
    state = "live" if heard else "waiting"
    if Stream.QUOTES in line.refused:
        state = "refused"
    elif line.silent:
        state = "silent"
    return StreamHealth(
        symbol=line.listed.instrument.symbol,
        contract=line.listed.local_symbol,
        is_open=line.hours.is_open(now),
        state=state,
        heard_at=heard.at if heard else None,
        data_type=data_type,
    )
