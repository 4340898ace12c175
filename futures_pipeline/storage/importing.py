"""From a file of option chains into the lake: judged by the table's own rules, and only once.

It does not go through the spool: years of rows would fill it, and the file itself can be
imported again. A row that is stored is not stored twice, whatever file it is in.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from futures_pipeline.domain.instruments import Instrument
from futures_pipeline.domain.sessions import TradingCalendar
from futures_pipeline.storage.ingestion import MAX_TRIES
from futures_pipeline.storage.judging import Court, judge_batch
from futures_pipeline.storage.lake import CommitConflict, Lake, Once, OpenTable
from futures_pipeline.storage.merge import Merge, merge_rows
from futures_pipeline.storage.option_files import Mapped
from futures_pipeline.storage.schemas import Split
from futures_pipeline.storage.spool import Batch, to_payload
from futures_pipeline.storage.tables import OPTION_SNAPSHOTS, QUARANTINE

TABLE = OPTION_SNAPSHOTS


@dataclass(frozen=True, slots=True)
class SessionImport:
    """What an import of one session does, or would do; counts of rows.

    ``repeated``: of one option and moment more than once; the one received last stands.
    ``refused``: by rule, with what the rule says. ``notes``: see ``option_files``.
    """

    session_date: date
    read: int
    new: int
    revised: int
    stored: int
    repeated: int
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Importer:
    """Where rows go, and what they may be about."""

    lake: Lake
    instruments: Sequence[Instrument]
    calendar: TradingCalendar

    def looked_at(self, mapped: Mapped, session_date: date, number: int) -> SessionImport:
        """Return what an import would do; ``number``: the file's."""
        judged = self._judged(mapped, session_date, number)
        stored = self.lake.read(TABLE.name, [session_date])
        return _report(mapped, session_date, judged, _merged(stored, judged))

    def imported(
        self, mapped: Mapped, session_date: date, number: int, now: datetime
    ) -> SessionImport:
        """Store the rows of one session; ``now`` becomes ``ingested_at``.

        Raises:
            CommitConflict: other writers were faster, again and again.
        """
        judged = self._judged(mapped, session_date, number)
        stamp = pl.lit(now).dt.cast_time_unit("us").alias("ingested_at")
        stamped = Split(judged.good.with_columns(stamp), judged.refused.with_columns(stamp))
        for attempt in range(MAX_TRIES):
            try:
                self._quarantine(stamped.refused, session_date, number)
                target = self.lake.open_or_create(TABLE.name)
                merged = _merged(target.read([session_date]), stamped)
                _commit(target, merged, session_date, number)
                return _report(mapped, session_date, stamped, merged)
            except CommitConflict:
                if attempt == MAX_TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _judged(self, mapped: Mapped, session_date: date, number: int) -> Split:
        symbols = TABLE.symbols(self.instruments)
        court = Court(TABLE, session_date, symbols, self.calendar)
        judged = judge_batch(Batch(number, to_payload(mapped.rows)), court)
        refused = judged.refused.with_columns(source_table=pl.lit(TABLE.name))
        never = pl.lit(None, TABLE.schema["ingested_at"]).alias("ingested_at")
        return Split(judged.good.with_columns(never), refused)

    def _quarantine(self, refused: pl.DataFrame, session_date: date, number: int) -> None:
        held = self.lake.read(QUARANTINE.name, [session_date])
        fresh = refused.join(held, on=QUARANTINE.key, how="anti")
        if fresh.height:
            once = Once(f"import:{QUARANTINE.name}:{session_date}:{number}", 1)
            table = self.lake.open_or_create(QUARANTINE.name)
            table.append(fresh.select(QUARANTINE.names), once, {"import": str(number)})


def _merged(stored: pl.DataFrame, judged: Split) -> Merge:
    return merge_rows(stored, judged.good.select(TABLE.names), TABLE)


def _commit(target: OpenTable, merged: Merge, session_date: date, number: int) -> None:
    if not merged.new and not merged.revised:
        return
    metadata = {"import": str(number), "new": str(merged.new), "revised": str(merged.revised)}
    once = Once(f"import:{TABLE.name}:{session_date}:{number}", 1)
    if merged.partition is None:
        target.append(merged.added, once, metadata)
    else:
        target.replace([session_date], merged.partition, metadata, once)


def _report(mapped: Mapped, session_date: date, judged: Split, merged: Merge) -> SessionImport:
    by_rule = judged.refused.group_by("rule", "says").len().sort("len", descending=True)
    kept = merged.new + merged.revised + merged.unchanged
    return SessionImport(
        session_date=session_date,
        read=mapped.rows.height,
        new=merged.new,
        revised=merged.revised,
        stored=merged.unchanged,
        repeated=judged.good.height - kept,
        refused={(rule, says): rows for rule, says, rows in by_rule.iter_rows()},
        notes=mapped.notes,
    )
