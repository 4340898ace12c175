"""Repair: bring a damaged table back from the spool, and say what cannot be brought back."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from futures_pipeline.domain.errors import LakeError
from futures_pipeline.storage.journal import (
    RAW_BY_NAME,
    Ingestion,
    refile_refused,
    refused_rows,
    session_rows,
    source_id,
)
from futures_pipeline.storage.lake import Lake, Once, OpenTable
from futures_pipeline.storage.lake.data_files import holding, read_rows
from futures_pipeline.storage.lake.log_repair import drop_damaged_history, repair_log
from futures_pipeline.storage.scrub import Damage, damaged_files, scrub
from futures_pipeline.storage.tables import QUARANTINE, TABLES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Healed:
    """What was done about a table: a sentence, and the rows that nothing brought back."""

    table: str
    did: str
    lost_rows: int = 0


def heal(ingestion: Ingestion, names: Iterable[str], now: datetime) -> list[Healed]:
    """Repair the logs of some tables and rebuild their damaged sessions: reads every file.

    ``now`` becomes ``ingested_at`` of rows that come in again.
    """
    wanted = list(names)
    done = heal_logs(ingestion, wanted, now)
    return done + rebuild(ingestion, scrub(ingestion.lake, wanted).damages, now)


def heal_logs(ingestion: Ingestion, names: Iterable[str], now: datetime) -> list[Healed]:
    """Repair the logs of some tables, as at every start: reads the logs alone."""
    done = repair_logs(ingestion.lake, names)
    if any(healed.table == QUARANTINE.name for healed in done):
        filed = refile_refused(ingestion, now)
        done.append(Healed(QUARANTINE.name, f"{filed} refused rows filed again from the spool"))
    return _told(done)


def _told(done: list[Healed]) -> list[Healed]:
    for healed in done:
        log.warning(
            "lake_healed table=%s lost_rows=%d did=%s", healed.table, healed.lost_rows, healed.did
        )
    return done


def repair_logs(lake: Lake, names: Iterable[str] = tuple(TABLES)) -> list[Healed]:
    """Bring the logs of some tables back to their last whole commits."""
    done = []
    for name in names:
        try:
            done += [Healed(name, says) for says in repair_log(lake.path(name))]
        except OSError as error:
            raise LakeError(
                f"table {name}: its log cannot be repaired ({error}); check the disk and the "
                "rights of the lake directory, then rerun"
            ) from error
    return done


def rebuild(ingestion: Ingestion, damages: Sequence[Damage], now: datetime) -> list[Healed]:
    """Repair damaged logs, then rebuild the sessions of damaged data files.

    From their other files and the spool. A derived session is emptied and its position set
    back, so that Dagster computes it anew.
    """
    logs = sorted({damage.table for damage in damages if damage.is_of_the_log})
    done = heal_logs(ingestion, logs, now)
    for name in logs:
        root = ingestion.lake.path(name)
        done += _told([Healed(name, says) for says in drop_damaged_history(root)])
    days_of: dict[str, set[date]] = {}
    for damage in damages:
        days_of.setdefault(damage.table, set()).update(damage.sessions)
    rebuilt = [_rebuilt(ingestion, name, days, now) for name, days in days_of.items() if days]
    return done + _told(rebuilt)


def _rebuilt(ingestion: Ingestion, name: str, days: set[date], now: datetime) -> Healed:
    table = ingestion.lake.open_or_create(name)
    files = holding(table.data_files(), days)
    bad = {damage.path for damage in damaged_files(table, files)}
    sound = [file for file in files if file.path not in bad]
    rows = pl.concat(
        [pl.DataFrame(schema=table.table.schema), *(read_rows(table.root, f) for f in sound)],
        how="diagonal",
    ).select(table.table.names)
    affected = sorted(frozenset(days).union(*(file.sessions for file in files)))
    had = sum(file.rows for file in files)
    whole = pl.concat([_session(ingestion, table, day, rows, now) for day in affected])
    return _stored(ingestion, table, affected, whole, had)


def _session(
    ingestion: Ingestion, table: OpenTable, day: date, intact: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    own = intact.filter(pl.col("session_date") == day)
    if table.table.name in RAW_BY_NAME:
        return session_rows(ingestion, table.table, day, own, now)
    if table.table.name == QUARANTINE.name:
        return refused_rows(ingestion, day, own, now)
    return own


def _stored(
    ingestion: Ingestion, table: OpenTable, days: Sequence[date], rows: pl.DataFrame, had: int
) -> Healed:
    name, metadata = table.table.name, {"run_id": ingestion.run_id, "rebuilt": "damaged file"}
    listed = ", ".join(map(str, days))
    if name in RAW_BY_NAME or name == QUARANTINE.name:
        table.replace(days, rows, metadata)
        lost = had - rows.height
        says = f"rebuilt {listed} from the spool: {rows.height} of {had} rows"
        return Healed(name, says, lost)
    table.replace(days, rows.clear(), metadata)
    for day in days:
        table.append(rows.clear(), Once(source_id(name, day), 0), metadata)
    return Healed(name, f"emptied {listed}, which Dagster computes anew")
