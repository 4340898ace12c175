"""What a table is: columns with units, a key, and the rules that every row must keep.

One rule list serves the quarantine and the pandera schema alike (``storage.schemas``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from futures_pipeline.domain.instruments import ALL_SYMBOLS, Instrument, Kind

UTC_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its polars type, whether null is allowed, and what it means."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    nullable: bool
    description: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition every stored row keeps; ``keeps`` is true, false or null (unknown passes)."""

    name: str
    keeps: pl.Expr
    says: str


@dataclass(frozen=True, slots=True)
class Table:
    """One Delta table, partitioned by ``session_date``.

    ``key`` identifies a row. ``values`` are the columns whose change makes a revision;
    ``precedence`` orders rivals for one key, the greatest wins. ``kinds`` are the kinds of
    instruments it has rows of; ``has_rows_of_all``: a row may be about all of them, under
    the symbol ``*``.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    values: tuple[str, ...] = ()
    precedence: tuple[pl.Expr, ...] = ()
    kinds: tuple[Kind, ...] = tuple(Kind)
    has_rows_of_all: bool = False

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        return {column.name: column.dtype for column in self.columns}

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def symbols(self, instruments: Iterable[Instrument]) -> frozenset[str]:
        """Return the symbols that may stand in the table."""
        own = {instrument.symbol for instrument in instruments if instrument.kind in self.kinds}
        return frozenset(own | {ALL_SYMBOLS} if self.has_rows_of_all else own)

    @property
    def moment(self) -> str:
        """The time column that decides a raw row's session."""
        return self.key[-1]


def finite(*names: str) -> pl.Expr:
    """Return whether none of the columns is NaN or infinite; null passes."""
    return pl.all_horizontal(pl.col(name).is_finite().fill_null(True) for name in names)


def not_negative(*names: str) -> pl.Expr:
    """Return whether all columns are finite and not below 0; null passes."""
    return pl.all_horizontal(
        (pl.col(name).is_finite() & (pl.col(name) >= 0)).fill_null(True) for name in names
    )


def positive(*names: str) -> pl.Expr:
    """Return whether all columns are above 0; null passes."""
    return pl.all_horizontal((pl.col(name) > 0).fill_null(True) for name in names)
