"""A process to be killed: it fills the spool and ingests it, without end.

Run as ``python -m futures_pipeline_tests.storage.killed_ingester DIRECTORY``; says ``ready``
once it works. Every batch has new bars, a revision of an earlier one and a bad row.
"""

import sys
from datetime import timedelta
from pathlib import Path

from futures_pipeline.domain.instruments import UNIVERSE
from futures_pipeline.storage.ingestion import Ingestion, ingest_partition
from futures_pipeline.storage.lake import Lake
from futures_pipeline.storage.spool import NewBatch, Spool
from futures_pipeline.storage.tables import BARS_1M
from futures_pipeline_tests.storage.rows import AT, CALENDAR, SESSION, bar, frame


def spool_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'collector.sqlite'}"


def next_batch(number: int) -> NewBatch:
    """Return batch ``number``, from 0: two new bars, one revised, one with a NaN."""
    received = AT + timedelta(hours=1, seconds=number)
    new = [
        bar(ts_start=AT + timedelta(minutes=2 * number + n), received_at=received) for n in (0, 1)
    ]
    revised = bar(
        ts_start=AT + timedelta(minutes=max(0, number - 3)),
        close=5899.0 + (number % 8) / 4,
        source="history",
        received_at=received,
    )
    bad = bar("NQ", ts_start=AT + timedelta(minutes=number), close=float("nan"))
    return NewBatch(BARS_1M.name, SESSION, frame([*new, revised, bad], BARS_1M))


def work(directory: Path) -> None:
    spool = Spool(spool_url(directory))
    lake = Lake(directory / "lake")
    ingestion = Ingestion(lake, spool, tuple(UNIVERSE.values()), CALENDAR, "killed")
    held = spool.partitions()
    number = held[0].last_seq if held else 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        spool.append([next_batch(number)], AT)
        ingest_partition(ingestion, BARS_1M, SESSION, AT)
        number += 1


if __name__ == "__main__":
    work(Path(sys.argv[1]))
