"""What incoming rows do to a stored partition: add, revise or nothing. Pure frames."""

from dataclasses import dataclass

import polars as pl

from futures_pipeline.storage.tables import Table


@dataclass(frozen=True, slots=True)
class Merge:
    """The outcome of a merge.

    ``added``: rows with a key the partition does not have. ``partition``: the whole new
    partition when a stored row is revised, else None. The counts are incoming rows, after
    rivals for one key were reduced to one.
    """

    added: pl.DataFrame
    partition: pl.DataFrame | None
    new: int
    revised: int
    unchanged: int


def merge_rows(stored: pl.DataFrame, incoming: pl.DataFrame, table: Table) -> Merge:
    """Return what ``incoming`` changes in ``stored``.

    Both have the table's columns; ``stored`` has unique keys. Of several rows with one key
    the greatest by ``table.precedence`` stays, the stored one on a tie. A row that would
    win but has the same ``table.values`` changes nothing. The order of incoming rows does
    not matter as long as ``precedence`` tells rivals apart.
    """
    key = list(table.key)
    best = incoming.sort(*table.precedence).unique(key, keep="last", maintain_order=True)
    added = best.join(stored, on=key, how="anti").sort(table.order)
    revisions = _revisions(stored, best, table)
    partition = None
    if revisions.height:
        kept = stored.join(revisions, on=key, how="anti")
        partition = pl.concat([kept, revisions, added]).sort(table.order)
    return Merge(
        added=added,
        partition=partition,
        new=added.height,
        revised=revisions.height,
        unchanged=best.height - added.height - revisions.height,
    )


def _revisions(stored: pl.DataFrame, best: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return the incoming rows that beat a stored row of their key and differ from it."""
    key = list(table.key)
    rivals = best.join(stored, on=key, how="semi")
    held = stored.join(rivals, on=key, how="semi")
    contest = pl.concat(
        [held.with_columns(_incoming=False), rivals.with_columns(_incoming=True)]
    ).sort(*table.precedence, ~pl.col("_incoming"))
    winners = contest.unique(key, keep="last", maintain_order=True)
    won = winners.filter("_incoming").drop("_incoming")
    same = [pl.col(value).eq_missing(pl.col(f"{value}_held")) for value in table.values]
    compared = won.join(
        held.select(*key, *(pl.col(value).alias(f"{value}_held") for value in table.values)), on=key
    )
    return compared.filter(~pl.all_horizontal(same)).select(won.columns)
