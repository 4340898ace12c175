"""The rounds of one session: snapshots of what the streams say, and the minutes they made."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from futures_pipeline.collection.history.keeping import Keeper
from futures_pipeline.collection.normalize import to_batches
from futures_pipeline.collection.outages import Outages
from futures_pipeline.collection.streaming.streams import Streams
from futures_pipeline.domain.instruments import ALL_SYMBOLS
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.spool import NewBatch, NewRequest, Request

log = logging.getLogger(__name__)

SNAPSHOT, BARS = "snapshot", "bars"


@dataclass(slots=True)
class Tally:
    """What has been collected since it was last told."""

    rounds: int = 0
    snapshots: dict[str, int] = field(default_factory=dict)
    bars: dict[str, int] = field(default_factory=dict)
    refused: int = 0


@dataclass(slots=True)
class Rounds:
    """Takes what the streams have; every row goes through a request of the queue."""

    streams: Streams
    keeper: Keeper
    outages: Outages
    calendar: TradingCalendar
    tally: Tally

    def take(self, trouble: str) -> None:
        """Take one snapshot of every open market and the minutes completed since the last.

        ``trouble`` is what keeps live data away, empty when nothing does.
        """
        now, spool = self.streams.now(), self.keeper.spool
        symbols = self.streams.due_symbols(now)
        wanted = [NewRequest(SNAPSHOT, symbol, 0) for symbol in symbols]
        spool.enqueue([*wanted, NewRequest(BARS, ALL_SYMBOLS, 1)], now.at)
        claimed = spool.claim([SNAPSHOT, BARS], len(wanted) + 1, now.at)
        batches, done, refused = self.outages.take_batches(now.at), [], 0
        for request in claimed:
            rows, reason = self._snapshot(request, trouble)
            if reason:
                spool.put_back(request.id, "failed", (reason, reason), (now.at, now.at))
                refused += 1
            else:
                batches += rows
                done.append(request.id)
        self._keep_minutes(done, batches)
        self.tally.rounds += 1
        self.tally.refused += refused
        self._tell(now.at, batches, refused)

    def finish(self) -> None:
        """Keep what has come since the last round, at the end of a session."""
        self._keep_minutes([], self.outages.take_batches(self.streams.now().at))

    def _keep_minutes(self, ids: list[int], more: list[NewBatch]) -> None:
        minutes = self.streams.take_minutes()
        for row in minutes:
            name = row["contract"]
            self.tally.bars[name] = self.tally.bars.get(name, 0) + 1
        self.keeper.keep(ids, minutes, more)

    def _snapshot(self, request: Request, trouble: str) -> tuple[list[NewBatch], str]:
        if request.kind != SNAPSHOT:
            return [], ""
        rows, reason = self.streams.snapshots(request.symbol, self.streams.now(), trouble)
        if reason:
            return [], reason
        for row in rows:
            name = row["contract"]
            self.tally.snapshots[name] = self.tally.snapshots.get(name, 0) + 1
        table = self.streams.lines(request.symbol)[0].listed.instrument.snapshot_table
        return to_batches(table, rows, self.calendar, "timestamp"), ""

    def _tell(self, started: datetime, batches: list[NewBatch], refused: int) -> None:
        log.info(
            "round_finished round=%d spooled=%d failed=%d seconds=%.2f",
            self.tally.rounds,
            sum(batch.rows.height for batch in batches),
            refused,
            (self.streams.now().at - started).total_seconds(),
        )
