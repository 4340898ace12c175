"""How rows that were said are kept: the first stands, and what is already there is not repeated."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from futures_pipeline.orchestration.resources import Workbench
from futures_pipeline.storage.ingestion import MOST_FILES, source_id
from futures_pipeline.storage.lake import Once, OpenTable
from futures_pipeline.storage.tables import Table


def keep(
    workbench: Workbench,
    table: Table,
    rows: Sequence[dict[str, Any]],
    computed_at: datetime,
    run_id: str,
) -> pl.DataFrame:
    """Store the rows whose key is not there yet; return them.

    The position of a session counts its rows, so that what follows from them sees each commit.

    Raises:
        CommitConflict: another writer was faster; compute again.
    """
    said = pl.DataFrame(list(rows), schema=table.schema).with_columns(
        computed_at=pl.lit(computed_at, table.schema["computed_at"])
    )
    opened = workbench.lake.open_or_create(table.name)
    kept = [said.clear()]
    for (day,), of_day in said.partition_by("session_date", as_dict=True).items():
        stored = opened.read([day])
        fresh = of_day.join(stored, on=list(table.key), how="anti")
        if fresh.height:
            position = opened.committed_seq(source_id(table.name, day)) + fresh.height
            once = Once(source_id(table.name, day), position)
            _commit(opened, stored, fresh, once, run_id)
            kept.append(fresh)
    return pl.concat(kept)


def _commit(
    opened: OpenTable, stored: pl.DataFrame, fresh: pl.DataFrame, once: Once, run_id: str
) -> None:
    day, metadata = fresh["session_date"][0], {"run_id": run_id, "new": str(fresh.height)}
    if opened.files(day) < MOST_FILES:
        opened.append(fresh.sort(opened.table.order), once, metadata)
    else:
        opened.replace([day], pl.concat([stored, fresh]).sort(opened.table.order), metadata, once)
