"""What the collector says of itself every five minutes: a line for each source, one for all."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.normalize import age_seconds
from futures_pipeline.collection.outages import Outages
from futures_pipeline.collection.streaming.lines import Line, Stream
from futures_pipeline.collection.streaming.rounds import Tally
from futures_pipeline.collection.streaming.streams import Streams
from futures_pipeline.domain.sessions import Session

log = logging.getLogger(__name__)


def tell_sources(
    streams: Streams, keeper: Keeper, tally: Tally, session: Session, now: datetime
) -> None:
    """Log one line a contract: what came since the last summary, and what is missing."""
    types = streams.data_types()
    for line in streams.all_lines:
        name = line.listed.local_symbol
        log.info(
            "source source=ibkr symbol=%s contract=%s market=%s snapshots=%d bars=%d "
            "missing_minutes=%d quote_age_seconds=%s data_type=%s silent=%s refused=%s",
            line.listed.instrument.symbol,
            name,
            "open" if line.hours.is_open(now) else "closed",
            tally.snapshots.get(name, 0),
            tally.bars.get(name, 0),
            keeper.lacks(line.listed, session),
            _quote_age(line, now),
            types.get(name, "none"),
            ",".join(line.silent) or "none",
            ",".join(found.kind for found in line.refused.values()) or "none",
        )


def tell_all(
    tally: Tally,
    outages: Outages,
    requests: Mapping[tuple[str, str], int],
    more: Mapping[str, object],
) -> None:
    """Log the summary of the whole collector; ``more`` is added as ``name=value``."""
    statuses = ("pending", "running", "failed", "dead")
    counts = {
        status: sum(count for (_, found), count in requests.items() if found == status)
        for status in statuses
    }
    lasting = ",".join(event.event for event in outages.lasting)
    log.info(
        "summary minutes=5 rounds=%d snapshots=%d bars=%d refused=%d outages=%s tasks=%d %s %s",
        tally.rounds,
        sum(tally.snapshots.values()),
        sum(tally.bars.values()),
        tally.refused,
        lasting or "none",
        len(asyncio.all_tasks()),
        " ".join(f"requests_{status}={count}" for status, count in counts.items()),
        " ".join(f"{name}={value}" for name, value in more.items()),
    )


def _quote_age(line: Line, now: datetime) -> str:
    heard = line.heard.get(Stream.QUOTES)
    return "none" if heard is None else f"{age_seconds(heard.at, now):.1f}"
