"""The Delta tables, durable on a local disk. The one home of ``deltalake``.

Sessions share a partition a month, and a file name tells its sessions and its digest
(docs/decisions/0009 and 0010).
"""

from futures_pipeline.storage.lake.durable import LakeDamaged
from futures_pipeline.storage.lake.lake import Lake
from futures_pipeline.storage.lake.open_table import CommitConflict, Once, OpenTable

__all__ = ["CommitConflict", "Lake", "LakeDamaged", "Once", "OpenTable"]
