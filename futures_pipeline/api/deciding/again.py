"""A stored row found by its id, and made again from what its receipt names."""

from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl

from futures_pipeline.api.deciding.facts import FUTURE_OF
from futures_pipeline.api.deciding.moments import decided, moment_of
from futures_pipeline.api.deciding.sources import Sources
from futures_pipeline.api.deciding.warned import last_warning
from futures_pipeline.api.store import Store
from futures_pipeline.decisions.receipts import Difference, Receipt, decoded, differences
from futures_pipeline.domain.errors import ConfigurationError
from futures_pipeline.storage.tables import (
    DECISION_TABLES,
    FUTURES_SIGNALS,
    PREMARKET_SIGNALS,
    REGIME_WARNINGS,
)

# Of what was typed instead of an id.
MOST_SHOWN = 40


class Recomputed(NamedTuple):
    """A stored row and its receipt, and where the row made again differs; nowhere is equal."""

    row: dict[str, Any]
    receipt: Receipt
    differences: list[Difference]


def stored_row(store: Store, row_id: str) -> dict[str, Any]:
    """Return the row with an id, of whichever table has it.

    Raises:
        ConfigurationError: none has it.
    """
    for table in DECISION_TABLES:
        found = store.scan(table.name).filter(pl.col("id") == row_id).collect()
        if not found.is_empty():
            return found.row(0, named=True)
    tables = ", ".join(table.name for table in DECISION_TABLES)
    need = f"the id of a row of {tables}, as their column id and their pages in Dagster show it"
    raise ConfigurationError("id", row_id[:MOST_SHOWN], need)


def recomputed(store: Store, row: dict[str, Any]) -> Recomputed:
    """Return a row beside what the versions, and the settings, of its receipt give now.

    Raises:
        LakeError: a version is no longer kept.
    """
    receipt = decoded(row["receipt"])
    sources = Sources(_as_then(store, receipt), receipt.versions)
    return Recomputed(row, receipt, differences(row, made_again(sources, receipt)))


def made_again(sources: Sources, receipt: Receipt) -> dict[str, Any]:
    """Return the row of a receipt, computed from pinned tables; empty where there is none now."""
    at = receipt.as_of
    if receipt.table == REGIME_WARNINGS.name:
        symbol = next(spot for spot, future in FUTURE_OF.items() if future == receipt.symbol)
        return last_warning(sources, symbol, at) or {}
    if receipt.table == FUTURES_SIGNALS.name:
        return moment_of(sources, receipt.symbol, at).signal().row
    if receipt.table == PREMARKET_SIGNALS.name:
        return moment_of(sources, receipt.symbol, at).premarket().row
    return decided(sources, receipt.symbol, at).row


def _as_then(store: Store, receipt: Receipt) -> Store:
    """Return the store with the settings that the row was made with."""
    told = store.settings
    changed = {
        section: getattr(told, section).model_copy(update=dict(keys))
        for section, keys in receipt.settings.items()
    }
    return replace(store, settings=told.model_copy(update=changed))
