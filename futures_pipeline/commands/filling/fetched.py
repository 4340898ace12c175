"""What has become of the requests of a back-fill, read from the spool; and its table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from rich.table import Table as ScreenTable

from futures_pipeline.storage.spool import Fate, NewRequest, Spool
from futures_pipeline.storage.tables import BARS_1M

NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: a contract's session, and the window of its bars [start, end)."""

    identity: str
    symbol: str
    contract: str
    session_date: date
    start: datetime
    end: datetime


def asked_for(request: NewRequest) -> Asked:
    """Return what a request of ``history_plan`` asks for."""
    identity = str(request.identity)
    parameters = request.parameters
    return Asked(
        identity,
        request.symbol,
        parameters["contract"],
        date.fromisoformat(identity.split(":")[2]),
        datetime.fromisoformat(parameters["from"]),
        datetime.fromisoformat(parameters["to"]),
    )


class Fetched:
    """Follows requests and counts their bars, whoever works them off.

    Made before they are put into the queue: what was done by then is not asked again.
    """

    def __init__(self, spool: Spool, requests: Sequence[NewRequest]) -> None:
        self._spool = spool
        every = [asked_for(request) for request in requests]
        before = self._fates(every)
        self.asked = [one for one in every if before.get(one.identity, "") != Fate("done", None)]
        self.before = len(every) - len(self.asked)
        self.fates: dict[str, Fate] = {}
        self.bars: Counter[Asked] = Counter()
        self._seen = {(p.table, p.session_date): p.last_seq for p in spool.partitions()}

    def refresh(self) -> None:
        """Read on: what ended and which bars came since the last call."""
        self.fates = self._fates(self.asked)
        for part in self._spool.partitions():
            key = (part.table, part.session_date)
            seen = self._seen.get(key, 0)
            if part.table == BARS_1M.name and part.last_seq > seen:
                for batch in self._spool.read_after(part.table, part.session_date, seen):
                    self._count(batch.rows())
                self._seen[key] = part.last_seq

    @property
    def ended(self) -> int:
        """How many requests have ended, well or ill."""
        return sum(fate.has_ended for fate in self.fates.values())

    @property
    def failed(self) -> int:
        return sum(fate.has_failed for fate in self.fates.values())

    @property
    def is_over(self) -> bool:
        return self.ended == len(self.asked)

    def why_empty(self, asked: Asked) -> str:
        """Return why a request brought no bars; empty when it did, or has not ended."""
        fate = self.fates.get(asked.identity)
        if fate is None or not fate.has_ended:
            return ""
        if fate.has_failed:
            return fate.error_kind or fate.status
        return "" if self.bars[asked] else NO_DATA

    def _count(self, rows: pl.DataFrame) -> None:
        history = rows.filter(pl.col("source") == "history")
        for (contract,), some in history.group_by("contract"):
            starts = some["ts_start"]
            for asked in (one for one in self.asked if one.contract == contract):
                came = int(starts.is_between(asked.start, asked.end, closed="left").sum())
                if came:
                    self.bars[asked] += came

    def _fates(self, asked: Sequence[Asked]) -> dict[str, Fate]:
        return self._spool.fates([one.identity for one in asked])


def fetched_table(fetched: Fetched) -> ScreenTable:
    """Return a line for each symbol: sessions asked, bars received, sessions without, why."""
    screen = ScreenTable("Symbol", "Sessions asked", "Bars received", "Without data", "Why")
    for symbol in dict.fromkeys(sorted(one.symbol for one in fetched.asked)):
        mine = [one for one in fetched.asked if one.symbol == symbol]
        empty = {one: why for one in mine if (why := fetched.why_empty(one))}
        screen.add_row(
            symbol,
            f"{len({one.session_date for one in mine}):,}",
            f"{sum(fetched.bars[one] for one in mine):,}",
            f"{len({one.session_date for one in empty}):,}",
            "; ".join(f"{why}: {_days(empty, why)}" for why in sorted(set(empty.values()))),
        )
    return screen


def _days(empty: dict[Asked, str], why: str) -> str:
    days = sorted({one.session_date for one, found in empty.items() if found == why})
    shown = ", ".join(str(day) for day in days[:3])
    return shown if len(days) <= len(days[:3]) else f"{shown} and {len(days) - 3} more"
