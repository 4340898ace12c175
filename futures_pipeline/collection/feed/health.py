"""How the collector is, as the feed tells it: sockets, troubles, clocks, each stream."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from futures_pipeline.collection.feed.updates import machine_ms, milliseconds
from futures_pipeline.collection.normalize import age_seconds
from futures_pipeline.collection.source_health import SourceHealth, StreamHealth


def health_message(sources: Sequence[SourceHealth], now: datetime) -> Mapping[str, Any]:
    """Return the health message of a market time."""
    return {
        "type": "health",
        "time": milliseconds(now),
        "machine": machine_ms(),
        "sources": [_source(it) for it in sources],
        "streams": [
            {"source": it.source, **_stream(stream, now)} for it in sources for stream in it.streams
        ],
    }


def _source(it: SourceHealth) -> dict[str, Any]:
    return {
        "source": it.source,
        "socket": "up" if it.is_up else "down",
        "since": it.since and milliseconds(it.since),
        "trouble": it.trouble,
        "text": it.text,
        "ahead_seconds": it.offset and it.offset.seconds,
        "uncertainty_seconds": it.offset and it.offset.uncertainty_seconds,
    }


def _stream(it: StreamHealth, now: datetime) -> dict[str, Any]:
    return {
        "symbol": it.symbol,
        "contract": it.contract,
        "market": "open" if it.is_open else "closed",
        "state": it.state,
        "age_seconds": None if it.heard_at is None else round(age_seconds(it.heard_at, now), 3),
        "data_type": it.data_type,
    }
