"""The collector's database: its queue of requests, and the rows it hands over to Dagster."""

from futures_pipeline.storage.spool.queue import Fate
from futures_pipeline.storage.spool.spool import Spool
from futures_pipeline.storage.spool.values import (
    Batch,
    LedgerPage,
    NewBatch,
    NewRequest,
    Partition,
    Request,
    from_payload,
    to_payload,
)

__all__ = [
    "Batch",
    "Fate",
    "LedgerPage",
    "NewBatch",
    "NewRequest",
    "Partition",
    "Request",
    "Spool",
    "from_payload",
    "to_payload",
]
